import json
import socket
from pathlib import Path

import jsonschema
import pytest

import peers
from peers import PeerError
from peers.reference import dut

SCHEMA = Path(__file__).parents[2] / "conformance" / "schemas" / "profile.schema.json"


def test_starts_without_docker_initiates_and_ends(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(4)
        handle = peers.start("reference", tmp_path, peers.Options(ike_port=listener.getsockname()[1], natt_port=4501))
        jsonschema.validate(handle.profile, json.loads(SCHEMA.read_text()))
        driver = peers.attach(peers.DutHandle.from_json(handle.to_json()))
        assert driver.state() == []
        driver.initiate("tester")
        request, source = listener.recvfrom(4096)
        assert source == ("127.0.0.1", handle.profile["dut"]["ike_port"])
        assert request[18] == 34
        (sa,) = driver.state()
        assert (sa.spi_i, sa.initiator) == (request[:8].hex(), True)
        driver.close()
        peers.stop(handle)
    with pytest.raises(PeerError):
        peers.attach(handle)


def test_a_gateway_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match="no_such_key"):
        dut.launch(tmp_path, [], gateway={"no_such_key": 1})
