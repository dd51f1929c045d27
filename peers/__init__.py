"""The lab: real implementations in containers, our reference as a process, hardware over the network."""

from peers.driver import ChildSaView, Driver, DutHandle, IkeSaView, PingResult
from peers.dut import NAMES, VARIANTS, Options, attach, start, stop, variant
from peers.errors import LabError, NotSupported, PeerError
from peers.lab import Lab, down

__all__ = [
    "NAMES",
    "VARIANTS",
    "ChildSaView",
    "Driver",
    "DutHandle",
    "IkeSaView",
    "Lab",
    "LabError",
    "NotSupported",
    "Options",
    "PeerError",
    "PingResult",
    "attach",
    "down",
    "start",
    "stop",
    "variant",
]
