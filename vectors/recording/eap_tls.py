"""TLS inside EAP-TLS and EAP-TTLS: as much of it as the MSK needs (RFC 5216, RFC 5281, RFC 5246)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

_LENGTH, _MORE = 0x80, 0x40
_HANDSHAKE, _CHANGE_CIPHER_SPEC = 22, 20
CLIENT_HELLO, SERVER_HELLO, CLIENT_KEY_EXCHANGE = 1, 2, 16
# RSA key exchange, and the PRF's hash
SUITES = {0x003C: "HMAC-SHA2-256", 0x003D: "HMAC-SHA2-256", 0x009C: "HMAC-SHA2-256", 0x009D: "HMAC-SHA2-384"}


@dataclass
class Conversation:
    """What the two ends said in TLS; `add` takes the type data of EAP packets in order."""

    said: dict[str, bytes] = field(default_factory=dict)

    def add(self, side: str, data: bytes) -> None:
        """One EAP packet after its type: flags, perhaps the length of the whole, a fragment."""
        self.said[side] = self.said.get(side, b"") + data[5 if data and data[0] & _LENGTH else 1 :]

    def handshake(self, side: str) -> dict[int, bytes]:
        """The handshake messages in the clear of an end, by type."""
        stream = b"".join(self._records(side))
        found = {}
        while len(stream) >= 4:
            size = int.from_bytes(stream[1:4], "big")
            found[stream[0]] = stream[4 : 4 + size]
            stream = stream[4 + size :]
        return found

    def _records(self, side: str) -> Iterator[bytes]:
        rest = self.said.get(side, b"")
        while len(rest) >= 5 and rest[0] != _CHANGE_CIPHER_SPEC:
            size = int.from_bytes(rest[3:5], "big")
            if rest[0] == _HANDSHAKE:
                yield rest[5 : 5 + size]
            rest = rest[5 + size :]

    def randoms(self) -> tuple[bytes, bytes]:
        """The client's and the server's random value."""
        return self.handshake("i")[CLIENT_HELLO][2:34], self.handshake("r")[SERVER_HELLO][2:34]

    def suite(self) -> int:
        """The number of the cipher suite."""
        hello = self.handshake("r")[SERVER_HELLO]
        start = 35 + hello[34]
        return int.from_bytes(hello[start : start + 2], "big")

    def key_exchange(self) -> bytes:
        """The encrypted premaster secret (RFC 5246, section 7.4.7.1)."""
        return self.handshake("i")[CLIENT_KEY_EXCHANGE][2:]
