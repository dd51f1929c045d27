"""Loading `gateway.toml`. Every error names file, key and reason."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from dataclasses import replace
from pathlib import Path

from reference_impl.ikev2.config import EngineConfig, RetransmitPolicy
from reference_impl.ipsec.tunnel import DontFragment

from .connections import read_connection
from .errors import ConfigError
from .policies import read_policy
from .settings import ControlAddress, DataPlaneKind, DataPlaneSettings, RawEsp, Settings
from .tables import Table

_CONTROL = re.compile(r"tcp:(?P<host>\[[0-9a-fA-F:]+\]|[0-9.]+):(?P<port>\d{1,5})|unix:(?P<path>.+)")
_FILE_LIMIT = 1 << 20


def load(path: str | Path) -> Settings:
    """Read and check a configuration file. Raises ConfigError."""
    file = str(path)
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(_FILE_LIMIT + 1)
    except OSError as error:
        raise ConfigError(file, "", f"cannot read the configuration: {error.strerror}") from None
    if len(data) > _FILE_LIMIT:
        raise ConfigError(file, "", f"larger than {_FILE_LIMIT} octets")
    try:
        document = tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise ConfigError(file, "", f"not UTF-8 text at octet {error.start}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, "", f"not valid TOML: {error}") from None
    return read(document, file)


def read(document: dict[str, object], file: str = "configuration") -> Settings:
    """Check a parsed document; relative paths in it count from the folder of `file`. Raises ConfigError."""
    top = Table(file, "", document)
    gateway = top.table("gateway", {})
    data_plane = _data_plane(top.table("dataplane", {}))
    retransmit = gateway.table("retransmit", {})
    plain = EngineConfig()
    ports = gateway.integer("ike_port", 500, high=65535), gateway.integer("natt_port", 4500, high=65535)
    if ports[0] and ports[0] == ports[1]:
        raise gateway.error("natt_port", f"is the same port as ike_port, {ports[0]}")
    liveness = gateway.number("dpd", 0.0)
    name = gateway.text("name", "reference")
    tables = top.tables("connection")
    dont_fragment = [_dont_fragment(table) for table in tables]
    connections = [read_connection(table, remote_ports=(500, 4500), liveness=liveness) for table in tables]
    names = [connection.name for connection in connections]
    for number, connection in enumerate(connections):
        if connection.name in names[:number]:
            raise ConfigError(file, f"connection[{number}].name", f"{connection.name!r} is used twice")
    data_plane = replace(
        data_plane,
        policies=tuple(read_policy(table, names) for table in top.tables("policy")),
        connection_dont_fragment={
            name: choice for name, choice in zip(names, dont_fragment, strict=True) if choice is not None
        },
    )
    engine = EngineConfig(
        connections=tuple(connections),
        name=name,
        ike_port=ports[0],
        natt_port=ports[1],
        cookie_threshold=gateway.integer("cookie_threshold", plain.cookie_threshold),
        half_open_limit=gateway.integer("half_open_limit", plain.half_open_limit, low=1),
        half_open_timeout=gateway.number("half_open_timeout", plain.half_open_timeout, low=0.1),
        ike_sa_limit=gateway.integer("ike_sa_limit", plain.ike_sa_limit, low=1),
        retransmit=RetransmitPolicy(
            initial=retransmit.number("initial", plain.retransmit.initial, low=0.01),
            factor=retransmit.number("factor", plain.retransmit.factor, low=1.0, high=100.0),
            tries=retransmit.integer("tries", plain.retransmit.tries, low=1, high=1000),
            ceiling=retransmit.number("ceiling", plain.retransmit.ceiling, low=0.01),
        ),
        keepalive=gateway.number("keepalive", plain.keepalive),
        window_size=gateway.integer("window_size", plain.window_size, low=1, high=1024),
        fragment_timeout=gateway.number("fragment_timeout", plain.fragment_timeout, low=0.1),
        reply_rate=gateway.number("reply_rate", plain.reply_rate),
        reply_burst=gateway.integer("reply_burst", plain.reply_burst, low=1),
        temporary_failure_retry=gateway.number("temporary_failure_retry", plain.temporary_failure_retry, low=0.01),
        temporary_failure_limit=gateway.number("temporary_failure_limit", plain.temporary_failure_limit),
        linger=gateway.number("linger", plain.linger),
        notify_invalid_message_id=gateway.flag("notify_invalid_message_id", plain.notify_invalid_message_id),
    )
    settings = Settings(
        file=file,
        name=name,
        addresses=_addresses(gateway),
        ike_port=ports[0],
        natt_port=ports[1],
        control=gateway.parsed("control", _control, ControlAddress()),
        engine=engine,
        data_plane=data_plane,
        event_log=gateway.file_path("event_log") if "event_log" in gateway else None,
        key_log=gateway.file_path("key_log") if "key_log" in gateway else None,
        delete_on_exit=gateway.flag("delete_on_exit", False),
    )
    retransmit.finish()
    gateway.finish()
    top.finish()
    return settings


def _addresses(table: Table) -> tuple[str, ...]:
    texts = table.texts("address", ("127.0.0.1",), single=True)
    if not texts:
        raise table.error("address", "the list is empty")
    found = tuple(str(table.convert("address", ipaddress.ip_address, text)) for text in texts)
    for address in found:
        if ipaddress.ip_address(address).is_unspecified:
            raise table.error("address", f"{address}: name the addresses themselves, NAT detection covers them")
    return tuple(dict.fromkeys(found))


def _control(text: str) -> ControlAddress:
    match = _CONTROL.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is neither tcp:ADDRESS:PORT nor unix:PATH")
    if match["path"]:
        return ControlAddress(path=match["path"])
    host, port = match["host"].strip("[]"), int(match["port"])
    if not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"{host} is not a loopback address, and the control socket asks nobody who they are")
    if port > 65535:
        raise ValueError(f"port {port} is above 65535")
    return ControlAddress(host=host, port=port)


def _data_plane(table: Table) -> DataPlaneSettings:
    plain = DataPlaneSettings()
    kind = DataPlaneKind(table.choice("kind", list(DataPlaneKind), plain.kind))
    addresses = table.texts("addresses", ())
    parse = ipaddress.ip_interface if kind is DataPlaneKind.TUN else ipaddress.ip_address
    settings = DataPlaneSettings(
        kind=kind,
        addresses=tuple(str(table.convert("addresses", parse, address)) for address in addresses),
        mtu=table.integer("mtu", plain.mtu, low=576, high=65535),
        replay_window=table.integer("replay_window", plain.replay_window, high=65536),
        dont_fragment=DontFragment(table.choice("dont_fragment", list(DontFragment), plain.dont_fragment)),
        tfc_unit=table.integer("tfc_unit", plain.tfc_unit, low=4, high=1400),
        device=table.text("device", plain.device),
        raw_esp=RawEsp(table.choice("raw_esp", list(RawEsp), plain.raw_esp)),
        icmp_pmtu=table.flag("icmp_pmtu", plain.icmp_pmtu),
        pmtu_age=table.number("pmtu_age", plain.pmtu_age, low=1.0),
        bypass_device=table.text("bypass_device", plain.bypass_device),
    )
    if 0 < settings.replay_window < 32:
        raise table.error("replay_window", f"{settings.replay_window} is neither 0 (off) nor at least 32")
    if kind is DataPlaneKind.NONE and addresses:
        raise table.error("addresses", 'need kind = "memory" or "tun"')
    if settings.bypass_device and kind is not DataPlaneKind.TUN:
        raise table.error("bypass_device", 'needs kind = "tun"')
    table.finish()
    return settings


def _dont_fragment(connection: Table) -> DontFragment | None:
    if "dont_fragment" not in connection:
        return None
    return DontFragment(connection.choice("dont_fragment", list(DontFragment)))
