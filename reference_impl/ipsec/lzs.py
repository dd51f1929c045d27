"""LZS compression (ANSI X3.241-1994, as RFC 2395 section 2.2 repeats it), one datagram at a time.

A stream is literals (0, eight bits) and matches (1, offset, length), most significant bit first, and ends in an end
marker; what follows the marker is padding. History does not go from one datagram to the next (section 2.1).
"""

from __future__ import annotations

SHORT_OFFSET = 1 << 7  # offsets below are written with 7 bits, those below LONG_OFFSET with 11
LONG_OFFSET = 1 << 11
_END = 0b110000000
# length 2, 3, 4 in two bits, 5 to 7 in four; from 8 on 1111 and nibbles, of which each 1111 stands for 15 and goes on
_LENGTHS = {2: (0b00, 2), 3: (0b01, 2), 4: (0b10, 2), 5: (0b1100, 4), 6: (0b1101, 4), 7: (0b1110, 4)}
_CANDIDATES = 16


class LzsError(ValueError):
    """Octets that are no LZS stream, or that decompress to more than allowed (`too_large`)."""

    def __init__(self, text: str, *, too_large: bool = False) -> None:
        super().__init__(text)
        self.too_large = too_large


class _Reader:
    __slots__ = ("_data", "_place", "_size")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place, self._size = 0, len(data) * 8

    def take(self, count: int) -> int:
        """The next bits, at most 16."""
        end = self._place + count
        if end > self._size:
            raise LzsError("the stream ends before its end marker")
        first = self._place >> 3
        piece = self._data[first : first + 3]
        self._place = end
        return int.from_bytes(piece) >> (first + len(piece)) * 8 - end & (1 << count) - 1


def decompress(data: bytes, limit: int) -> bytes:
    """The octets before the end marker. Raises LzsError: no end marker, an offset before the start, over `limit`."""
    out = bytearray()
    reader = _Reader(data)
    while True:
        if not reader.take(1):
            out.append(reader.take(8))
        else:
            if reader.take(1):
                offset = reader.take(7)
                if not offset:
                    return bytes(out)
            else:
                offset = reader.take(11)
                if not offset:
                    raise LzsError("an 11-bit offset of 0")
            if offset > len(out):
                raise LzsError(f"offset {offset} with {len(out)} octets before it")
            _copy(out, offset, _length(reader, limit - len(out)))
        if len(out) > limit:
            raise LzsError(f"more than {limit} octets", too_large=True)


def _length(reader: _Reader, most: int) -> int:
    code = reader.take(2)
    if code < 3:
        return code + 2
    code = reader.take(2)
    if code < 3:
        return code + 5
    length = 8
    while (nibble := reader.take(4)) == 15:
        length += 15
        if length > most:
            raise LzsError("a match that goes beyond the largest payload", too_large=True)
    return length + nibble


def _copy(out: bytearray, offset: int, length: int) -> None:
    """Append `length` octets that began `offset` ago; they may overlap what is appended."""
    chunk = bytes(out[-offset:])
    out += (chunk * (length // offset + 1))[:length]


class _Writer:
    __slots__ = ("_bits", "_octets", "_size")

    def __init__(self) -> None:
        self._octets = bytearray()
        self._bits = self._size = 0

    def put(self, value: int, count: int) -> None:
        self._bits = self._bits << count | value
        self._size += count
        while self._size >= 8:
            self._size -= 8
            self._octets.append(self._bits >> self._size & 0xFF)
        self._bits &= (1 << self._size) - 1

    def finish(self) -> bytes:
        if self._size:
            self.put(0, 8 - self._size)
        return bytes(self._octets)


def compress(data: bytes) -> bytes:
    """A stream that decompresses to `data`: at each place the longest of the latest matches."""
    writer = _Writer()
    seen: dict[bytes, list[int]] = {}
    place = 0
    while place < len(data):
        offset, length = _longest(data, place, seen.get(data[place : place + 2], []))
        if length < 2:
            writer.put(data[place], 9)
            length = 1
        else:
            writer.put(*((0b11 << 7 | offset, 9) if offset < SHORT_OFFSET else (0b10 << 11 | offset, 13)))
            _put_length(writer, length)
        for start in range(place, min(place + length, len(data) - 1)):
            seen.setdefault(data[start : start + 2], []).append(start)
        place += length
    writer.put(_END, 9)
    return writer.finish()


def _longest(data: bytes, place: int, starts: list[int]) -> tuple[int, int]:
    best = (0, 0)
    for start in reversed(starts[-_CANDIDATES:]):
        offset = place - start
        if offset >= LONG_OFFSET:
            break
        length = 2
        while place + length < len(data) and data[start + length] == data[place + length]:
            length += 1
        if length > best[1]:
            best = offset, length
    return best


def _put_length(writer: _Writer, length: int) -> None:
    if length < 8:
        writer.put(*_LENGTHS[length])
        return
    writer.put(0b1111, 4)
    whole, rest = divmod(length - 8, 15)
    for _ in range(whole):
        writer.put(15, 4)
    writer.put(rest, 4)
