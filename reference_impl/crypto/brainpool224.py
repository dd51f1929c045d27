"""brainpoolP224r1 (RFC 5639, section 3.3), which `cryptography` does not offer: plain affine arithmetic.

Test-grade: correct, but neither constant time nor hardened. Points are (x, y) tuples, None is the point at infinity.
"""

from reference_impl.crypto.errors import CryptoError, InvalidPublicValue

P = 0xD7C134AA264366862A18302575D1D787B09F075797DA89F57EC8C0FF
A = 0x68A5E62CA9CE6C1C299803A6C1530B514E182AD8B0042A59CAD29F43
B = 0x2580F63CCFE44138870713B1A92369E33E2135D266DBB372386C400B
ORDER = 0xD7C134AA264366862A18302575D0FB98D116BC4B6DDEBCA3A5A7939F
GENERATOR = (
    0x0D9029AD2C7E5CF4340823B2A87DC68C9E4CE3174C1E6EFDEE12C07D,
    0x58AA56F772C0726F24C6B89E4ECDAC24354B9E99CAA3F6D3761402CD,
)
SIZE = 28

Point = tuple[int, int] | None


def on_curve(x: int, y: int) -> bool:
    """Whether the coordinates are field elements that satisfy the curve equation."""
    return 0 <= x < P and 0 <= y < P and (y * y - x * x * x - A * x - B) % P == 0


def add(first: Point, second: Point) -> Point:
    """The group operation."""
    if first is None or second is None:
        return second if first is None else first
    (x1, y1), (x2, y2) = first, second
    if x1 == x2:
        if (y1 + y2) % P == 0:
            return None
        slope = (3 * x1 * x1 + A) * pow(2 * y1, -1, P) % P
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, P) % P
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def multiply(scalar: int, point: Point) -> Point:
    """scalar * point, by double and add."""
    result: Point = None
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


class Brainpool224Exchange:
    """One side of an exchange in group 27; the encoding is that of RFC 6954, section 2.3."""

    __slots__ = ("_scalar", "public")

    def __init__(self, private: bytes) -> None:
        self._scalar = int.from_bytes(private, "big")
        point = multiply(self._scalar, GENERATOR) if 0 < self._scalar < ORDER else None
        if point is None:
            raise CryptoError("the private value is not between 1 and the group order")
        self.public = b"".join(coordinate.to_bytes(SIZE, "big") for coordinate in point)

    def shared(self, peer: bytes) -> bytes:
        """The x coordinate of the common point. Raises InvalidPublicValue (RFC 6989, section 2.3)."""
        if len(peer) != 2 * SIZE:
            raise InvalidPublicValue(f"public value has {len(peer)} octets, the group's have {2 * SIZE}")
        x, y = int.from_bytes(peer[:SIZE], "big"), int.from_bytes(peer[SIZE:], "big")
        if not on_curve(x, y):
            raise InvalidPublicValue("public value is not a point of the curve")
        common = multiply(self._scalar, (x, y))
        assert common is not None, "the group has prime order"
        return common[0].to_bytes(SIZE, "big")
