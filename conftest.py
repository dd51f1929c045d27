"""Makes `pytest conformance --dut …` and `pytest conformance/interop` work from a checkout."""

pytest_plugins = ["conformance.plugin.hooks", "conformance.interop.plugin"]
