"""The NAT box between two real peers, judged on the wire."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from peers import Lab, keys, wireshark
from peers.capture import Capture
from peers.nat import NatBox
from peers.scenario import Connection, Credentials, Endpoint, Identity
from peers.tests.labtools import established, strongswan, wait_for

pytestmark = pytest.mark.lab


def test_translation_rebinding_and_two_clients(tmp_path: Path) -> None:
    secret = Credentials(psk=b"0123456789abcdef")
    with Lab() as lab:
        network = lab.fixed_network("nat")
        box = NatBox(lab, network)
        gateway, outside = strongswan(lab, network, "strongswan-5.9", "gw", "10.1.0.1/24")
        capture = Capture(network.interface, tmp_path / "nat.pcap")
        logs = []
        for number in (0, 1):
            client, address = strongswan(
                lab, network, "strongswan-6.0", f"client{number}", f"10.2.{number}.1/24", place=dict(box.place(number))
            )
            own = Endpoint(address, Identity.parse(f"fqdn:c{number}.example"), "psk", secret, (f"10.2.{number}.0/24",))
            peer = Endpoint(outside, Identity.parse("fqdn:gw.example"), "psk", secret, ("10.1.0.0/24",))
            connection = Connection(f"c{number}", own, peer, ("aes128gcm16-prfsha256-ecp256",), ("aes128gcm16",), dpd=1)
            gateway.load(replace(connection.mirrored(), remote=replace(own, address="any"), dpd=0))
            client.load(connection)
            client.initiate(f"c{number}")
            established(client)
            assert client.ping("10.1.0.1", f"10.2.{number}.1").ok
            logs.append(client)
        seen = {sa.connection: sa.remote for sa in gateway.state()}
        assert {place.partition(":")[0] for place in seen.values()} == {box.outside}
        assert len(set(seen.values())) == 2

        box.rebind()
        client, before = logs[0], logs[0].state()[0].children[0].spi_in
        # a liveness check shows the gateway the new mapping; its user-space data plane follows with a Child SA rekey
        wait_for(lambda: {sa.connection: sa.remote for sa in gateway.state()}.get("c0") not in (None, seen["c0"]))
        wait_for(lambda: any(c.state == "installed" and c.spi_in != before for c in client.state()[0].children))
        assert client.ping("10.1.0.1", "10.2.0.1").ok
        capture.stop()
        candidates = [keys.from_charon(each.logs()) for each in logs]
        table = keys.match(capture.path, candidates[0][0] + candidates[1][0], candidates[0][1] + candidates[1][1])
        assert table.missing == ()
        records = wireshark.read(capture.path, table)
        ports = {
            record.source_port
            for record in records
            if record.source == box.outside
            and record.destination_port == 4500
            and isinstance(record, wireshark.IkeMessage)
        }
        assert any(20000 <= port < 20100 for port in ports)
        assert any(20100 <= port < 20200 for port in ports)
        for driver in (*logs, gateway):
            driver.close()
