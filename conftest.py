"""Makes `pytest conformance --dut …` work from a checkout."""

pytest_plugins = ["conformance.plugin.hooks"]
