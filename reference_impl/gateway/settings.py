"""What the configuration file says, checked and typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from reference_impl.ikev2.config import EngineConfig
from reference_impl.ipsec.spd import Policy
from reference_impl.ipsec.tunnel import DontFragment


class DataPlaneKind(StrEnum):
    """Where decapsulated packets go: an in-process host, a TUN device, or nowhere."""

    MEMORY = "memory"
    TUN = "tun"
    NONE = "none"


class RawEsp(StrEnum):
    """Whether to open raw IP sockets for ESP without UDP. AUTO: when permitted and the NAT-T port is 4500."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ControlAddress:
    """Where the control socket listens: a path, or a loopback host and port."""

    path: str = ""
    host: str = "127.0.0.1"
    port: int = 0

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp:{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class DataPlaneSettings:
    """`mtu` in octets of outer packets; `replay_window` in packets; `tfc_unit` in octets, used where negotiated.

    `icmp_pmtu`: learn smaller path MTUs from ICMP and believe them for `pmtu_age` seconds. `dont_fragment` holds for
    all SAs but those of the connections in `connection_dont_fragment`. Without `policies` the SAs themselves are the
    policy: what none of them carries is discarded. Bypassed packets leave through `bypass_device`.
    """

    kind: DataPlaneKind = DataPlaneKind.NONE
    addresses: tuple[str, ...] = ()
    mtu: int = 1500
    replay_window: int = 64
    dont_fragment: DontFragment = DontFragment.COPY
    tfc_unit: int = 512
    device: str = ""
    raw_esp: RawEsp = RawEsp.AUTO
    icmp_pmtu: bool = True
    pmtu_age: float = 600.0
    bypass_device: str = ""
    policies: tuple[Policy, ...] = ()
    connection_dont_fragment: Mapping[str, DontFragment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole gateway. `addresses` are the local outer addresses; ports 0 take any free port."""

    file: str
    name: str
    addresses: tuple[str, ...]
    ike_port: int
    natt_port: int
    control: ControlAddress
    engine: EngineConfig
    data_plane: DataPlaneSettings
    event_log: Path | None = None
    key_log: Path | None = None
    delete_on_exit: bool = False
