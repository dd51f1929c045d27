"""Misbehaviours of: the IKE header and the datagram around it."""

from __future__ import annotations

import os
from dataclasses import replace

from conformance.tester.draft import Draft
from conformance.tester.misbehaviour.vocabulary import entry
from reference_impl.wire.header import Flags
from reference_impl.wire.registries import (
    ExchangeType,
)


@entry("header")
def major_version(draft: Draft, major: int = 3) -> None:
    """Another major version in the header."""
    draft.major = major


@entry("header")
def minor_version(draft: Draft, minor: int = 1) -> None:
    """A higher minor version in the header."""
    draft.minor = minor


@entry("header")
def version_flag(draft: Draft) -> None:
    """The V(ersion) flag set: "able to speak a higher major version"."""
    draft.flags |= Flags.VERSION


@entry("header")
def reserved_flags(draft: Draft, bits: int = 0xC7) -> None:
    """Reserved bits of the header's flags set (the X bits)."""
    draft.flags = Flags(draft.flags | bits)


@entry("header")
def set_flags(draft: Draft, flags: int) -> None:
    """The flags octet as given."""
    draft.flags = Flags(flags)


@entry("header")
def flip_initiator_flag(draft: Draft) -> None:
    """The I(nitiator) flag says the opposite."""
    draft.flags ^= Flags.INITIATOR


@entry("header")
def flip_response_flag(draft: Draft) -> None:
    """The R(esponse) flag says the opposite."""
    draft.flags ^= Flags.RESPONSE


@entry("header")
def zero_spi_i(draft: Draft) -> None:
    """An initiator SPI of zero."""
    draft.spi_i = bytes(8)


@entry("header")
def zero_spi_r(draft: Draft) -> None:
    """A responder SPI of zero."""
    draft.spi_r = bytes(8)


@entry("header")
def spi_i(draft: Draft, value: bytes | None = None) -> None:
    """Another (random) initiator SPI."""
    draft.spi_i = value or os.urandom(8)


@entry("header")
def spi_r(draft: Draft, value: bytes | None = None) -> None:
    """Another (random) responder SPI."""
    draft.spi_r = value or os.urandom(8)


@entry("header")
def swap_spis(draft: Draft) -> None:
    """Initiator and responder SPI exchanged."""
    draft.spi_i, draft.spi_r = draft.spi_r, draft.spi_i


@entry("header")
def message_id(draft: Draft, value: int) -> None:
    """Another message ID."""
    draft.message_id = value


@entry("header")
def message_id_ahead(draft: Draft, by: int = 1) -> None:
    """A message ID beyond the window."""
    draft.message_id += by


@entry("header")
def exchange_type(draft: Draft, value: int = 240) -> None:
    """Another (default: a private, unknown) exchange type."""
    draft.exchange = ExchangeType(value)


@entry("header")
def header_length(draft: Draft, value: int) -> None:
    """A Length field of this value."""
    draft.length = value


@entry("header")
def header_length_longer(draft: Draft, by: int = 4) -> None:
    """A Length field larger than the message; the ICV of a protected message covers it."""
    draft.length = _length(draft) + by


@entry("header")
def header_length_shorter(draft: Draft, by: int = 4) -> None:
    """A Length field smaller than the message."""
    draft.length = _length(draft) - by


@entry("header")
def header_length_zero(draft: Draft) -> None:
    """A Length field of zero."""
    draft.length = 0


@entry("header")
def first_payload(draft: Draft, value: int) -> None:
    """Another Next Payload in the header than the payload that follows."""
    draft.next_payload = int(value)


def _length(draft: Draft) -> int:
    from conformance.tester.sealing import encode

    return len(encode(replace(draft, datagram_edits=[], content_edits=[])))


@entry("datagram")
def truncate(draft: Draft, octets: int = 1) -> None:
    """The last octets of the message cut off."""
    draft.datagram_edits.append(lambda data: data[: max(len(data) - octets, 0)])


@entry("datagram")
def trailing_garbage(draft: Draft, octets: int = 4) -> None:
    """Octets after the end of the message, beyond its Length field."""
    draft.datagram_edits.append(lambda data: data + b"\xa5" * octets)


@entry("datagram")
def no_marker(draft: Draft) -> None:
    """No non-ESP marker, though the message goes to port 4500."""
    draft.marker = False


@entry("datagram")
def marker_on_500(draft: Draft) -> None:
    """A non-ESP marker, though the message goes to port 500."""
    draft.marker = True


@entry("datagram")
def flip_bit(draft: Draft, octet: int, mask: int = 1) -> None:
    """One bit of the finished message flipped; `octet` may count from the end (-1)."""

    def flip(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[octet] ^= mask
        return bytes(changed)

    draft.datagram_edits.append(flip)
