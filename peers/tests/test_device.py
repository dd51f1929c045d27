import json
import sys
from pathlib import Path
from typing import Any

import pytest

from peers.device import DeviceDriver
from peers.errors import LabError, NotSupported, PeerError

PRINT = "import sys; open(sys.argv[1], 'a').write(' '.join(sys.argv[2:]) + '\\n')"


def profile(**trigger: Any) -> dict[str, Any]:
    return {"dut": {"name": "gw", "address": "192.0.2.1", "trigger": trigger}}


def test_commands_run_with_their_places_filled(tmp_path: Path) -> None:
    log = tmp_path / "log"
    base = [sys.executable, "-c", PRINT, str(log)]
    driver = DeviceDriver(
        profile(
            driver="command", initiate=[*base, "up", "{connection}"], rekey_child=[*base, "rekey", "{spi_i}/{spi_in}"]
        )
    )
    driver.initiate("tester; rm -rf /")
    driver.rekey_child("00" * 8, "c0ffee00")
    assert log.read_text().splitlines() == ["up tester; rm -rf /", "rekey 0000000000000000/c0ffee00"]


def test_failures_are_told_with_the_commands_own_words() -> None:
    failing = [sys.executable, "-c", "import sys; sys.exit('no such tunnel')"]
    driver = DeviceDriver(profile(driver="command", initiate=failing, delete_ike=["/no/such/program"]))
    with pytest.raises(PeerError, match="no such tunnel"):
        driver.initiate("tester")
    with pytest.raises(PeerError, match="could not be run"):
        driver.delete_ike("00" * 8)
    with pytest.raises(NotSupported, match=r"dut\.trigger\.liveness"):
        driver.liveness("00" * 8)


def test_state_is_read_from_json() -> None:
    listed = [
        {"connection": "c", "spi_i": "aa", "spi_r": "bb", "state": "established", "initiator": True, "children": []}
    ]
    driver = DeviceDriver(profile(driver="command", state=[sys.executable, "-c", f"print({json.dumps(listed)!r})"]))
    (view,) = driver.state()
    assert (view.spi_i, view.established) == ("aa", True)
    broken = DeviceDriver(profile(driver="command", state=[sys.executable, "-c", "print('{')"]))
    with pytest.raises(PeerError, match="no list of IKE SAs"):
        broken.state()


def test_operator_is_asked() -> None:
    asked: list[str] = []
    driver = DeviceDriver(profile(driver="operator"), asked.append)
    driver.rekey_ike("aa")
    assert asked == ["Please make gw rekey the IKE SA aa"]
    with pytest.raises(LabError, match="nobody to ask"):
        DeviceDriver(profile(driver="operator"))
    with pytest.raises(LabError, match="'fax'"):
        DeviceDriver(profile(driver="fax"))
