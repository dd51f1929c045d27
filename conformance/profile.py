"""The profile of a device under test: who it is, what it claims, how it is reached, triggered and authenticated.

A profile is a TOML file (schema: `conformance/schemas/profile.schema.json`, examples: `conformance/profiles/`) or the
same structure as a dict, as a peer's driver hands it over.
"""

from __future__ import annotations

import copy
import difflib
import ipaddress
import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from conformance.credentials import PARTS as CREDENTIAL_PARTS
from conformance.credentials import Credential, ProfileError, Reader, read_file

__all__ = ["Credential", "Profile", "ProfileError", "Timing", "Traffic", "from_dict", "known_claims", "load"]

HIDDEN = "(hidden)"
SECRET_KEYS = frozenset({"value", "passphrase"})
COMMANDS = ("initiate", "rekey_ike", "rekey_child", "delete_ike", "delete_child", "liveness", "state", "reset")
SIGNATURE_METHODS = ("rsa", "ecdsa", "ed25519")
SCHEMA_PATH = Path(__file__).parent / "schemas" / "profile.schema.json"


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
    esp: str
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
        if claim == "raw_esp":
            return self.claimed("data_plane") and self.claims.get(claim, not self.claimed("natt"))
        return self.claims.get(claim, CLAIM_DEFAULTS.get(claim, False))

    @property
    def esp_in_udp(self) -> bool:
        """Whether the tester pretends to be behind a NAT, so that ESP is in UDP; else it is IP protocol 50."""
        return self.claimed("natt") and self.esp != "raw"

    def missing(self, needs: Sequence[str]) -> list[str]:
        """The claims in `needs` that the device does not make; "a|b" is met by either."""
        return [need for need in needs if not any(self.claimed(claim) for claim in need.split("|"))]

    def public(self) -> dict[str, Any]:
        """The profile as read, every secret replaced; a command's arguments, too, which may have secrets in them."""
        hidden: dict[str, Any] = _hide(copy.deepcopy(dict(self.data)))
        trigger = hidden["dut"].get("trigger", {})
        trigger.update({name: [trigger[name][0], HIDDEN] for name in COMMANDS if name in trigger})
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
        text = read_file(path).decode("utf-8-sig")
        data = tomllib.loads(text)
    except FileNotFoundError:
        raise ProfileError(f"{path}: no such file; give a profile or the name of a peer (`ikeproof peers`)") from None
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ProfileError(f"{path}: octet {error.start + 1} is not UTF-8: save the file as UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{path}: not TOML: {error}") from None
    except RecursionError:
        raise ProfileError(f"{path}: not a profile: too many brackets in one another") from None
    except ValueError as error:  # the size of the file, or of a number in it
        raise ProfileError(f"{path}: {str(error).partition(';')[0]}") from None
    return from_dict(data, source=str(path), base=path.parent)


def from_dict(data: Mapping[str, Any], *, source: str = "profile", base: Path | None = None) -> Profile:
    """A checked profile from its structure; file names in it are relative to `base`. Raises ProfileError."""
    _check(data, source)
    dut, tester = data["dut"], data.get("tester", {})
    base = base or Path.cwd()
    _check_addresses(source, dut["address"], tester.get("address"))
    reader = Reader(source, base)
    dut_auth = reader.credentials(dut.get("auth", {}), "dut.auth")
    tester_auth = reader.credentials(tester.get("auth", {}), "tester.auth")
    if "psk" in tester_auth and not tester_auth["psk"].psk:
        if "psk" not in dut_auth:
            raise ProfileError(f"{source}: tester.auth.psk: psk is missing; give it as value, env or file")
        tester_auth["psk"] = replace(tester_auth["psk"], psk=dut_auth["psk"].psk)
    tester_identity = tester.get("identity", "fqdn:tester.example")
    reader.check_identity(tester_identity, "tester")
    proposals = dut.get("proposals", {})
    ike = tuple(proposals.get("ike", ("aes128gcm16-prfsha256-ecp256",)))
    child = tuple(proposals.get("child", ("aes128gcm16",)))
    _check_suites(source, ike, child)
    traffic = _traffic(source, dut.get("traffic"))
    trigger = dict(dut.get("trigger", {"driver": "operator"}))
    _check_trigger(source, trigger)
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
        esp=tester.get("esp", "auto"),
        tester_identity=tester_identity,
        dut_auth=dut_auth,
        tester_auth=tester_auth,
        ike=ike,
        child=child,
        traffic=traffic,
        claims=dict(dut.get("claims", {})),
        timing=_timing(source, dut.get("timing", {})),
        trigger=trigger,
    )


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    return schema


