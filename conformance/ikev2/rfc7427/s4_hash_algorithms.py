"""RFC 7427 section 4: the announcement of hash algorithms, and the choice among them."""

from __future__ import annotations

import pytest

from conformance.ikev2.rfc7296.authenticating import half_open, require
from conformance.ikev2.rfc7427.proofs import announce, proof_of
from conformance.tester import Tester, covers
from conformance.tester.expect import observed
from reference_impl.crypto.signatures import parse_identifier
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import AuthMethod, HashAlgorithm, NotifyType, ProtocolId
from reference_impl.wire.simple import AuthPayload

NEEDS = ("signature_auth", "certificates")
SHA2 = (HashAlgorithm.SHA2_256, HashAlgorithm.SHA2_384, HashAlgorithm.SHA2_512)


def announcement(tester: Tester) -> NotifyPayload:
    """The device's SIGNATURE_HASH_ALGORITHMS; fails without it."""
    init, _ = half_open(tester)
    assert init.reply is not None
    found = init.reply.notify(NotifyType.SIGNATURE_HASH_ALGORITHMS)
    if found is None:
        tester.fail("SIGNATURE_HASH_ALGORITHMS", observed(init.reply), "rfc7427/4/both-send-their-list")
    return found


@covers("rfc7427/4/both-send-their-list", "rfc7427/4/announced-in-init", mutants=["announces-no-hashes"], needs=NEEDS)
def test_announced(tester: Tester) -> None:
    """A device that supports the method announces its hash algorithms in the IKE_SA_INIT response."""
    announcement(tester)


@covers("rfc7427/4/notify-header", "rfc7427/4/notify-data", mutants=["announces-hashes-for-ike"], needs=NEEDS)
def test_announcement_layout(tester: Tester) -> None:
    """The announcement has Protocol ID 0, no SPI, and a list of 16-bit numbers."""
    found = announcement(tester)
    header = (found.protocol, found.spi)
    tester.check(
        header == (ProtocolId.NONE, b""), "Protocol ID 0 and no SPI", f"{int(found.protocol)} {found.spi.hex()}"
    )
    size = len(found.data)
    tester.check(size > 0 and size % 2 == 0, "16-bit numbers", f"{size} octets", "rfc7427/4/notify-data")


@covers("rfc7427/4/hash-of-the-peer", mutants=["ignores-announced-hashes"], needs=NEEDS)
@pytest.mark.parametrize("algorithm", SHA2, ids=lambda item: item.name.lower().replace("_", "-"))
@pytest.mark.parametrize("method", ["rsa", "ecdsa"])
def test_announced_hash_used(tester: Tester, method: str, algorithm: HashAlgorithm) -> None:
    """The device signs with the one hash algorithm that the tester has announced."""
    require(tester, method)
    proof = proof_of(tester, tester.attempt(auth=method, edit_init=announce(algorithm)))
    used = parse_identifier(proof.identifier)
    tester.check(used.hash == algorithm, algorithm.name, used.name)


@covers("rfc7427/4/hash-of-the-peer", mutants=["ignores-announced-hashes"], needs=NEEDS)
@pytest.mark.parametrize("method", ["rsa", "ecdsa"])
def test_no_common_hash(tester: Tester, method: str) -> None:
    """When the tester announces only a hash algorithm that nobody knows, the device uses no other under method 14."""
    require(tester, method)
    attempt = tester.attempt(auth=method, edit_init=announce(HashAlgorithm(1023)))
    proof = attempt.reply.get(AuthPayload) if attempt.reply is not None else None
    if proof is not None:
        tester.check(proof.method != AuthMethod.DIGITAL_SIGNATURE, "no method 14", "method 14")


@covers("rfc7427/4/hash-of-the-peer", mutants=["signs-with-sha1"], needs=NEEDS)
@pytest.mark.parametrize("method", ["rsa", "ecdsa"])
def test_sha1_not_used(tester: Tester, method: str) -> None:
    """SHA-1, which the tester did not announce, is not used."""
    require(tester, method)
    used = parse_identifier(proof_of(tester, tester.attempt(auth=method)).identifier)
    tester.check(used.hash != HashAlgorithm.SHA1, "another hash than SHA-1", used.name)


@covers("rfc7427/4/notify-data", mutants=["fails-on-unknown-hash"], needs=NEEDS)
def test_unknown_hash_beside(tester: Tester) -> None:
    """Unknown hash algorithms in the tester's announcement are passed over."""
    method = next(item for item in ("rsa", "ecdsa", "ed25519") if tester.claims(item))
    algorithms = (HashAlgorithm(0), HashAlgorithm(1023), *SHA2, HashAlgorithm.IDENTITY, HashAlgorithm(65535))
    tester.establish(auth=method, edit_init=announce(*algorithms))
