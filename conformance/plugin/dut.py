"""The device of a run: found by the name of a peer or a profile, started, attached to, checked, stopped."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from conformance import profile as profiles
from conformance.profile import Profile, ProfileError
from conformance.tester.trigger import Trigger


class DutError(Exception):
    """The device cannot be used; the text says what to do. Exit code 2."""


@dataclass(slots=True)
class Dut:
    """A running device. `handle` is the JSON of a peer's handle, empty for a device that we did not start."""

    profile: Profile
    handle: str = ""

    def to_json(self) -> str:
        """For the workers of pytest-xdist."""
        return json.dumps({"source": self.profile.source, "data": dict(self.profile.data), "handle": self.handle})

    @classmethod
    def from_json(cls, text: str) -> Dut:
        """The inverse of `to_json`."""
        parts = json.loads(text)
        source = parts["source"]
        base = None if parts["handle"] else Path(source).parent
        return cls(profiles.from_dict(parts["data"], source=source, base=base), parts["handle"])

    def with_esp(self, way: str) -> Dut:
        """The same device, ESP in UDP ("udp") or as IP protocol 50 ("raw")."""
        parts = json.loads(self.to_json())
        parts["data"].setdefault("tester", {})["esp"] = way
        return Dut.from_json(json.dumps(parts))

    def trigger(self, *, exclusive: bool = False) -> Trigger:
        """What makes the device act. Raises DutError when its driver cannot be reached."""
        if not self.handle:
            return Trigger(self.profile, exclusive=exclusive)
        import peers

        try:
            driver = peers.attach(peers.DutHandle.from_json(self.handle))
        except peers.LabError as error:
            raise DutError(f"the driver of {self.profile.name} cannot be reached: {error}") from None
        return Trigger(self.profile, driver, exclusive=exclusive)

    def stop(self) -> None:
        """Stop what was started."""
        if self.handle:
            import peers

            handle, self.handle = self.handle, ""
            peers.stop(peers.DutHandle.from_json(handle))


def peer_names() -> tuple[str, ...]:
    """The peers that the lab can start."""
    import peers

    return tuple(peers.NAMES)


def start(name: str, workdir: Path, mutant: str = "", timing: Mapping[str, float] | None = None) -> Dut:
    """The device that `--dut` names: a peer (with variants), which is started, or a profile file. Raises DutError.

    mutant: the deviant version of the reference that is started in its place. timing: in place of the peer's.
    """
    if mutant and name != "reference":
        raise DutError("--mutant changes the reference implementation only: leave --dut out")
    if name.partition("+")[0] in peer_names():
        return _start_peer(name, workdir, mutant, timing or {})
    try:
        return Dut(profiles.load(Path(name)))
    except ProfileError as error:
        known = ", ".join(peer_names())
        hint = "" if name.endswith(".toml") else f" (peers: {known})"
        raise DutError(f"{error}{hint}") from None


def _start_peer(name: str, workdir: Path, mutant: str, timing: Mapping[str, float]) -> Dut:
    import peers

    try:
        peer, options = peers.variant(name)
        if peer == "reference":
            ike, natt = free_ports(2)
            options = replace(options, ike_port=ike, natt_port=natt, mutant=mutant)
        handle = peers.start(peer, workdir, options)
    except peers.LabError as error:
        raise DutError(f"{name} cannot be started: {error}") from None
    if name != peer:
        handle.profile["dut"]["name"] = name
    handle.profile["dut"].setdefault("timing", {}).update(timing)
    try:
        return Dut(profiles.from_dict(handle.profile, source=name), handle.to_json())
    except ProfileError as error:
        peers.stop(handle)
        raise DutError(str(error)) from None


def free_ports(count: int) -> list[int]:
    """UDP ports that nobody uses on loopback now."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    try:
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [int(item.getsockname()[1]) for item in sockets]
    finally:
        for item in sockets:
            item.close()
