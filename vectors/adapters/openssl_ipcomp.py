"""IPComp of the second adapter: inflate (RFC 1951) and LZS (RFC 2395) written out a second time, without zlib."""

from __future__ import annotations

from collections.abc import Callable

from vectors.adapters import Input, Refused, Unsupported

_LIMIT = 0xFFFF
# RFC 1951, section 3.2.5: extra bits and first value of length codes 257 to 285 and of distance codes 0 to 29
_LENGTH_EXTRA = [0] * 8 + [extra for extra in range(1, 6) for _ in range(4)] + [0]
_DISTANCE_EXTRA = [0, 0] + [extra for extra in range(14) for _ in range(2)]
_CODE_LENGTH_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


def _firsts(extras: list[int], first: int) -> list[int]:
    values = []
    for extra in extras:
        values.append(first)
        first += 1 << extra
    return values


_LENGTH_FIRST = [*_firsts(_LENGTH_EXTRA[:-1], 3), 258]
_DISTANCE_FIRST = _firsts(_DISTANCE_EXTRA, 1)


class _Bits:
    """A stream of bits from the least significant one of each octet on."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def bit(self) -> int:
        octet, place = divmod(self._place, 8)
        if octet >= len(self._data):
            raise Refused("the stream ends before its last block does")
        self._place += 1
        return self._data[octet] >> place & 1

    def number(self, count: int) -> int:
        return sum(self.bit() << place for place in range(count))

    def octets(self, count: int) -> bytes:
        start = (self._place + 7) // 8
        if start + count > len(self._data):
            raise Refused("the stream ends before its last block does")
        self._place = (start + count) * 8
        return self._data[start : start + count]

    def used(self) -> int:
        return (self._place + 7) // 8


Code = dict[tuple[int, int], int]


def _code(lengths: list[int], what: str) -> Code:
    """Code words by (length, word) from their lengths (RFC 1951, section 3.2.2)."""
    used = [length for length in lengths if length]
    room = (1 << 15) - sum(1 << (15 - length) for length in used)
    if room < 0 or (room and len(used) != 1 and (what == "lengths" or used)):
        raise Refused(f"the code of {what} is not complete")
    words: Code = {}
    word = 0
    for size in range(1, 16):
        for symbol, length in enumerate(lengths):
            if length == size:
                words[size, word] = symbol
                word += 1
        word <<= 1
    return words


def _symbol(bits: _Bits, code: Code) -> int:
    word = 0
    for size in range(1, 16):
        word = word << 1 | bits.bit()
        symbol = code.get((size, word))
        if symbol is not None:
            return symbol
    raise Refused("no such code word")


_FIXED = [8] * 144 + [9] * 112 + [7] * 24 + [8] * 8


def _dynamic(bits: _Bits) -> tuple[Code, Code]:
    literals, distances, count = bits.number(5) + 257, bits.number(5) + 1, bits.number(4) + 4
    if literals > 286 or distances > 30:
        raise Refused("more codes than there are")
    order = [0] * 19
    for place in _CODE_LENGTH_ORDER[:count]:
        order[place] = bits.number(3)
    code = _code(order, "lengths")
    lengths: list[int] = []
    while len(lengths) < literals + distances:
        symbol = _symbol(bits, code)
        if symbol < 16:
            lengths.append(symbol)
            continue
        if symbol == 16 and not lengths:
            raise Refused("nothing to repeat")
        base, extra = {16: (3, 2), 17: (3, 3), 18: (11, 7)}[symbol]
        lengths += [lengths[-1] if symbol == 16 else 0] * (base + bits.number(extra))
    if len(lengths) > literals + distances:
        raise Refused("more code lengths than announced")
    if not lengths[256]:
        raise Refused("no code for the end of the block")
    return _code(lengths[:literals], "literals"), _code(lengths[literals:], "distances")


def inflate(data: bytes) -> tuple[bytes, int]:
    """The octets of a raw DEFLATE stream, and how many octets the stream had. Raises Refused."""
    bits, out, last = _Bits(data), bytearray(), 0
    while not last:
        last, kind = bits.bit(), bits.number(2)
        if kind == 0:
            head = bits.octets(4)
            size = head[0] | head[1] << 8
            if size ^ 0xFFFF != head[2] | head[3] << 8:
                raise Refused("the length of a stored block does not match its complement")
            out += bits.octets(size)
        elif kind == 3:
            raise Refused("block type 3")
        else:
            codes = (_code(_FIXED, "literals"), _code([5] * 32, "distances")) if kind == 1 else _dynamic(bits)
            _block(bits, *codes, out)
        _within(out)
    return bytes(out), bits.used()


def _block(bits: _Bits, literals: Code, distances: Code, out: bytearray) -> None:
    while (symbol := _symbol(bits, literals)) != 256:
        if symbol < 256:
            out.append(symbol)
        else:
            if symbol > 285:
                raise Refused("no such length")
            length = _LENGTH_FIRST[symbol - 257] + bits.number(_LENGTH_EXTRA[symbol - 257])
            code = _symbol(bits, distances)
            if code > 29:
                raise Refused("no such distance")
            _repeat(out, _DISTANCE_FIRST[code] + bits.number(_DISTANCE_EXTRA[code]), length)
        _within(out)


def _repeat(out: bytearray, distance: int, length: int) -> None:
    if distance > len(out):
        raise Refused("a distance before the start")
    for _ in range(length):
        out.append(out[-distance])


def _within(out: bytearray) -> None:
    if len(out) > _LIMIT:
        raise Refused(f"more than {_LIMIT} octets")


# RFC 2395, section 2.2, read as text
_LZS_LENGTHS = {"00": 2, "01": 3, "10": 4, "1100": 5, "1101": 6, "1110": 7}


def unlzs(data: bytes) -> bytes:
    """The octets before the end marker. Raises Refused."""
    text, place, out = "".join(f"{octet:08b}" for octet in data), 0, bytearray()

    def take(count: int) -> str:
        nonlocal place
        place += count
        if place > len(text):
            raise Refused("the stream ends before its end marker")
        return text[place - count : place]

    while True:
        if take(1) == "0":
            out.append(int(take(8), 2))
        else:
            short = take(1) == "1"
            offset = int(take(7 if short else 11), 2)
            if not offset and short:
                return bytes(out)
            if not offset:
                raise Refused("an 11-bit offset of 0")
            code = take(2)
            code += take(2) if code == "11" else ""
            length = _LZS_LENGTHS.get(code, 8)
            if code == "1111":
                while (more := take(4)) == "1111":
                    length += 15
                length += int(more, 2)
            if length > _LIMIT:
                raise Refused(f"more than {_LIMIT} octets")
            _repeat(out, offset, length)
        _within(out)


def open_(inputs: dict[str, Input]) -> dict[str, Input]:
    name, packet = str(inputs["algorithm"]), inputs["packet"]
    assert isinstance(packet, bytes)
    if len(packet) < 4:
        raise Refused("short of an IPComp header")
    next_header, cpi, data = packet[0], packet[2] << 8 | packet[3], packet[4:]
    if name == "LZS":
        return {"next_header": next_header, "cpi": cpi, "payload": unlzs(data)}
    if name != "DEFLATE":
        raise Unsupported(name)
    payload, used = inflate(data)
    if used != len(data):
        raise Refused(f"{len(data) - used} octets after the last block")
    return {"next_header": next_header, "cpi": cpi, "payload": payload}


OPERATIONS: dict[str, Callable[[dict[str, Input]], dict[str, Input]]] = {"ipcomp-open": open_}
