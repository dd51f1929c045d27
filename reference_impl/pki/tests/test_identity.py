"""Identities (RFC 4945, section 3.1) and certificate requests (RFC 7296, section 3.7)."""

import hashlib
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reference_impl.pki import certreq, identity
from reference_impl.pki.errors import CertificateError, Reason
from reference_impl.pki.testca import make_ca
from reference_impl.wire.registries import IdType

ROOT = make_ca("root")
SUB = ROOT.issue_ca("sub")
NAMES = ["fqdn:gw.example", "fqdn:*.wild.example", "email:User@mail.example", "ip:192.0.2.1", "ip:2001:db8::1"]
GW = SUB.issue("common.example", NAMES)
SUBJECT = GW.certificate.subject.public_bytes()


@pytest.mark.parametrize(
    ("id_type", "data", "fine"),
    [
        (IdType.ID_FQDN, b"gw.example", True),
        (IdType.ID_FQDN, b"GW.Example", True),
        (IdType.ID_FQDN, b"gw.example.", False),
        (IdType.ID_FQDN, b"w.example", False),
        (IdType.ID_FQDN, b"a.wild.example", False),
        (IdType.ID_FQDN, b"common.example", False),
        (IdType.ID_FQDN, b"gw.ex\xc3\xa4mple", False),
        (IdType.ID_FQDN, b"", False),
        (IdType.ID_FQDN, b"user@mail.example", False),
        (IdType.ID_FQDN, b"192.0.2.1", False),
        (IdType.ID_RFC822_ADDR, b"user@MAIL.example", True),
        (IdType.ID_RFC822_ADDR, b"other@mail.example", False),
        (IdType.ID_RFC822_ADDR, b"gw.example", False),
        (IdType.ID_IPV4_ADDR, ip_address("192.0.2.1").packed, True),
        (IdType.ID_IPV4_ADDR, ip_address("192.0.2.2").packed, False),
        (IdType.ID_IPV4_ADDR, b"192.0.2.1", False),
        (IdType.ID_IPV4_ADDR, ip_address("2001:db8::1").packed, False),
        (IdType.ID_IPV6_ADDR, ip_address("2001:db8::1").packed, True),
        (IdType.ID_IPV6_ADDR, ip_address("2001:db8::2").packed, False),
        (IdType.ID_IPV6_ADDR, ip_address("192.0.2.1").packed, False),
        (IdType.ID_DER_ASN1_DN, SUBJECT, True),
        (IdType.ID_DER_ASN1_DN, SUBJECT[:-1], False),
        (IdType.ID_DER_ASN1_DN, SUBJECT + b"\0", False),
        (IdType.ID_DER_ASN1_DN, ROOT.certificate.subject.public_bytes(), False),
        (IdType.ID_KEY_ID, b"gw.example", False),
        (IdType.ID_DER_ASN1_GN, SUBJECT, False),
        (IdType(200), b"gw.example", False),
    ],
)
def test_match(id_type: IdType, data: bytes, fine: bool) -> None:
    assert identity.matches_identity(GW.certificate, id_type, data) is fine
    if fine:
        identity.check_identity(GW.certificate, id_type, data)
    else:
        with pytest.raises(CertificateError) as caught:
            identity.check_identity(GW.certificate, id_type, data)
        assert caught.value.reason == Reason.IDENTITY_MISMATCH


def test_identities_are_those_that_match() -> None:
    found = identity.identities(GW.certificate)
    assert len(found) == len(NAMES) + 1
    assert all(identity.matches_identity(GW.certificate, *one) for one in found)


def test_without_subject_or_alternative_name() -> None:
    plain = ROOT.issue("gw.example").certificate
    assert not identity.matches_identity(plain, IdType.ID_FQDN, b"gw.example")
    nameless = ROOT.issue("x", NAMES, alter=lambda builder: _without_subject(builder)).certificate
    assert not identity.matches_identity(nameless, IdType.ID_DER_ASN1_DN, x509.Name([]).public_bytes())
    assert identity.matches_identity(nameless, IdType.ID_FQDN, b"gw.example")


def _without_subject(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    builder._subject_name = x509.Name([])
    return builder


def test_authorities() -> None:
    info = ROOT.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert info in ROOT.der
    field = certreq.authorities([ROOT.certificate, SUB.certificate, ROOT.certificate])
    assert field[:20] == hashlib.sha1(info).digest()
    assert len(field) == 40
    assert certreq.requested(field) == (field[:20], field[20:])
    assert certreq.requested(field[:-1]) is None
    assert certreq.requested(b"") == ()


def test_answers() -> None:
    chain, anchors = (GW.certificate, *GW.chain), (ROOT.certificate, make_ca("other").certificate)
    root, sub = certreq.spki_hash(ROOT.certificate), certreq.spki_hash(SUB.certificate)
    assert certreq.answers(chain, anchors, root)
    assert certreq.answers(chain, anchors, sub)
    assert certreq.answers(chain, (), bytes(20) + sub)
    assert certreq.answers(chain, anchors, b"")
    assert not certreq.answers(chain, (), root)
    assert not certreq.answers(chain, anchors, certreq.spki_hash(anchors[1]))
    assert not certreq.answers(chain, anchors, certreq.spki_hash(GW.certificate))
    assert not certreq.answers(chain, anchors, root + b"\0")
