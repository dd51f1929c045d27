"""The device of a run: found by the name of a peer or a profile, started, attached to, checked, stopped."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance import profile as profiles
from conformance.profile import Profile, ProfileError
from conformance.tester.link import LinkError
from conformance.tester.tester import Tester
from conformance.tester.trigger import Trigger
from conformance.tester.verdicts import Verdict


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
        base = Path(source).parent if source.endswith(".toml") else None
        return cls(profiles.from_dict(parts["data"], source=source, base=base), parts["handle"])

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
    """The device that `--dut` names: a peer, which is started, or a profile file. Raises DutError.

    mutant: the deviant version of the reference that is started in its place. timing: in place of the peer's.
    """
    if mutant and name != "reference":
        raise DutError("--mutant changes the reference implementation only: leave --dut out")
    if name in peer_names():
        return _start_peer(name, workdir, mutant, timing or {})
    try:
        return Dut(profiles.load(Path(name)))
    except ProfileError as error:
        known = ", ".join(peer_names())
        hint = "" if name.endswith(".toml") else f" (peers: {known})"
        raise DutError(f"{error}{hint}") from None


def _start_peer(name: str, workdir: Path, mutant: str, timing: Mapping[str, float]) -> Dut:
    import peers

    options = peers.Options()
    if name == "reference":
        ike, natt = free_ports(2)
        options = peers.Options(ike_port=ike, natt_port=natt, mutant=mutant)
    try:
        handle = peers.start(name, workdir, options)
    except peers.LabError as error:
        raise DutError(f"{name} cannot be started: {error}") from None
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


def sanity(dut: Dut) -> dict[str, Any]:
    """A plain exchange: an IKE SA is set up, answers a liveness check, and is deleted.

    Returns {"ok", "detail"}; the detail says what went wrong and what to do.
    """
    profile = dut.profile
    where = f"{profile.address} port {profile.ike_port}"
    if not profile.claimed("responder"):
        return {"ok": True, "detail": "not done: the device does not claim to be a responder"}
    try:
        tester = Tester(profile)
    except LinkError as error:
        return {"ok": False, "detail": str(error)}
    try:
        init = tester.ike_sa_init()
        if init.reply is None:
            advice = "check address, port and route, and that IKE is running there"
            return {"ok": False, "detail": f"{where} does not answer IKE_SA_INIT: {advice}"}
        auth = next(iter(item for item in ("psk", *profiles.SIGNATURE_METHODS) if profile.claimed(item)), "psk")
        attempt = tester.ike_auth(init, auth=auth)
        if attempt.sa is None or attempt.problem:
            advice = "correct identities, credentials, proposals and traffic of the profile"
            return {"ok": False, "detail": f"{where} answers, but no SA comes about: {attempt.problem}; {advice}"}
        attempt.sa.liveness()
        attempt.sa.delete_ike()
        return {"ok": True, "detail": f"IKE SA with {attempt.sa.suite} set up, alive, deleted"}
    except (Verdict, LinkError) as error:
        return {"ok": False, "detail": f"{where}: {error}"}
    finally:
        tester.close()
