"""What tests of RFC 7427 need: a changed announcement, and the device's Digital Signature taken apart."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.tester import AuthExchange, Draft, Edit, Inconclusive, Tester, error_of
from conformance.tester.expect import observed
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import AuthMethod, HashAlgorithm, NotifyType
from reference_impl.wire.simple import AuthPayload

SILENT = "rfc7427/3/only-when-both-announced"


def announce(*algorithms: HashAlgorithm) -> Edit:
    """An edit of IKE_SA_INIT: exactly these hash algorithms are announced; none: no announcement at all."""
    data = b"".join(int(item).to_bytes(2, "big") for item in algorithms)

    def apply(draft: Draft) -> None:
        kept = [
            item
            for item in draft.payloads
            if not (isinstance(item, NotifyPayload) and item.notify == NotifyType.SIGNATURE_HASH_ALGORITHMS)
        ]
        draft.payloads = kept + ([NotifyPayload(NotifyType.SIGNATURE_HASH_ALGORITHMS, data)] if algorithms else [])

    words = ", ".join(item.name for item in algorithms) or "no hash algorithm"
    return Edit(f"announces {words}", apply)


@dataclass(frozen=True, slots=True)
class Proof:
    """A Digital Signature: the octets of the AlgorithmIdentifier, and the signature value."""

    identifier: bytes
    signature: bytes


def auth_payload(attempt: AuthExchange) -> AuthPayload:
    """The device's AUTH payload. Raises Inconclusive when it refused: it may not do what the test asks for."""
    found = attempt.reply.get(AuthPayload) if attempt.reply is not None else None
    if found is None:
        raise Inconclusive(f"the device did not prove itself: {observed(attempt.reply)}")
    return found


def proof_of(tester: Tester, attempt: AuthExchange) -> Proof:
    """The device's Digital Signature; fails when it used another method or the length octet is not true."""
    found = auth_payload(attempt)
    tester.check(
        found.method == AuthMethod.DIGITAL_SIGNATURE,
        "method 14",
        f"method {int(found.method)}",
        "rfc7427/3/method-when-both-announced",
    )
    size = found.data[0] if found.data else 0
    tester.check(
        0 < size < len(found.data) - 1,
        "an AlgorithmIdentifier within the payload",
        f"length octet {size} of {len(found.data)} octets",
        "rfc7427/3/identifier-length-octet",
    )
    return Proof(found.data[1 : 1 + size], found.data[1 + size :])


def refused(attempt: AuthExchange) -> bool:
    """Whether the device answered with an error."""
    return attempt.reply is not None and error_of(attempt.reply) is not None
