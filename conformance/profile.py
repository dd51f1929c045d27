"""The profile of a device under test: who it is, what it claims, how it is reached, triggered and authenticated.

A profile is a TOML file (schema: `conformance/schemas/profile.schema.json`, examples: `conformance/profiles/`) or the
same structure as a dict, as a peer's driver hands it over.
"""

from __future__ import annotations

import copy
import ipaddress
import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

HIDDEN = "(hidden)"
SECRET_KEYS = frozenset({"value", "passphrase"})
SIGNATURE_METHODS = ("rsa", "ecdsa", "ed25519")
SCHEMA_PATH = Path(__file__).parent / "schemas" / "profile.schema.json"


class ProfileError(ValueError):
    """A profile that cannot be used; the text names the file, the place and what to do."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What one side proves itself with. Secrets are left out of `repr`.

    identity: as written in the profile ("fqdn:gw.example"); psk, cert, key and ca: contents of the files, PEM or DER.
    """

    method: str
    identity: str
    psk: bytes = field(default=b"", repr=False)
    cert: bytes = b""
    key: bytes = field(default=b"", repr=False)
    ca: bytes = b""


@dataclass(frozen=True, slots=True)
class Traffic:
    """The protected networks: `local` is behind the device, `remote` is the tester's; `ping` answers ICMP echo."""

    local: str
    remote: str
    ping: str | None = None

    def remote_address(self, number: int) -> str:
        """The tester's `number`-th inner address, skipping the network address."""
        network = ipaddress.ip_network(self.remote)
        room = max(network.num_addresses - 2, 1)
        return str(network[1 + number % room])


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds.

    answer: how long an answer that is due may take. fence_grace: how long to listen on after a fence was answered.
    retransmit: when the tester repeats its own unanswered request. retransmit_first: when the device is expected to
    repeat its own. trigger: how long a triggered device may take to send its first message. linger: how long it may go
    on receiving on a Child SA that was deleted, for packets on their way.
    """

    answer: float = 2.0
    fence_grace: float = 0.0
    retransmit: float = 1.0
    retransmit_first: float = 5.0
    trigger: float = 5.0
    linger: float = 8.0


@dataclass(frozen=True, slots=True)
class Profile:
    """A checked profile. `data` is the structure as read; `source` is where it came from, for messages."""

    source: str
    data: Mapping[str, Any] = field(repr=False)
    name: str
    address: str
    ike_port: int
    natt_port: int
    tester_address: str
    tester_port: int
    listen_port: int
    listen_natt_port: int
    tester_identity: str
    dut_auth: Mapping[str, Credential]
    tester_auth: Mapping[str, Credential]
    ike: tuple[str, ...]
    child: tuple[str, ...]
    traffic: Traffic | None
    claims: Mapping[str, bool]
    timing: Timing
    trigger: Mapping[str, Any]

    def claimed(self, claim: str) -> bool:
        """Whether the device claims it. rsa, ecdsa, ed25519, psk and certificates follow from the credentials."""
        if claim in ("psk", *SIGNATURE_METHODS):
            return claim in self.dut_auth and self.claims.get(claim, True)
        if claim == "certificates":
            return any(self.claimed(method) for method in SIGNATURE_METHODS)
        if claim == "data_plane":
            return bool(self.claims.get(claim)) and self.traffic is not None
        return self.claims.get(claim, CLAIM_DEFAULTS.get(claim, False))

    def missing(self, needs: Sequence[str]) -> list[str]:
        """The claims in `needs` that the device does not make; "a|b" is met by either."""
        return [need for need in needs if not any(self.claimed(claim) for claim in need.split("|"))]

    def public(self) -> dict[str, Any]:
        """The profile as read, every secret replaced."""
        hidden: dict[str, Any] = _hide(copy.deepcopy(dict(self.data)))
        return hidden


# What every IKEv2 device does unless it says otherwise.
CLAIM_DEFAULTS: Mapping[str, bool] = {"ikev2": True, "responder": True}


def known_claims() -> list[str]:
    """The names that `[dut.claims]` may have, from the schema."""
    schema = _schema()
    return sorted(schema["$defs"]["claims"]["properties"])


def load(path: Path) -> Profile:
    """The profile in a TOML file; raises ProfileError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ProfileError(f"{path}: no such file; give a profile or the name of a peer (`ikeproof peers`)") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: cannot be read: {error}") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{path}: not TOML: {error}") from None
    return from_dict(data, source=str(path), base=path.parent)


