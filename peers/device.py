"""A device on the network as a driver: its profile's commands, or the person at the terminal, make it act."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from peers.driver import ChildSaView, IkeSaView, PingResult
from peers.errors import LabError, NotSupported, PeerError
from peers.scenario import Connection

COMMAND_TIMEOUT = 60.0
Ask = Callable[[str], None]


class DeviceDriver:
    """Drives the device of ``profile`` (the structure of the profile's TOML).

    With ``trigger.driver = "command"`` each action runs the argument vector of its name; ``{connection}``, ``{spi_i}``
    and ``{spi_in}`` in it are replaced. With ``"operator"`` ``ask`` is called with a sentence and returns when it is
    done. ``trigger.state`` prints a JSON list of objects with the fields of :class:`peers.driver.IkeSaView`.
    """

    def __init__(self, profile: Mapping[str, Any], ask: Ask | None = None) -> None:
        device = profile["dut"]
        self.name = str(device["name"])
        self.version = str(device.get("version", ""))
        self._trigger: Mapping[str, Any] = device.get("trigger", {})
        self._ask = ask
        kind = self._trigger.get("driver")
        if kind not in ("command", "operator"):
            raise LabError(f"dut.trigger.driver of {self.name} is {kind!r}", 'Write "command" or "operator"')
        if kind == "operator" and ask is None:
            raise LabError(f"{self.name} is operated by hand, and there is nobody to ask", "Run it at a terminal")

    def _run(self, action: str, **values: str) -> str:
        command = self._trigger.get(action)
        if not command:
            raise NotSupported(f"the profile of {self.name} has no command for {action}", f"Add dut.trigger.{action}")
        filled = list(command)
        for key, value in values.items():
            filled = [part.replace("{" + key + "}", value) for part in filled]
        try:
            done = subprocess.run(
                filled, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_TIMEOUT, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PeerError(f"dut.trigger.{action} of {self.name} could not be run: {error}") from None
        if done.returncode:
            words = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise PeerError(f"dut.trigger.{action} of {self.name} ended with {done.returncode}: {words}")
        return done.stdout

    def _act(self, action: str, words: str, **values: str) -> None:
        if self._trigger["driver"] == "operator":
            assert self._ask is not None
            self._ask(f"Please make {self.name} {words}")
        else:
            self._run(action, **values)

    def load(self, connection: Connection) -> None:
        """Devices are configured by their owner."""
        raise NotSupported(
            f"{self.name} is configured by its owner, not by the lab", "Configure it as the profile says"
        )

    def unload(self, name: str) -> None:
        """Devices are configured by their owner."""
        raise NotSupported(
            f"{self.name} is configured by its owner, not by the lab", "Configure it as the profile says"
        )

    def initiate(self, connection: str) -> None:
        """Start a connection."""
        self._act("initiate", f"initiate the connection {connection}", connection=connection)

    def rekey_ike(self, spi_i: str) -> None:
        """Start a rekey of the IKE SA."""
        self._act("rekey_ike", f"rekey the IKE SA {spi_i}", spi_i=spi_i)

    def rekey_child(self, spi_i: str, spi_in: str | None = None) -> None:
        """Start a rekey of a Child SA."""
        self._act("rekey_child", f"rekey the Child SA of {spi_i}", spi_i=spi_i, spi_in=spi_in or "")

    def delete_ike(self, spi_i: str) -> None:
        """Start the deletion of the IKE SA."""
        self._act("delete_ike", f"delete the IKE SA {spi_i}", spi_i=spi_i)

    def delete_child(self, spi_i: str, spi_in: str | None = None) -> None:
        """Start the deletion of a Child SA."""
        self._act("delete_child", f"delete the Child SA of {spi_i}", spi_i=spi_i, spi_in=spi_in or "")

    def liveness(self, spi_i: str) -> None:
        """Start a liveness check."""
        self._act("liveness", f"check that the peer of {spi_i} is alive", spi_i=spi_i)

    def state(self) -> list[IkeSaView]:
        """What the profile's ``state`` command prints."""
        text = self._run("state")
        try:
            return [_view(item) for item in json.loads(text)]
        except (ValueError, TypeError, KeyError) as error:
            raise PeerError(f"dut.trigger.state of {self.name} printed no list of IKE SAs: {error}") from None

    def counters(self) -> dict[str, int]:
        """Devices have none that the lab can read."""
        raise NotSupported(f"the counters of {self.name} cannot be read")

    def ping(self, destination: str, source: str, count: int = 3) -> PingResult:
        """Devices send no traffic on command."""
        raise NotSupported(f"{self.name} cannot be made to send traffic")

    def keys(self) -> str:
        """The tester's own keys serve."""
        raise NotSupported(f"{self.name} gives no keys", "Use the tester's")

    def logs(self) -> str:
        """No log."""
        return ""

    def reset(self) -> None:
        """Drop every SA, if the profile says how."""
        if "reset" in self._trigger or self._trigger["driver"] == "operator":
            self._act("reset", "drop every SA with the tester")

    def close(self) -> None:
        """Nothing is open."""


def _view(item: dict[str, Any]) -> IkeSaView:
    children = tuple(ChildSaView(**child) for child in item.pop("children", []))
    return IkeSaView(**item, children=children)
