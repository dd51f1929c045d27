"""The errors of the cryptographic layer; all of them are a `CryptoError`."""


class CryptoError(Exception):
    """Base of all errors raised by `reference_impl.crypto`."""


class UnsupportedAlgorithm(CryptoError):
    """A transform ID, key length or signature algorithm that is not in the registry."""


class IntegrityError(CryptoError):
    """An ICV that does not match, or protected data too short or misaligned to hold one."""


class InvalidPublicValue(CryptoError):
    """A key exchange value of the peer that fails the recipient tests of RFC 6989, or has the wrong length."""


class InvalidSignature(CryptoError):
    """Authentication data that does not verify, or whose encoding is not the one the method demands."""