def from_dict(data: Mapping[str, Any], *, source: str = "profile", base: Path | None = None) -> Profile:
    """A checked profile from its structure; file names in it are relative to `base`. Raises ProfileError."""
    _check(data, source)
    dut, tester = data["dut"], data.get("tester", {})
    base = base or Path.cwd()
    for place, text in (("dut.address", dut["address"]), ("tester.address", tester.get("address", "0.0.0.0"))):
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise ProfileError(f"{source}: {place}: {text!r} is not an IP address, such as 192.0.2.1") from None
    reader = _Reader(source, base)
    dut_auth = {name: reader.credential(name, part, f"dut.auth.{name}") for name, part in dut.get("auth", {}).items()}
    tester_auth = {
        name: reader.credential(name, part, f"tester.auth.{name}") for name, part in tester.get("auth", {}).items()
    }
    proposals = dut.get("proposals", {})
    ike = tuple(proposals.get("ike", ("aes128gcm16-prfsha256-ecp256",)))
    child = tuple(proposals.get("child", ("aes128gcm16",)))
    _check_suites(source, ike, child)
    traffic = _traffic(source, dut.get("traffic"))
    return Profile(
        source=source,
        data=data,
        name=dut["name"],
        address=dut["address"],
        ike_port=dut.get("ike_port", 500),
        natt_port=dut.get("natt_port", 4500),
        tester_address=tester.get("address", "0.0.0.0"),
        tester_port=tester.get("port", 0),
        listen_port=tester.get("listen_port", 500),
        listen_natt_port=tester.get("listen_natt_port", 4500),
        tester_identity=tester.get("identity", "fqdn:tester.example"),
        dut_auth=dut_auth,
        tester_auth=tester_auth,
        ike=ike,
        child=child,
        traffic=traffic,
        claims=dict(dut.get("claims", {})),
        timing=Timing(**{key: float(value) for key, value in dut.get("timing", {}).items()}),
        trigger=dict(dut.get("trigger", {"driver": "operator"})),
    )


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    return schema


def _check(data: Mapping[str, Any], source: str) -> None:
    validator = jsonschema.Draft202012Validator(_schema())
    errors = list(validator.iter_errors(data))
    if not errors:
        return
    # A misspelt key also makes another one missing: the key is what the user has to see.
    misspelt = [error for error in errors if error.validator == "additionalProperties"]
    error = misspelt[0] if misspelt else jsonschema.exceptions.best_match(errors)
    place = ".".join(str(part) for part in error.absolute_path) or "the file"
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))
        raise ProfileError(f"{source}: {place}: unknown key {', '.join(unknown)}; known are {', '.join(known)}")
    if error.validator == "required":
        missing = sorted(set(error.validator_value) - set(error.instance))
        raise ProfileError(f"{source}: {place}: {', '.join(missing)} is missing")
    if error.validator == "type":
        got = type(error.instance).__name__
        raise ProfileError(f"{source}: {place}: must be of type {error.validator_value}, not {got}")
    if error.validator == "oneOf" and isinstance(error.instance, dict):
        raise ProfileError(f"{source}: {place}: give exactly one of value, env and file")
    raise ProfileError(f"{source}: {place}: {error.message}")


def _check_suites(source: str, ike: Sequence[str], child: Sequence[str]) -> None:
    from reference_impl.crypto.errors import CryptoError
    from reference_impl.crypto.suite import parse_esp, parse_ike

    for name, texts, parse in (("ike", ike, parse_ike), ("child", child, parse_esp)):
        for text in texts:
            try:
                parse(text)
            except (ValueError, CryptoError) as error:
                raise ProfileError(f"{source}: dut.proposals.{name}: {text!r}: {error}") from None


def _traffic(source: str, part: Mapping[str, Any] | None) -> Traffic | None:
    if part is None:
        return None
    for key, text in part.items():
        try:
            ipaddress.ip_address(text) if key == "ping" else ipaddress.ip_network(text)
        except ValueError as error:
            raise ProfileError(f"{source}: dut.traffic.{key}: {error}") from None
    return Traffic(part["local"], part["remote"], part.get("ping"))


@dataclass(frozen=True, slots=True)
class _Reader:
    source: str
    base: Path

    def credential(self, method: str, part: Mapping[str, Any], place: str) -> Credential:
        from conformance.tester.identity import parse_identity

        identity = part.get("identity", "")
        if identity:
            try:
                parse_identity(identity.replace("%d", "1"))
            except ValueError as error:
                raise ProfileError(f"{self.source}: {place}.identity: {error}") from None
        values = {key: self.octets(part[key], f"{place}.{key}") for key in ("psk", "cert", "key", "ca") if key in part}
        return Credential(method, identity, **values)

    def octets(self, part: Mapping[str, str], place: str) -> bytes:
        """The contents that `{value=}`, `{env=}` or `{file=}` stands for."""
        if "value" in part:
            return part["value"].encode()
        if "env" in part:
            name = part["env"]
            if name not in os.environ:
                raise ProfileError(f"{self.source}: {place}: the environment variable {name} is not set; export it")
            return os.environ[name].encode()
        path = self.base / part["file"]
        try:
            content = path.read_bytes()
        except OSError as error:
            reason = error.strerror or "cannot be read"
            raise ProfileError(f"{self.source}: {place}: {path}: {reason}; put the credential there") from None
        return content.rstrip(b"\r\n") if place.endswith(".psk") else content


def _hide(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: HIDDEN if key in SECRET_KEYS else _hide(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_hide(item) for item in value]
    return value
