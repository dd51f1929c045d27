"""RFC 7296 section 3.7: Certificate Request payloads."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from conformance.ikev2.rfc7296 import certificates
from conformance.ikev2.rfc7296.authenticating import half_open
from conformance.tester import NotApplicable, Tester, covers
from conformance.tester.draft import PayloadsEdit
from conformance.tester.expect import observed
from reference_impl.wire.base import Payload
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import CertEncoding, NotifyType
from reference_impl.wire.simple import AuthPayload, CertReqPayload

X509 = CertEncoding.X509_SIGNATURE
HASHED = (X509, CertEncoding.HASH_URL_X509, CertEncoding.HASH_URL_BUNDLE)

REQUESTS: dict[str, Sequence[CertReqPayload]] = {
    "unknown-ca": [CertReqPayload(X509, bytes(range(20)))],
    "many-unknown-cas": [CertReqPayload(X509, bytes(range(200)))],
    "no-ca": [CertReqPayload(X509, b"")],
    "unknown-encoding": [CertReqPayload(CertEncoding(200), b"ikeproof")],
    "unspecified-encoding": [CertReqPayload(CertEncoding(2), b"somebody")],
    "several": [
        CertReqPayload(CertEncoding(200), b""),
        CertReqPayload(X509, bytes(20)),
        CertReqPayload(X509, bytes(40)),
    ],
}


def asking(*requests: CertReqPayload) -> PayloadsEdit:
    """An edit: these CERTREQ payloads, before AUTH, instead of the tester's own."""

    def edit(payloads: list[Payload]) -> list[Payload]:
        rest = [item for item in payloads if not isinstance(item, CertReqPayload)]
        place = next(index for index, item in enumerate(rest) if isinstance(item, AuthPayload))
        return [*rest[:place], *requests, *rest[place:]]

    return edit


@covers(
    "rfc7296/3.7/certreq-without-match-ignored",
    mutants=["certreq-must-match"],
    needs=("psk",),
)
@pytest.mark.parametrize("kind", REQUESTS)
def test_ignored_with_shared_key(tester: Tester, kind: str) -> None:
    """CERTREQ does not keep a device without certificate from setting up the IKE SA."""
    tester.establish(edit_auth=asking(*REQUESTS[kind]))


@covers("rfc7296/3.7/certreq-is-suggestion", mutants=["certreq-must-match"], needs=("certificates",))
@pytest.mark.parametrize("kind", REQUESTS)
def test_suggestion(tester: Tester, kind: str) -> None:
    """A device whose certificate is not of the requested CA or encoding answers all the same, and is no error."""
    own = certificates.own(tester)
    reply = tester.attempt(auth=own.method, edit_auth=asking(*REQUESTS[kind])).reply
    tester.check(reply is not None and reply.get(AuthPayload) is not None, "an IKE SA", observed(reply))


@covers("rfc7296/1/every-request-answered", mutants=["silent-on-malformed-auth"])
@pytest.mark.parametrize("octets", [1, 7, 19, 21])
def test_wrong_length(tester: Tester, octets: int) -> None:
    """A CERTREQ that holds no whole number of hashes is answered: ignored or refused."""
    reply = tester.attempt(edit_auth=asking(CertReqPayload(X509, bytes(octets))), need_child=False).reply
    tester.check(reply is not None, "an answer", "no answer")


@covers("rfc7296/3.7/http-lookup-announced", mutants=["http-lookup-refused"], needs=("certificates",))
def test_http_lookup_announced(tester: Tester) -> None:
    """HTTP_CERT_LOOKUP_SUPPORTED does not keep the device from proving itself."""
    own = certificates.own(tester)
    reply = tester.attempt(auth=own.method, extra=[NotifyPayload(NotifyType.HTTP_CERT_LOOKUP_SUPPORTED)]).reply
    tester.check(reply is not None and reply.get(AuthPayload) is not None, "an IKE SA", observed(reply))


@covers(
    "rfc7296/3.7/ca-is-spki-hashes",
    "rfc7296/3.7/only-x509-encodings",
    mutants=["certreq-with-names", "certreq-unspecified-encoding"],
    needs=("certificates",),
)
def test_own_request(tester: Tester) -> None:
    """The device's CERTREQ, if it sends one, has one of the X.509 encodings and whole SHA-1 hashes."""
    init, _ = half_open(tester)
    assert init.reply is not None
    found = init.reply.all(CertReqPayload)
    if not found:
        raise NotApplicable("the device sends no CERTREQ")
    for item in found:
        number = int(item.encoding)
        tester.check(item.encoding in HASHED, "encoding 4, 12 or 13", str(number), "rfc7296/3.7/only-x509-encodings")
        tester.check(len(item.data) % 20 == 0, "whole hashes of 20 octets", f"{len(item.data)} octets")
