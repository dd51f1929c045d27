"""Path validation: what is accepted, and each reason for refusing."""

import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from reference_impl.pki import chain
from reference_impl.pki.errors import CertificateError, Reason
from reference_impl.pki.testca import KEY_TYPES, CertificateAuthority, Credential, make_ca

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
ROOT = make_ca("root")
OTHER = make_ca("other root")
# The name of ROOT with another key.
IMPOSTOR = make_ca("root")

Builder = x509.CertificateBuilder


def reason(
    credential: Credential, *, anchors: list[CertificateAuthority] | None = None, at: datetime = NOW, **options: bool
) -> Reason:
    with pytest.raises(CertificateError) as caught:
        chain.validate_chain(
            credential.certificate,
            credential.chain,
            [anchor.certificate for anchor in anchors or [ROOT]],
            at,
            **options,
        )
    return caught.value.reason


def accepted(credential: Credential, root: CertificateAuthority = ROOT) -> bool:
    anchors = [OTHER.certificate, root.certificate]
    path = chain.validate_chain(credential.certificate, credential.chain, anchors, NOW)
    return path == (credential.certificate, *credential.chain, root.certificate)


def replacing(extension: x509.ExtensionType, *, critical: bool) -> Callable[[Builder], Builder]:
    """Alter a builder: this extension instead of the one of its kind."""

    def alter(builder: Builder) -> Builder:
        kept = [one for one in builder._extensions if one.oid != extension.oid]
        return Builder(
            builder._issuer_name,
            builder._subject_name,
            builder._public_key,
            builder._serial_number,
            builder._not_valid_before,
            builder._not_valid_after,
            kept,
        ).add_extension(extension, critical=critical)

    return alter


def usage(**bits: bool) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign"
        " crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**{**dict.fromkeys(names.split(), False), **bits})


@pytest.mark.parametrize("key_type", [name for name in KEY_TYPES if not name.startswith("rsa") or name == "rsa"])
def test_valid_chains_of_every_key_type(key_type: str) -> None:
    root = make_ca("root", key_type=key_type)
    assert accepted(root.issue("gw", key_type=key_type), root)
    assert accepted(root.issue_ca("sub", key_type=key_type).issue("gw", key_type=key_type), root)


def test_end_entity_that_is_itself_an_anchor() -> None:
    pinned = ROOT.issue("pinned")
    path = chain.validate_chain(pinned.certificate, (), [pinned.certificate], NOW)
    assert path == (pinned.certificate,)
    expired = ROOT.issue("pinned", not_before=NOW - 3 * DAY, not_after=NOW - DAY)
    with pytest.raises(CertificateError):
        chain.validate_chain(expired.certificate, (), [expired.certificate], NOW)


def test_an_intermediate_may_be_the_anchor() -> None:
    sub = ROOT.issue_ca("sub")
    gw = sub.issue("gw")
    path = chain.validate_chain(gw.certificate, gw.chain, [sub.certificate], NOW)
    assert path == (gw.certificate, sub.certificate)


def test_validity() -> None:
    old = ROOT.issue("old", not_before=NOW - 3 * DAY, not_after=NOW - DAY)
    young = ROOT.issue("young", not_before=NOW + DAY, not_after=NOW + 3 * DAY)
    assert reason(old) == Reason.EXPIRED
    assert reason(young) == Reason.NOT_YET_VALID
    assert chain.validate_chain(young.certificate, (), [ROOT.certificate], NOW + 2 * DAY)
    end = old.certificate.not_valid_after_utc
    chain.check_validity(old.certificate, end)
    with pytest.raises(CertificateError):
        chain.check_validity(old.certificate, end + timedelta(seconds=1))
    stale = ROOT.issue_ca("stale", not_before=NOW - 3 * DAY, not_after=NOW - DAY)
    assert reason(stale.issue("gw")) == Reason.EXPIRED


