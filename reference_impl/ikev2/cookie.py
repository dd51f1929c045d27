"""Stateless cookies (RFC 7296 section 2.6): version of secret | HMAC-SHA-256(secret, Ni | IPi | SPIi)."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from .endpoint import Endpoint

SECRET_SIZE = 32


class CookieJar:
    """Makes and checks cookies. The secret changes every ``lifetime`` seconds; the one before stays valid as long."""

    def __init__(self, rng: Callable[[int], bytes], lifetime: float) -> None:
        self._rng = rng
        self._lifetime = lifetime
        self._version = 0
        self._secret = rng(SECRET_SIZE)
        self._previous: bytes | None = None
        self._since: float | None = None

    def make(self, now: float, nonce: bytes, remote: Endpoint, spi_i: bytes) -> bytes:
        """The cookie for this request: 33 octets."""
        self._rotate(now)
        return self._compute(self._version, self._secret, nonce, remote, spi_i)

    def accepts(self, now: float, cookie: bytes, nonce: bytes, remote: Endpoint, spi_i: bytes) -> bool:
        """Whether the cookie was made for this nonce, address and SPI under the present or the previous secret."""
        self._rotate(now)
        expected = self._compute(self._version, self._secret, nonce, remote, spi_i)
        if hmac.compare_digest(cookie, expected):
            return True
        if self._previous is None:
            return False
        older = self._compute((self._version - 1) % 256, self._previous, nonce, remote, spi_i)
        return hmac.compare_digest(cookie, older)

    def _rotate(self, now: float) -> None:
        if self._since is None:
            self._since = now
        age = now - self._since
        if age < self._lifetime:
            return
        # After two lifetimes without use the present secret is too old to be honoured as the previous one.
        self._previous = self._secret if age < 2 * self._lifetime else None
        self._secret = self._rng(SECRET_SIZE)
        self._version = (self._version + 1) % 256
        self._since = now

    @staticmethod
    def _compute(version: int, secret: bytes, nonce: bytes, remote: Endpoint, spi_i: bytes) -> bytes:
        content = nonce + remote.address.encode() + spi_i
        return bytes((version,)) + hmac.digest(secret, content, "sha256")
