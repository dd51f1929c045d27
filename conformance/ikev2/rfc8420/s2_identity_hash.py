"""RFC 8420 section 2: EdDSA signatures and the "Identity" hash."""

from __future__ import annotations

from conformance.ikev2.rfc7427.proofs import announce, proof_of
from conformance.tester import Tester, covers
from reference_impl.wire.registries import AuthMethod, HashAlgorithm
from reference_impl.wire.simple import AuthPayload

ED25519 = bytes.fromhex("300506032b6570")
NEEDS = ("signature_auth", "ed25519")


@covers("rfc8420/2/eddsa-needs-identity", mutants=["eddsa-without-identity"], needs=NEEDS)
def test_not_without_identity(tester: Tester) -> None:
    """A device with an Ed25519 key sends no Ed25519 signature to a peer that did not announce Identity."""
    hashes = (HashAlgorithm.SHA2_256, HashAlgorithm.SHA2_384, HashAlgorithm.SHA2_512)
    reply = tester.attempt(auth="ed25519", edit_init=announce(*hashes)).reply
    proof = reply.get(AuthPayload) if reply is not None else None
    if proof is not None and proof.method == AuthMethod.DIGITAL_SIGNATURE:
        tester.check(proof.data[1:8] != ED25519, "another signature, or a refusal", "an Ed25519 signature")


@covers("rfc8420/A.1/ed25519-identifier", "rfc8420/2/no-prehashed-eddsa", mutants=["ed25519-with-null"], needs=NEEDS)
def test_identifier(tester: Tester) -> None:
    """An Ed25519 signature has the AlgorithmIdentifier 30 05 06 03 2b 65 70 and 64 octets, without prehashing."""
    attempt = tester.attempt(auth="ed25519")
    proof = proof_of(tester, attempt)
    tester.check(proof.identifier == ED25519, ED25519.hex(), proof.identifier.hex())
    tester.check(len(proof.signature) == 64, "64 octets of signature", f"{len(proof.signature)}")
    tester.check(attempt.sa is not None, "a signature that verifies", attempt.problem, "rfc8420/2/no-prehashed-eddsa")
