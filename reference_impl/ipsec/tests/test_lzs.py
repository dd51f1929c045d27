"""LZS streams: RFC 2395 section 2.2."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.ipsec.lzs import LzsError, compress, decompress


def octets(bits: str) -> bytes:
    """A stream from its bits, spaces left out, padded with zeros."""
    plain = bits.replace(" ", "")
    size = -(-len(plain) // 8)
    return int("0" + plain.ljust(size * 8, "0"), 2).to_bytes(size)


END = "110000000"
A = "0 01100001"


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (END, b""),
        (f"{A} {END}", b"a"),
        (f"{A} 11 0000001 00 {END}", b"aaa"),
        (f"{A} 10 00000000001 01 {END}", b"aaaa"),
        (f"{A} 11 0000001 10 {END}", b"a" * 5),
        (f"{A} 11 0000001 1100 {END}", b"a" * 6),
        (f"{A} 11 0000001 1110 {END}", b"a" * 8),
        (f"{A} 11 0000001 1111 0000 {END}", b"a" * 9),
        (f"{A} 11 0000001 1111 1110 {END}", b"a" * 23),
        (f"{A} 11 0000001 1111 1111 0000 {END}", b"a" * 24),
        (f"{A} 11 0000001 1111 1111 1110 {END}", b"a" * 38),
        (f"{A} 11 0000001 1111 1111 1111 0000 {END}", b"a" * 39),
        (f"{A} 0 01100010 11 0000010 1101 {END}", b"abababab"),
    ],
)
def test_the_codes_of_the_rfc(bits: str, expected: bytes) -> None:
    assert decompress(octets(bits), 100) == expected
    assert decompress(octets(bits) + b"padding", 100) == expected


@pytest.mark.parametrize(
    ("bits", "too_large"),
    [
        ("", False),
        (A, False),
        (f"{A} 1100000", False),
        (f"{A} 11 0000001", False),
        (f"{A} 11 0000010 00 {END}", False),  # before the start
        (f"11 0000001 00 {END}", False),
        (f"{A} 10 00000000000 00 {END}", False),
        (f"{A} 10 00000000010 00 {END}", False),
        (f"{A * 11} {END}", True),
        (f"{A} 11 0000001 1111 0010 {END}", True),
        (f"{A} 11 0000001 1111 {'1111' * 100}", True),
    ],
)
def test_what_is_no_stream_or_too_long(bits: str, too_large: bool) -> None:
    with pytest.raises(LzsError) as caught:
        decompress(octets(bits), 10)
    assert caught.value.too_large is too_large


def test_offsets_reach_2047_octets_back() -> None:
    noise = random.Random(7).randbytes(2100)
    for distance in (127, 128, 2047, 2048):
        data = noise[:distance] + noise[:20]
        stream = compress(data)
        assert decompress(stream, len(data)) == data
        longer = len(stream) - len(compress(noise[:distance]))
        assert (longer < 6) is (distance < 2048)  # one match of twenty octets, or as many literals


@given(st.lists(st.sampled_from([b"a", b"ab", b"abc", b"\0" * 40, b"xyz" * 9, bytes(range(256))]), max_size=40))
def test_round_trip(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    assert decompress(compress(data), len(data)) == data


@given(st.binary(max_size=64))
def test_hostile_octets_give_a_typed_error_or_an_answer(data: bytes) -> None:
    with contextlib.suppress(LzsError):
        assert len(decompress(data, 300)) <= 300