# What TOML calls the types of a JSON schema and of Python.
_TYPES = {"object": "a table", "array": "a list", "string": "a text in quotes", "boolean": "true or false"}
_TYPES |= {"integer": "a whole number", "number": "a number"}
_TYPES |= {"dict": "a table", "list": "a list", "str": "a text", "bool": "true or false", "int": "a number"}
_TYPES |= {"float": "a number", "datetime": "a date", "date": "a date", "time": "a time"}


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
        reason = _unknown(sorted(error.schema.get("properties", {})), error.instance)
    elif error.validator == "required":
        reason = f"{', '.join(sorted(set(error.validator_value) - set(error.instance)))} is missing"
    elif error.validator == "type":
        got = type(error.instance).__name__
        reason = f"must be {_TYPES[error.validator_value]}, not {_TYPES.get(got, got)}"
        if error.absolute_path and error.absolute_path[-1] in CREDENTIAL_PARTS:
            reason += '; write { env = "NAME" }, { file = "NAME" } or { value = "…" }'
    elif error.validator == "oneOf" and isinstance(error.instance, dict):
        reason = "give exactly one of value, env and file"
    elif error.validator in ("minItems", "minLength"):
        reason = "must not be empty"
    elif error.validator == "pattern":
        reason = "has control characters"
    else:
        reason = f"{error.message[:200]}"
    raise ProfileError(f"{source}: {place}: {reason}")


def _unknown(known: Sequence[str], table: Mapping[str, Any]) -> str:
    """Which keys are unknown, and what was perhaps meant."""
    unknown = sorted(set(table) - set(known))
    named = ", ".join(repr(key) if len(key) < 40 else f"{key[:40]!r}…" for key in unknown[:5])
    more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
    near = difflib.get_close_matches(unknown[0][:40], known, 1)
    meant = f", perhaps {near[0]!r} is meant" if near else ""
    return f"unknown key {named}{more}{meant}; known are {', '.join(known)}"


def _check_addresses(source: str, device: str, tester: str | None) -> None:
    """Both are IP addresses, and of the same version."""
    versions = []
    for place, text in (("dut.address", device), ("tester.address", tester)):
        if text is None:
            continue
        try:
            versions.append(ipaddress.ip_address(text).version)
        except ValueError:
            raise ProfileError(f"{source}: {place}: {text!r} is not an IP address, such as 192.0.2.1") from None
    if tester != "0.0.0.0" and len(set(versions)) > 1:
        raise ProfileError(f"{source}: tester.address: {tester} is of another IP version than dut.address, {device}")


def _check_suites(source: str, ike: Sequence[str], child: Sequence[str]) -> None:
    from reference_impl.crypto.errors import CryptoError
    from reference_impl.crypto.suite import parse_esp, parse_ike

    for name, texts, parse in (("ike", ike, parse_ike), ("child", child, parse_esp)):
        for text in texts:
            try:
                parse(text)
            except (ValueError, CryptoError) as error:
                raise ProfileError(f"{source}: dut.proposals.{name}: {error}") from None


def _traffic(source: str, part: Mapping[str, Any] | None) -> Traffic | None:
    if part is None:
        return None
    networks = {}
    for key in ("local", "remote"):
        try:
            networks[key] = ipaddress.ip_network(part[key])
        except ValueError as error:
            raise ProfileError(f"{source}: dut.traffic.{key}: {error}; write a network such as 10.1.0.0/24") from None
    if networks["local"].version != networks["remote"].version:
        raise ProfileError(f"{source}: dut.traffic: local and remote are of different IP versions")
    ping = part.get("ping")
    if ping is not None:
        try:
            inside = ipaddress.ip_address(ping) in networks["local"]
        except ValueError:
            raise ProfileError(f"{source}: dut.traffic.ping: {ping!r} is not an IP address") from None
        if not inside:
            raise ProfileError(f"{source}: dut.traffic.ping: {ping} is not in local, {part['local']}")
    return Traffic(part["local"], part["remote"], ping)


def _timing(source: str, part: Mapping[str, float]) -> Timing:
    for key, value in part.items():
        if not math.isfinite(value):
            raise ProfileError(f"{source}: dut.timing.{key}: {value} is no number of seconds")
    return Timing(**{key: float(value) for key, value in part.items()})


def _check_trigger(source: str, trigger: Mapping[str, Any]) -> None:
    """A driver that is known, and commands where they are to be run."""
    from peers import NAMES

    driver = trigger["driver"]
    known = ["command", "operator", *NAMES]
    if driver not in known:
        raise ProfileError(f"{source}: dut.trigger.driver: {driver!r} is none of {', '.join(known)}")
    if driver == "command" and not any(name in trigger for name in COMMANDS):
        raise ProfileError(f"{source}: dut.trigger: no command is given; known are {', '.join(COMMANDS)}")


def _hide(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: HIDDEN if key in SECRET_KEYS else _hide(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_hide(item) for item in value]
    return value
