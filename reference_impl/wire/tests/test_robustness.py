"""No input makes the parser raise anything but WireError, lenient loses nothing, and work stays linear."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impl.wire import ip, udp
from reference_impl.wire.describe import describe, summary
from reference_impl.wire.errors import WireError
from reference_impl.wire.esp import EspHeader, split_trailer
from reference_impl.wire.header import HEADER_SIZE, Header
from reference_impl.wire.message import Message, aad_for
from reference_impl.wire.payload import PAYLOADS, parse_chain
from reference_impl.wire.tests.samples import every_message

REAL = [built.to_bytes() for built in every_message().values()]


R = TypeVar("R")


def attempt(parse: Callable[[], R]) -> R | WireError:
    """The result, or the only exception that may come."""
    try:
        return parse()
    except WireError as error:
        return error


def check(data: bytes) -> None:
    """Strict and lenient parsing of one input, and everything that is made from the result."""
    strict = attempt(lambda: Message.parse(data))
    if isinstance(strict, WireError):
        assert 0 <= strict.offset <= max(len(data), HEADER_SIZE)
        assert strict.detail
    if len(data) < HEADER_SIZE:
        assert isinstance(strict, WireError)
        return
    lenient = Message.parse(data, strict=False)
    assert lenient.to_bytes() == data
    assert summary(lenient).isascii()
    describe(lenient)
    if isinstance(strict, Message):
        assert strict == lenient


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_octets(data: bytes) -> None:
    check(data)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([*PAYLOADS, 0, 1, 200]), st.binary(max_size=200), st.booleans())
def test_arbitrary_octets_behind_a_good_header(first: int, rest: bytes, true_length: bool) -> None:
    length = HEADER_SIZE + len(rest) + (0 if true_length else 3)
    check(bytes(range(16)) + bytes((first, 0x20, 35, 8)) + bytes(4) + length.to_bytes(4) + rest)


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(sorted(PAYLOADS)), st.binary(max_size=120), st.booleans())
def test_arbitrary_bodies(kind: int, body: bytes, strict: bool) -> None:
    payload = attempt(lambda: PAYLOADS[kind].parse_body(body, offset=1000, strict=strict))
    if isinstance(payload, WireError):
        assert 1000 <= payload.offset <= 1000 + max(len(body), 20)
    else:
        assert payload.body() == body


@pytest.mark.parametrize("data", REAL, ids=list(every_message()))
def test_every_bit_flip_and_every_truncation_of_real_messages(data: bytes) -> None:
    for at in range(len(data)):
        check(data[:at])
        for bit in range(8):
            check(data[:at] + bytes((data[at] ^ 1 << bit,)) + data[at + 1 :])
    check(data + b"\0")


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(REAL), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6))
def test_several_changed_octets_of_real_messages(data: bytes, changes: list[tuple[int, int]]) -> None:
    changed = bytearray(data)
    for at, value in changes:
        changed[at % len(changed)] = value
    check(bytes(changed))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 255), st.binary(max_size=200), st.booleans())
def test_chains_of_decrypted_octets(first: int, data: bytes, strict: bool) -> None:
    try:
        parse_chain(first, data, offset=60, strict=strict, inside_sk=True)
    except WireError:
        assert strict


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.binary(max_size=100), st.binary(max_size=60).map(lambda tail: b"\x45\0" + tail)))
def test_other_parsers_raise_wire_errors_only(data: bytes) -> None:
    udp.classify(data)
    parsers: tuple[Callable[[bytes], object], ...] = (
        Header.parse,
        EspHeader.parse,
        split_trailer,
        aad_for,
        ip.parse_ip,
        ip.parse_udp,
        ip.parse_icmp_echo,
        ip.echo_reply,
    )
    for parse in parsers:
        result = attempt(functools.partial(parse, data))
        if isinstance(result, WireError):
            assert str(result)


def worst_messages(size: int) -> dict[str, bytes]:
    """Messages of about `size` octets made of as many parts as possible."""

    def whole(first: int, body: bytes) -> bytes:
        header = bytes(range(16)) + bytes((first, 0x20, 37, 8)) + bytes(4)
        return header + (HEADER_SIZE + len(body)).to_bytes(4) + body

    room = min(size, 65000)
    empty_payloads = bytes((200, 0, 0, 4)) * (room // 4 - 1) + bytes((0, 0, 0, 4))
    tlvs = b"".join([(15 + number % 20000).to_bytes(2) + b"\0\0" for number in range(room // 4 - 10)])
    transform = b"\0\0" + (8 + len(tlvs)).to_bytes(2) + b"\1\0\0\x0c" + tlvs
    proposal = b"\0\0" + (8 + len(transform)).to_bytes(2) + b"\1\1\0\1" + transform
    attributes = b"\1\0\0\0" + b"\0\1\0\0" * (room // 4 - 10)
    failing = bytes((33, 0, 0, 5, 0)) * (room // 5 - 1) + bytes((0, 0, 0, 5, 0))
    return {
        "payloads": whole(200, empty_payloads),
        "transform attributes": whole(33, bytes((0, 0)) + (4 + len(proposal)).to_bytes(2) + proposal),
        "configuration attributes": whole(47, bytes((0, 0)) + (4 + len(attributes)).to_bytes(2) + attributes),
        "failing payloads": whole(33, failing),
        "empty SPIs": whole(42, bytes((0, 0, 0, 8, 1, 0, 0xFF, 0xFF))),
    }


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("name", worst_messages(1000))
def test_work_is_linear_in_the_octets(name: str, strict: bool) -> None:
    def seconds(size: int) -> float:
        data = worst_messages(size)[name]
        best = float("inf")
        for _ in range(5):
            start = time.perf_counter()
            try:
                Message.parse(data, strict=strict)
            except WireError:
                assert strict
            best = min(best, time.perf_counter() - start)
        return best

    small, large = seconds(6500), seconds(65000)
    assert large < 40 * small + 0.002, f"10 times the octets took {large / small:.0f} times as long"
    assert large < 0.5
