"""The neutral description of a connection; each driver renders it into its implementation's configuration.

A :class:`Connection` is seen from one end (``local``); :meth:`Connection.mirrored` is the other end's view.
Suites are spelt with strongSwan's keywords (``aes256gcm16-prfsha384-ecp384``), the field's common shorthand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Literal

from peers.errors import LabError

ANY = "any"
AuthMethod = Literal["psk", "rsa", "ecdsa", "ed25519"]
Mode = Literal["tunnel", "transport"]


@dataclass(frozen=True, slots=True)
class Identity:
    """An IKE identity written ``kind:value``: fqdn, email, ipv4, ipv6, dn or key; ``any`` matches every peer."""

    kind: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Identity:
        """Read ``kind:value``; LabError on an unknown kind."""
        if text == ANY:
            return cls(ANY, "")
        kind, _, value = text.partition(":")
        if kind not in ("fqdn", "email", "ipv4", "ipv6", "dn", "key") or not value:
            raise LabError(f"identity {text!r} is not kind:value", "Use fqdn:, email:, ipv4:, ipv6:, dn: or key:")
        return cls(kind, value)

    def __str__(self) -> str:
        return ANY if self.kind == ANY else f"{self.kind}:{self.value}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one end proves itself with: a pre-shared key, or PEM texts of certificate, key and issuing CA."""

    psk: bytes = field(default=b"", repr=False)
    certificate: str = ""
    key: str = field(default="", repr=False)
    ca: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end: its address (or ``any``), identity, authentication and the networks behind it (CIDR)."""

    address: str
    identity: Identity
    auth: AuthMethod = "psk"
    credentials: Credentials = Credentials()
    networks: tuple[str, ...] = ()
    port: int = 500


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds (and octets, packets) until a rekey or the end of an SA; 0 leaves the limit out."""

    ike_rekey: int = 14400
    child_rekey: int = 3600
    child_bytes: int = 0
    child_packets: int = 0


@dataclass(frozen=True, slots=True)
class Connection:
    """An IKE connection with one Child SA, as ``local`` sees it."""

    name: str
    local: Endpoint
    remote: Endpoint
    ike: tuple[str, ...]
    esp: tuple[str, ...]
    mode: Mode = "tunnel"
    encap: bool = False
    dpd: int = 0
    fragmentation: bool = True
    unique: Literal["never", "replace"] = "never"
    lifetimes: Lifetimes = Lifetimes()
    pool: str = ""
    request_address: bool = False
    narrowing: bool = True

    def mirrored(self) -> Connection:
        """The same connection as the other end sees it."""
        return replace(self, local=self.remote, remote=self.local)


@dataclass(frozen=True, slots=True)
class Suite:
    """A parsed suite; empty text or None where the keyword list does not name a part."""

    encr: str = ""
    key_bits: int | None = None
    icv: int | None = None
    integ: str = ""
    prf: str = ""
    groups: tuple[str, ...] = ()
    esn: bool | None = None

    @property
    def aead(self) -> bool:
        """Whether the cipher brings its own integrity check."""
        return self.icv is not None


_CIPHER = re.compile(r"^aes(?P<bits>128|192|256)(?:(?P<mode>gcm|ccm)(?P<icv>8|12|16)|(?P<ctr>ctr))?$")
_GMAC = re.compile(r"^aes(?P<bits>128|192|256)gmac$")
_INTEG = {"sha1", "sha256", "sha384", "sha512", "aesxcbc", "aescmac"}
_GROUP = re.compile(r"^(modp\d+|ecp\d+(bp)?|curve25519|x25519|curve448|x448)$")


def parse_suite(text: str) -> Suite:
    """Read a suite such as ``aes128-sha256-modp2048``; LabError on an unknown keyword."""
    suite = Suite()
    for word in text.split("-"):
        if match := _CIPHER.match(word):
            icv = int(match["icv"]) if match["icv"] else None
            suite = replace(
                suite, encr="aes" + (match["mode"] or match["ctr"] or "cbc"), key_bits=int(match["bits"]), icv=icv
            )
        elif match := _GMAC.match(word):
            suite = replace(suite, encr="aesgmac", key_bits=int(match["bits"]), icv=16)
        elif word == "chacha20poly1305":
            suite = replace(suite, encr=word, key_bits=256, icv=16)
        elif word in _INTEG:
            suite = replace(suite, integ=word)
        elif word.startswith("prf") and word.removeprefix("prf") in _INTEG:
            suite = replace(suite, prf=word.removeprefix("prf"))
        elif _GROUP.match(word):
            suite = replace(suite, groups=(*suite.groups, {"curve25519": "x25519", "curve448": "x448"}.get(word, word)))
        elif word in ("esn", "noesn"):
            suite = replace(suite, esn=word == "esn")
        else:
            raise LabError(f"unknown keyword {word!r} in the suite {text!r}", "Use strongSwan's proposal keywords")
    if not suite.encr:
        raise LabError(f"the suite {text!r} has no cipher", "Begin with a cipher such as aes256gcm16")
    return suite
