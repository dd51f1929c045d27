"""RFC 7296 section 3.3.5: the Key Length attribute."""

from dataclasses import replace

import pytest

from conformance.ikev2.offers import (
    expect_accepted,
    expect_refused,
    expect_refused_or_proper,
    offer_of,
    suite_where,
    suites,
    try_offer,
    variable,
)
from conformance.tester import NotApplicable, Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.expect import accepts_sa
from reference_impl.crypto.errors import UnsupportedAlgorithm
from reference_impl.wire.registries import Encr, TransformType


@covers("rfc7296/3.3.5/missing-key-length-rejected", mutants=["key-length-defaults-to-128"])
def test_key_length_missing(tester: Tester) -> None:
    """A proposal with AES and no Key Length attribute is rejected."""
    expect_refused(tester, proposals=variable(tester), edit=bad.no_key_length())


@pytest.mark.parametrize("bits", [0, 16, 127, 129, 65535])
@covers("rfc7296/3.3.4/rejects-unauthorized-suites", mutants=["ignores-key-length"])
def test_key_length_impossible(tester: Tester, bits: int) -> None:
    """A Key Length that the cipher does not have is not accepted."""
    expect_refused(tester, proposals=variable(tester), edit=bad.key_bits(bits))


@covers("rfc7296/3.3.5/key-length-byte-order", "rfc7296/3.3.5/key-length-type-14", mutants=["key-length-in-octets"])
def test_key_length_answered(tester: Tester) -> None:
    """The answer has the Key Length attribute as it was offered: type 14, TV format, bits in network byte order."""
    init = expect_accepted(tester, proposals=variable(tester))
    attributes = [item for each in init.proposal.of(TransformType.ENCR) for item in each.attributes]
    wanted = (variable(tester).key_bits or 0).to_bytes(2, "big")
    good = [(item.type, item.value, item.tv) for item in attributes] == [(14, wanted, True)]
    tester.check(good, f"Key Length {variable(tester).key_bits}", f"{attributes}")


@covers("rfc7296/3.3.5/fixed-not-variable-encoded", mutants=["answers-long-key-length"])
def test_long_key_length(tester: Tester) -> None:
    """A Key Length in the long format, which it must not have, is refused, or answered in the short format."""
    _, reply = try_offer(tester, proposals=variable(tester), edit=bad.long_key_length())
    if reply is not None and accepts_sa(reply):
        chosen = offer_of(reply).proposals[0]
        attributes = [item for each in chosen.of(TransformType.ENCR) for item in each.attributes]
        tester.check(all(item.tv for item in attributes), "a Key Length in the short format", f"{attributes}")


@covers("rfc7296/3.3.6/attributes-returned-unmodified", mutants=["drops-unexpected-key-length"])
def test_key_length_on_prf(tester: Tester) -> None:
    """A Key Length on a PRF is refused, or returned unmodified."""
    expect_refused_or_proper(tester, edit=bad.key_length_on_fixed(256))


@covers("rfc7296/3.3.6/attributes-returned-unmodified", mutants=["drops-unexpected-key-length"])
def test_key_length_on_fixed_cipher(tester: Tester) -> None:
    """A Key Length on a cipher of fixed key length is refused, or returned unmodified."""
    suite = suite_where(tester, "with ChaCha20-Poly1305", lambda item: item.encr == Encr.CHACHA20_POLY1305)
    expect_refused_or_proper(tester, proposals=suite, edit=bad.key_bits(256))


@covers(
    "rfc7296/3.3.5/longer-key-accepted", "rfc7296/3.3.5/stronger-values-accepted", mutants=["exact-key-length-only"]
)
def test_longer_key(tester: Tester) -> None:
    """A cipher that the device takes with a shorter key is accepted with a longer one that it also supports."""
    have = suites(tester)
    for suite in have:
        if suite.key_bits is None or suite.key_bits >= 256:
            continue
        longer = replace(suite, key_bits=256)
        supported = any(item.encr == suite.encr and item.key_bits == 256 for item in have)
        try:
            longer.cipher_algorithm()
        except UnsupportedAlgorithm:
            continue
        if supported and longer not in have:
            expect_accepted(tester, proposals=longer)
            return
    raise NotApplicable("the profile has no cipher with two key lengths, one of them missing from a suite")
