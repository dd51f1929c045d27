"""As much DER as an AlgorithmIdentifier needs: a strict reader and a writer."""

from reference_impl.crypto.errors import CryptoError

INTEGER, NULL, OID, SEQUENCE = 0x02, 0x05, 0x06, 0x30


class DerError(CryptoError):
    """Octets that are not the DER expected."""


def tlv(tag: int, *contents: bytes) -> bytes:
    """One element, with its contents joined (up to 255 octets, which every AlgorithmIdentifier fits)."""
    body = b"".join(contents)
    length = bytes([len(body)]) if len(body) < 0x80 else bytes([0x81, len(body)])
    return bytes([tag]) + length + body


def read(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """(contents of the first element, what follows it). Raises DerError unless the tag and the length are right."""
    if len(data) < 2:
        raise DerError("truncated element")
    if data[0] != tag:
        raise DerError(f"tag {data[0]:#04x} where {tag:#04x} is expected")
    length, start = data[1], 2
    if length >= 0x80:
        octets = length & 0x7F
        start += octets
        length = int.from_bytes(data[2:start], "big")
        if not 1 <= octets <= 2 or length < 0x80 or length < 1 << (8 * (octets - 1)):
            raise DerError("length is indefinite, too long or not minimal")
    if len(data) < start + length:
        raise DerError("element is longer than what contains it")
    return data[start : start + length], data[start + length :]


def read_only(data: bytes, tag: int) -> bytes:
    """Contents of the one element that `data` is. Raises DerError, also when something follows it."""
    contents, rest = read(data, tag)
    if rest:
        raise DerError("octets after the element")
    return contents


def read_integer(data: bytes) -> int:
    """A non-negative INTEGER that `data` is."""
    contents = read_only(data, INTEGER)
    if not contents or contents[0] >= 0x80 or (len(contents) > 1 and contents[0] == 0 and contents[1] < 0x80):
        raise DerError("INTEGER is empty, negative or not minimal")
    return int.from_bytes(contents, "big")


def encode_oid(dotted: str) -> bytes:
    """The OBJECT IDENTIFIER element of a dotted name."""
    first, second, *rest = (int(part) for part in dotted.split("."))
    body = bytearray([40 * first + second])
    for arc in rest:
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        body += bytes(reversed(groups))
    return tlv(OID, bytes(body))
