import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from peers.ca import TestCa
from peers.credentials import DutCredentials
from peers.scenario import Identity


def test_certificates_chain_to_their_ca_only() -> None:
    """An independent verifier (OpenSSL-like path validation of `cryptography`) accepts the chain."""
    ca, other = TestCa.create(), TestCa.create()
    for kind in ("rsa", "ecdsa"):
        issued = ca.issue(kind, Identity.parse("fqdn:gw.example"))
        leaf = x509.load_pem_x509_certificate(issued.certificate.encode())

        def verify(anchor: TestCa, leaf: x509.Certificate = leaf) -> None:
            store = Store([x509.load_pem_x509_certificate(anchor.pem.encode())])
            now = datetime.datetime.now(datetime.UTC)
            PolicyBuilder().store(store).time(now).build_server_verifier(x509.DNSName("gw.example")).verify(leaf, [])

        verify(ca)
        with pytest.raises(VerificationError):
            verify(other)


def test_files_hold_what_the_profile_names_and_are_owner_only(tmp_path: Path) -> None:
    credentials = DutCredentials.create(("ecdsa", "ed25519"))
    dut, tester = credentials.write(tmp_path)
    assert set(dut) == {"psk", "ecdsa", "ed25519"}
    assert Path(dut["psk"]["psk"]["file"]).read_bytes() == credentials.psk
    assert "PRIVATE KEY" in Path(tester["ed25519"]["key"]["file"]).read_text()
    assert tester["ecdsa"]["identity"] == "fqdn:ecdsa.tester.example"
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert credentials.psk.decode() not in repr(credentials.dut)
