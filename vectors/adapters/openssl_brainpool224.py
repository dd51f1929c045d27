"""Brainpool P224r1 of the second adapter, which `cryptography` lacks: points as pairs of integers (RFC 5639, 3.3)."""

from __future__ import annotations

from vectors.adapters import Refused

NAME = "BRAINPOOL-P224R1"
_P = 0xD7C134AA264366862A18302575D1D787B09F075797DA89F57EC8C0FF
_A = 0x68A5E62CA9CE6C1C299803A6C1530B514E182AD8B0042A59CAD29F43
_B = 0x2580F63CCFE44138870713B1A92369E33E2135D266DBB372386C400B
_G = (
    0x0D9029AD2C7E5CF4340823B2A87DC68C9E4CE3174C1E6EFDEE12C07D,
    0x58AA56F772C0726F24C6B89E4ECDAC24354B9E99CAA3F6D3761402CD,
)
_SIZE = 28
Point = tuple[int, int] | None  # None is the point at infinity


def _add(left: Point, right: Point) -> Point:
    if left is None or right is None:
        return right if left is None else left
    (x1, y1), (x2, y2) = left, right
    if x1 == x2 and (y1 + y2) % _P == 0:
        return None
    slope = (3 * x1 * x1 + _A) * pow(2 * y1, -1, _P) if left == right else (y2 - y1) * pow(x2 - x1, -1, _P)
    x = (slope * slope - x1 - x2) % _P
    return x, (slope * (x1 - x) - y1) % _P


def _times(scalar: int, point: Point) -> Point:
    result: Point = None
    for digit in f"{scalar:b}":
        result = _add(result, result)
        if digit == "1":
            result = _add(result, point)
    return result


def public(private: bytes) -> bytes:
    """x and y of the public point."""
    point = _times(int.from_bytes(private), _G)
    if point is None:
        raise Refused("the private value is a multiple of the order")
    return b"".join(coordinate.to_bytes(_SIZE) for coordinate in point)


def shared(private: bytes, peer: bytes) -> bytes:
    """x of the shared point. Raises Refused for what is no point of the curve."""
    if len(peer) != 2 * _SIZE:
        raise Refused(f"{len(peer)} octets, the group has {2 * _SIZE}")
    x, y = int.from_bytes(peer[:_SIZE]), int.from_bytes(peer[_SIZE:])
    if x >= _P or y >= _P or (y * y - x**3 - _A * x - _B) % _P:
        raise Refused("not a point of the curve")
    point = _times(int.from_bytes(private), (x, y))
    if point is None:
        raise Refused("the shared point is at infinity")
    return point[0].to_bytes(_SIZE)