def test_unknown_issuer() -> None:
    assert reason(OTHER.issue("gw")) == Reason.UNKNOWN_ISSUER
    orphan = ROOT.issue_ca("sub").issue("gw")
    assert reason(Credential(orphan.certificate, orphan.private_key)) == Reason.UNKNOWN_ISSUER
    # A complete chain to a root that is only sent, not trusted.
    sent = OTHER.issue("gw")
    assert reason(Credential(sent.certificate, sent.private_key, (OTHER.certificate,))) == Reason.UNKNOWN_ISSUER


def test_bad_signature() -> None:
    assert reason(IMPOSTOR.issue("gw")) == Reason.BAD_SIGNATURE
    assert reason(IMPOSTOR.issue_ca("sub").issue("gw")) == Reason.BAD_SIGNATURE
    good = ROOT.issue("gw")
    der = bytearray(good.der)
    der[-1] ^= 1
    with pytest.raises(CertificateError) as caught:
        chain.validate_chain(x509.load_der_x509_certificate(bytes(der)), (), [ROOT.certificate], NOW)
    assert caught.value.reason == Reason.BAD_SIGNATURE


def test_an_anchor_of_the_same_name_does_not_hide_the_right_one() -> None:
    good = ROOT.issue_ca("sub").issue("gw")
    anchors = [IMPOSTOR.certificate, ROOT.certificate]
    assert chain.validate_chain(good.certificate, good.chain, anchors, NOW)[-1] == ROOT.certificate


def test_a_second_path_is_tried() -> None:
    """Two certificates for one sub-CA key: the expired one does not spoil the path."""
    sub = ROOT.issue_ca("sub")
    key = sub.private_key
    expired = ROOT.issue("sub", private_key=key, not_before=NOW - 3 * DAY, not_after=NOW - DAY, alter=as_ca)
    gw = sub.issue("gw")
    for order in ((expired.certificate, sub.certificate), (sub.certificate, expired.certificate)):
        path = chain.validate_chain(gw.certificate, order, [ROOT.certificate], NOW)
        assert path[1] == sub.certificate


def as_ca(builder: Builder) -> Builder:
    builder = replacing(x509.BasicConstraints(ca=True, path_length=None), critical=True)(builder)
    return replacing(usage(key_cert_sign=True), critical=True)(builder)


def test_basic_constraints() -> None:
    gw = ROOT.issue("gw")
    forged = CertificateAuthority(gw.certificate, gw.private_key, (gw.certificate,)).issue("victim")
    assert reason(forged) == Reason.BASIC_CONSTRAINTS
    bare = ROOT.issue("bare", alter=replacing(usage(digital_signature=True, key_cert_sign=True), critical=True))
    forged = CertificateAuthority(bare.certificate, bare.private_key, (bare.certificate,)).issue("victim")
    assert reason(forged) == Reason.BASIC_CONSTRAINTS


def test_path_length() -> None:
    narrow = ROOT.issue_ca("narrow", path_length=0)
    assert accepted(narrow.issue("gw"))
    assert reason(narrow.issue_ca("below").issue("gw")) == Reason.PATH_LENGTH
    one = ROOT.issue_ca("one", path_length=1)
    assert accepted(one.issue_ca("below").issue("gw"))
    assert reason(one.issue_ca("below").issue_ca("deeper").issue("gw")) == Reason.PATH_LENGTH
    tight = make_ca("tight", path_length=0)
    assert reason(tight.issue_ca("sub").issue("gw"), anchors=[tight]) == Reason.PATH_LENGTH


def test_key_usage() -> None:
    def with_usage(**bits: bool) -> Credential:
        return ROOT.issue("gw", alter=replacing(usage(**bits), critical=True))

    assert reason(with_usage(key_encipherment=True)) == Reason.KEY_USAGE
    assert accepted(with_usage(content_commitment=True))
    assert accepted(with_usage(digital_signature=True, key_encipherment=True))
    mute = ROOT.issue_ca("mute", alter=replacing(usage(crl_sign=True), critical=True))
    assert reason(mute.issue("gw")) == Reason.KEY_USAGE


