"""Small IKE messages with their decoded trees, for sample results: right on the wire, random inside."""

from __future__ import annotations

import random
from typing import Any

Tree = dict[str, Any]
Part = tuple[str, int, bytes, list[Tree]]

INITIATOR, RESPONSE = 0x08, 0x20
_EXCHANGES = {"IKE_SA_INIT": 34, "IKE_AUTH": 35, "CREATE_CHILD_SA": 36, "INFORMATIONAL": 37}


class Talk:
    """One test's conversation: appends messages in the form of the results file."""

    def __init__(self, seed: str, responder: str = "192.0.2.10") -> None:
        self.random = random.Random(seed)
        self.spi_i = self.random.randbytes(8)
        self.spi_r = bytes(8)
        self.clock = 0.0008
        self.tester = f"192.0.2.1:{self.random.randrange(30000, 60000)}"
        self.dut = f"{responder}:500"
        self.messages: list[Tree] = []

    def send(self, exchange: str, message_id: int, parts: list[Part], **extra: Any) -> Talk:
        return self._add(True, exchange, message_id, parts, **extra)

    def answer(self, exchange: str, message_id: int, parts: list[Part], **extra: Any) -> Talk:
        return self._add(False, exchange, message_id, parts, **extra)

    def _add(
        self,
        to_dut: bool,
        exchange: str,
        message_id: int,
        parts: list[Part],
        *,
        note: str = "",
        response: bool | None = None,
    ) -> Talk:
        response = (not to_dut) if response is None else response
        if not to_dut and self.spi_r == bytes(8):
            self.spi_r = self.random.randbytes(8)
        flags = (INITIATOR if to_dut else 0) | (RESPONSE if response else 0)
        encrypted = exchange != "IKE_SA_INIT"
        body = _chain(parts)
        if encrypted:
            body = b"\x00\x00" + (len(body) + 32).to_bytes(2, "big") + self.random.randbytes(len(body) + 28)
        first = 46 if encrypted else parts[0][1] if parts else 0
        length = 28 + len(body)
        header = self.spi_i + self.spi_r + bytes([first, 0x20, _EXCHANGES[exchange], flags])
        header += message_id.to_bytes(4, "big") + length.to_bytes(4, "big")
        names = " ".join(name for name, *_ in parts) or "no payloads"
        self.clock += self.random.uniform(0.0004, 0.006)
        self.messages.append(
            {
                "time": round(self.clock, 6),
                "direction": "to_dut" if to_dut else "from_dut",
                "src": self.tester if to_dut else self.dut,
                "dst": self.dut if to_dut else self.tester,
                "summary": f"{exchange} {'response' if response else 'request'}: "
                + (f"SK {{{names}}}" if encrypted else names),
                "bytes": (header + body).hex(),
                "decrypted": encrypted,
                "tree": [
                    {
                        "name": "IKE header",
                        "children": [
                            {"name": "initiator SPI", "value": self.spi_i.hex()},
                            {"name": "responder SPI", "value": self.spi_r.hex()},
                            {"name": "version", "value": "2.0"},
                            {"name": "exchange type", "value": f"{exchange} ({_EXCHANGES[exchange]})"},
                            {"name": "flags", "value": f"0x{flags:02x}"},
                            {"name": "message ID", "value": message_id},
                            {"name": "length", "value": length},
                        ],
                    },
                    *(
                        {"name": name, "value": f"type {kind}, {len(data) + 4} octets", "children": tree}
                        for name, kind, data, tree in parts
                    ),
                ],
                "note": note,
            }
        )
        return self

    def sa(self, *suites: str) -> Part:
        tree = []
        for number, suite in enumerate(suites, 1):
            transforms = [
                {"name": f"transform {kind}", "value": value}
                for kind, value in zip(("ENCR", "PRF", "INTEG", "KE"), suite.split("/"), strict=False)
            ]
            tree.append({"name": f"proposal {number}", "value": "protocol IKE, SPI empty", "children": transforms})
        return ("SA", 33, self.random.randbytes(44 * len(suites)), tree)

    def ke(self, group: str = "CURVE25519 (31)", size: int = 32) -> Part:
        data = self.random.randbytes(size)
        tree = [{"name": "group", "value": group}, {"name": "key exchange data", "value": data.hex()}]
        return ("KE", 34, b"\x00\x1f\x00\x00" + data, tree)

    def nonce(self, size: int = 32, name: str = "Ni") -> Part:
        data = self.random.randbytes(size)
        return (name, 40, data, [{"name": "nonce data", "value": data.hex()}])

    def notify(self, kind: str, number: int, data: bytes = b"") -> Part:
        tree = [
            {"name": "notify message type", "value": f"{kind} ({number})"},
            {"name": "notification data", "value": data.hex()},
        ]
        return (f"N({kind})", 41, b"\x00\x00" + number.to_bytes(2, "big") + data, tree)

    def opaque(self, name: str, kind: int, size: int) -> Part:
        data = self.random.randbytes(size)
        return (name, kind, data, [{"name": "data", "value": data.hex()}])

    def init(self) -> Talk:
        """IKE_SA_INIT, both messages."""
        hashed = self.random.randbytes(20)
        self.send(
            "IKE_SA_INIT",
            0,
            [
                self.sa(
                    "AES_GCM_16 256/HMAC_SHA2_384/NONE/ECP_384",
                    "AES_CBC 128/HMAC_SHA2_256/HMAC_SHA2_256_128/MODP_2048",
                ),
                self.ke(),
                self.nonce(),
                self.notify("NAT_DETECTION_SOURCE_IP", 16388, hashed),
                self.notify("NAT_DETECTION_DESTINATION_IP", 16389, hashed),
            ],
        )
        return self.answer(
            "IKE_SA_INIT",
            0,
            [
                self.sa("AES_GCM_16 256/HMAC_SHA2_384/NONE/ECP_384"),
                self.ke(),
                self.nonce(name="Nr"),
                self.notify("SIGNATURE_HASH_ALGORITHMS", 16431, b"\x00\x02\x00\x03\x00\x04"),
            ],
        )

    def establish(self) -> Talk:
        """IKE_SA_INIT and IKE_AUTH, four messages."""
        self.init().send(
            "IKE_AUTH",
            1,
            [
                self.opaque("IDi", 35, 24),
                self.opaque("AUTH", 39, 36),
                self.opaque("SA", 33, 40),
                self.opaque("TSi", 44, 20),
                self.opaque("TSr", 45, 20),
            ],
        )
        return self.answer(
            "IKE_AUTH",
            1,
            [
                self.opaque("IDr", 36, 20),
                self.opaque("AUTH", 39, 36),
                self.opaque("SA", 33, 40),
                self.opaque("TSi", 44, 20),
                self.opaque("TSr", 45, 20),
            ],
        )

    def liveness(self, message_id: int, note: str = "fence") -> Talk:
        self.send("INFORMATIONAL", message_id, [], note=note)
        return self.answer("INFORMATIONAL", message_id, [])


def _chain(parts: list[Part]) -> bytes:
    out = b""
    for index, (_, _, data, _) in enumerate(parts):
        following = parts[index + 1][1] if index + 1 < len(parts) else 0
        out += bytes([following, 0]) + (len(data) + 4).to_bytes(2, "big") + data
    return out
