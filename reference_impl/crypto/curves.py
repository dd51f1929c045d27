"""Key exchange on the curves that `cryptography` has: ECP and Brainpool groups, X25519, X448."""

from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reference_impl.crypto.errors import CryptoError, InvalidPublicValue


class EcpExchange:
    """One side of an exchange in an ECP group: public values are x‖y, the shared secret is x (RFC 5903, 7)."""

    __slots__ = ("_curve", "_private", "_size", "public")

    def __init__(self, curve: ec.EllipticCurve, private: bytes) -> None:
        self._curve = curve
        self._size = 2 * ((curve.key_size + 7) // 8)
        try:
            self._private = ec.derive_private_key(int.from_bytes(private, "big"), curve)
        except ValueError:
            raise CryptoError("the private value is not between 1 and the group order") from None
        encoded = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public = encoded[1:]

    def shared(self, peer: bytes) -> bytes:
        """The x coordinate of the common point. Raises InvalidPublicValue (RFC 6989, section 2.3)."""
        if len(peer) != self._size:
            raise InvalidPublicValue(f"public value has {len(peer)} octets, the group's have {self._size}")
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(self._curve, b"\4" + peer)
        except ValueError:
            raise InvalidPublicValue("public value is not a point of the curve") from None
        return self._private.exchange(ec.ECDH(), key)


class X25519Exchange:
    """One side of an X25519 exchange (RFC 8031)."""

    __slots__ = ("_private", "public")

    def __init__(self, private: bytes) -> None:
        self._private = x25519.X25519PrivateKey.from_private_bytes(private)
        self.public = self._private.public_key().public_bytes_raw()

    def shared(self, peer: bytes) -> bytes:
        """The shared secret. Raises InvalidPublicValue for a wrong length and for an all-zero result."""
        try:
            return self._private.exchange(x25519.X25519PublicKey.from_public_bytes(peer))
        except ValueError:
            raise InvalidPublicValue(_xdh_reason(peer, 32)) from None


class X448Exchange:
    """One side of an X448 exchange (RFC 8031)."""

    __slots__ = ("_private", "public")

    def __init__(self, private: bytes) -> None:
        self._private = x448.X448PrivateKey.from_private_bytes(private)
        self.public = self._private.public_key().public_bytes_raw()

    def shared(self, peer: bytes) -> bytes:
        """The shared secret. Raises InvalidPublicValue for a wrong length and for an all-zero result."""
        try:
            return self._private.exchange(x448.X448PublicKey.from_public_bytes(peer))
        except ValueError:
            raise InvalidPublicValue(_xdh_reason(peer, 56)) from None


def _xdh_reason(peer: bytes, size: int) -> str:
    if len(peer) != size:
        return f"public value has {len(peer)} octets, the group's have {size}"
    return "public value is a point of small order: the shared secret is all zero"