def test_extended_key_usage_of_rfc4945_5_1_3_12() -> None:
    def with_purposes(*oids: x509.ObjectIdentifier) -> Credential:
        return ROOT.issue("gw", alter=replacing(x509.ExtendedKeyUsage(oids), critical=False))

    server = with_purposes(ExtendedKeyUsageOID.SERVER_AUTH)
    assert reason(server) == Reason.EXTENDED_KEY_USAGE
    assert chain.validate_chain(server.certificate, (), [ROOT.certificate], NOW, extended_key_usage=False)
    assert accepted(with_purposes(ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.IPSEC_IKE))
    assert accepted(with_purposes(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE))


def test_critical_extensions() -> None:
    private = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    assert reason(ROOT.issue("gw", alter=replacing(private, critical=True))) == Reason.CRITICAL_EXTENSION
    assert accepted(ROOT.issue("gw", alter=replacing(private, critical=False)))
    policy = x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None)
    strict = ROOT.issue_ca("strict", alter=replacing(policy, critical=True))
    assert reason(strict.issue("gw")) == Reason.CRITICAL_EXTENSION


PERMITTED = x509.NameConstraints(
    permitted_subtrees=[
        x509.DNSName("good.example"),
        x509.RFC822Name("mail.example"),
        x509.IPAddress(ipaddress.ip_network("192.0.2.0/24")),
        x509.IPAddress(ipaddress.ip_network("2001:db8::/32")),
    ],
    excluded_subtrees=[x509.DNSName("bad.good.example"), x509.IPAddress(ipaddress.ip_network("192.0.2.128/25"))],
)
CONSTRAINED = ROOT.issue_ca("constrained", name_constraints=PERMITTED)


@pytest.mark.parametrize(
    ("identities", "fine"),
    [
        (["fqdn:good.example"], True),
        (["fqdn:GW.Good.example"], True),
        (["fqdn:notgood.example"], False),
        (["fqdn:bad.good.example"], False),
        (["fqdn:gw.bad.good.example"], False),
        (["email:a@mail.example"], True),
        (["email:a@sub.mail.example"], False),
        (["ip:192.0.2.1"], True),
        (["ip:192.0.2.129"], False),
        (["ip:198.51.100.1"], False),
        (["ip:2001:db8::1"], True),
        (["ip:2001:db9::1"], False),
        (["fqdn:good.example", "fqdn:elsewhere.example"], False),
        ([], True),
    ],
)
def test_name_constraints(identities: list[str], fine: bool) -> None:
    for issuer in (CONSTRAINED, CONSTRAINED.issue_ca("below")):
        credential = issuer.issue("gw", identities)
        if fine:
            assert accepted(credential)
        else:
            assert reason(credential) == Reason.NAME_CONSTRAINTS


def test_directory_name_constraints() -> None:
    ours = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "ikeproof")])
    theirs = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "someone else")])
    for name, fine in ((ours, True), (theirs, False)):
        constraints = x509.NameConstraints([x509.DirectoryName(name)], None)
        credential = ROOT.issue_ca("sub", name_constraints=constraints).issue("gw")
        if fine:
            assert accepted(credential)
        else:
            assert reason(credential) == Reason.NAME_CONSTRAINTS


def test_loops_end() -> None:
    """Two CAs that certify each other, in many copies: no path, and not much work."""
    first, second = make_ca("first"), make_ca("second")
    copies = []
    for _ in range(6):
        copies.append(second.issue("first", private_key=first.private_key, alter=as_ca).certificate)
        copies.append(first.issue("second", private_key=second.private_key, alter=as_ca).certificate)
    gw = first.issue("gw")
    tangled = Credential(gw.certificate, gw.private_key, tuple(copies))
    assert reason(tangled) in (Reason.TOO_COMPLEX, Reason.UNKNOWN_ISSUER)
