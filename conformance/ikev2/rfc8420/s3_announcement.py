"""RFC 8420 section 3: when "Identity" is announced."""

from __future__ import annotations

from conformance.ikev2.rfc7427.s4_hash_algorithms import announcement
from conformance.tester import Tester, covers
from reference_impl.wire.registries import HashAlgorithm

IDENTITY = int(HashAlgorithm.IDENTITY).to_bytes(2, "big")


def numbers(data: bytes) -> list[bytes]:
    """The 16-bit numbers of an announcement."""
    return [data[at : at + 2] for at in range(0, len(data), 2)]


@covers(
    "rfc8420/3/identity-announced",
    "rfc8420/2/identity-means-any-size",
    mutants=["identity-not-announced"],
    needs=("signature_auth", "ed25519"),
)
def test_identity_announced(tester: Tester) -> None:
    """A device that does Ed25519 announces Identity among its hash algorithms."""
    found = announcement(tester)
    tester.check(IDENTITY in numbers(found.data), "Identity (5)", found.data.hex())
