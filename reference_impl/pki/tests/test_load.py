"""Reading key and certificate files, and what is said about bad ones."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from reference_impl.pki import chain, identity, load
from reference_impl.pki.errors import CertificateError, LoadError, Reason
from reference_impl.pki.testca import make_ca

NOW = datetime.now(UTC)
ROOT = make_ca("root")
SUB = ROOT.issue_ca("sub")
GW = SUB.issue("gw", ["fqdn:gw.example"])


def test_written_credentials_load_again(tmp_path: Path) -> None:
    certificate, key = GW.write(tmp_path, "gw")
    certificates, private_key = load.load_credentials(certificate, key)
    assert certificates == (GW.certificate, *GW.chain)
    assert private_key.public_key() == GW.certificate.public_key()
    assert key.stat().st_mode & 0o777 == 0o600
    assert load.load_certificates(ROOT.write(tmp_path / "ca.crt")) == (ROOT.certificate,)


@pytest.mark.parametrize("key_type", ["rsa", "ecdsa", "ed25519", "ed448"])
def test_der_and_pem(tmp_path: Path, key_type: str) -> None:
    credential = ROOT.issue("gw", key_type=key_type)
    (tmp_path / "gw.der").write_bytes(credential.der)
    assert load.load_certificates(tmp_path / "gw.der") == (credential.certificate,)
    key = credential.private_key
    for encoding in (Encoding.DER, Encoding.PEM):
        path = tmp_path / "key"
        path.write_bytes(key.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption()))
        assert load.load_private_key(path).public_key() == key.public_key()


def test_encrypted_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(
        GW.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    )
    assert load.load_private_key(path, b"password").public_key() == GW.certificate.public_key()
    with pytest.raises(LoadError, match="give its password"):
        load.load_private_key(path)
    with pytest.raises(LoadError, match="password is wrong"):
        load.load_private_key(path, b"guess")
    path.write_bytes(GW.key_pem())
    with pytest.raises(LoadError, match="not encrypted"):
        load.load_private_key(path, b"password")


def test_errors_name_the_file_and_the_trouble(tmp_path: Path) -> None:
    def file(name: str, data: bytes) -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    certificate, key = GW.write(tmp_path, "gw")
    for action, path, trouble in (
        (load.load_certificates, tmp_path / "none", "No such file"),
        (load.load_certificates, tmp_path, "Is a directory"),
        (load.load_certificates, file("empty", b""), "empty"),
        (load.load_certificates, file("junk", os.urandom(100)), "not a certificate"),
        (load.load_certificates, key, "private key, not a certificate"),
        (load.load_certificates, file("huge", bytes(load.MAX_FILE_SIZE + 1)), "larger"),
        (load.load_private_key, tmp_path / "none", "No such file"),
        (load.load_private_key, certificate, "it holds a certificate"),
        (load.load_private_key, file("junk", os.urandom(100)), "not a private key"),
    ):
        with pytest.raises(LoadError, match=trouble) as caught:
            action(path)
        assert str(path) in str(caught.value)


def test_keys_that_ike_cannot_sign_with(tmp_path: Path) -> None:
    for key in (x25519.X25519PrivateKey.generate(), dsa.generate_private_key(1024)):
        path = tmp_path / "key"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        with pytest.raises(LoadError, match="IKE can sign"):
            load.load_private_key(path)


def test_key_of_another_certificate(tmp_path: Path) -> None:
    certificate, _ = GW.write(tmp_path, "gw")
    _, key = ROOT.issue("other").write(tmp_path, "other")
    with pytest.raises(LoadError, match="not the private key of the first certificate"):
        load.load_credentials(certificate, key)


def test_no_secret_in_any_message(tmp_path: Path) -> None:
    pem = GW.key_pem()
    body = pem.split(b"\n")[1]
    (tmp_path / "key").write_bytes(pem.replace(body, body[:-1] + b"!"))
    with pytest.raises(LoadError) as caught:
        load.load_private_key(tmp_path / "key")
    assert body[:10].decode() not in str(caught.value)
    assert "PrivateKey" not in repr(GW)


@pytest.mark.parametrize("size", [0, 1, 10, 100])
def test_malformed_certificate_payload(size: int) -> None:
    with pytest.raises(CertificateError) as caught:
        load.parse_certificate(GW.der[:size])
    assert caught.value.reason == Reason.MALFORMED


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_no_octet_of_a_certificate_can_cause_another_error(flip: int) -> None:
    """Only CertificateError leaves parsing, path validation and the identity check, whatever octet is wrong."""
    accepted = []
    for position in range(len(GW.der)):
        changed = bytearray(GW.der)
        changed[position] ^= flip
        try:
            certificate = load.parse_certificate(bytes(changed))
            load.public_key(certificate)
            identity.identities(certificate)
            for trusted in (ROOT.certificate, certificate):
                chain.validate_chain(certificate, GW.chain, [trusted], NOW)
        except CertificateError:
            continue
        accepted.append(position)
    assert accepted == []
