"""ML-KEM as a key exchange: the initiator sends an encapsulation key, the responder a ciphertext.

The codepoints are those of draft-ietf-ipsecme-ikev2-mlkem; `cryptography` offers no ML-KEM-512 (group 35).
"""

from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
    MLKEM1024PrivateKey,
    MLKEM1024PublicKey,
)

from reference_impl.crypto.errors import InvalidPublicValue
from reference_impl.crypto.fips203 import MLKEM512PrivateKey, MLKEM512PublicKey

SEED_SIZE = 64

PrivateKeyType = type[MLKEM512PrivateKey] | type[MLKEM768PrivateKey] | type[MLKEM1024PrivateKey]
PublicKeyType = type[MLKEM512PublicKey] | type[MLKEM768PublicKey] | type[MLKEM1024PublicKey]


class MlKemExchange:
    """The initiator's side: `public` is the encapsulation key made from a 64-octet seed (FIPS 203 d‖z)."""

    __slots__ = ("_private", "_size", "public")

    def __init__(self, kind: PrivateKeyType, ciphertext_size: int, seed: bytes) -> None:
        self._private = kind.from_seed_bytes(seed)
        self._size = ciphertext_size
        self.public = self._private.public_key().public_bytes_raw()

    def shared(self, peer: bytes) -> bytes:
        """Decapsulate the responder's ciphertext. Raises InvalidPublicValue for a wrong length."""
        if len(peer) != self._size:
            raise InvalidPublicValue(f"ciphertext has {len(peer)} octets, the group's have {self._size}")
        return self._private.decapsulate(peer)


def encapsulate(kind: PublicKeyType, peer: bytes) -> tuple[bytes, bytes]:
    """The responder's side: (ciphertext to send, shared secret). Raises InvalidPublicValue."""
    try:
        shared, ciphertext = kind.from_public_bytes(peer).encapsulate()
    except ValueError:
        raise InvalidPublicValue("public value is not an encapsulation key of the group") from None
    return ciphertext, shared
