"""How the device is made to act: a peer's driver, commands of the profile, or the person at the terminal."""

from __future__ import annotations

import contextlib
import subprocess
from typing import Any

from conformance.profile import Profile
from conformance.tester.verdicts import Inconclusive

COMMAND_TIMEOUT = 60.0


class Trigger:
    """Makes the device initiate, rekey, delete, check liveness. Raises Inconclusive when it cannot.

    `driver` is a `peers.Driver` when the device is one of the lab's peers. `exclusive`: no other process tests it now,
    so that all its SAs may be dropped.
    """

    def __init__(self, profile: Profile, driver: Any = None, *, exclusive: bool = False) -> None:
        self.profile = profile
        self.exclusive = exclusive
        self.driver = driver
        self.connection: str = str(profile.trigger.get("connection", "tester"))

    def initiate(self, connection: str | None = None) -> None:
        """Start an IKE SA with the tester; does not wait."""
        self._do("initiate", connection or self.connection, None)

    def rekey_ike(self, spi_i: bytes) -> None:
        """Rekey the IKE SA with this initiator SPI."""
        self._do("rekey_ike", self.connection, spi_i)

    def rekey_child(self, spi_i: bytes) -> None:
        """Rekey the Child SA of the IKE SA with this initiator SPI."""
        self._do("rekey_child", self.connection, spi_i)

    def delete_ike(self, spi_i: bytes) -> None:
        """Delete the IKE SA."""
        self._do("delete_ike", self.connection, spi_i)

    def delete_child(self, spi_i: bytes) -> None:
        """Delete the Child SA of the IKE SA."""
        self._do("delete_child", self.connection, spi_i)

    def liveness(self, spi_i: bytes) -> None:
        """Check whether the peer of the IKE SA is alive."""
        self._do("liveness", self.connection, spi_i)

    def drop(self, spi_i: bytes) -> None:
        """Make the device forget an attempt of its own, as far as it can be made to."""
        with contextlib.suppress(Inconclusive):
            if self.exclusive:
                self.reset()
            elif self.driver is not None:
                self._call("delete_ike", spi_i.hex())

    def reset(self) -> None:
        """Drop every SA of the device."""
        if self.driver is not None:
            self._call("reset")
        elif "reset" in self.profile.trigger:
            self._run("reset", self.connection, None)

    def _do(self, action: str, connection: str, spi_i: bytes | None) -> None:
        if self.driver is not None:
            self._call(action, connection if spi_i is None else spi_i.hex())
        elif self.profile.trigger.get("driver") == "command":
            self._run(action, connection, spi_i)
        elif self.profile.trigger.get("driver") == "operator":
            self._ask(action, connection, spi_i)
        else:
            raise Inconclusive(f"the device cannot be made to {_words(action)}: the profile has no dut.trigger")

    def _call(self, action: str, *arguments: str) -> None:
        from peers.errors import LabError

        try:
            getattr(self.driver, action)(*arguments)
        except LabError as error:
            raise Inconclusive(f"the device was not made to {_words(action)}: {error}") from None

    def _run(self, action: str, connection: str, spi_i: bytes | None) -> None:
        command = self.profile.trigger.get(action)
        if not command:
            raise Inconclusive(f"the profile has no command for it: add dut.trigger.{action}")
        spi = spi_i.hex() if spi_i else ""
        filled = [part.replace("{connection}", connection).replace("{spi_i}", spi) for part in command]
        try:
            done = subprocess.run(
                filled, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_TIMEOUT, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Inconclusive(f"dut.trigger.{action} could not be run: {error}") from None
        if done.returncode:
            text = done.stderr.decode(errors="replace").strip().splitlines()
            raise Inconclusive(
                f"dut.trigger.{action} ended with code {done.returncode}: {text[-1] if text else 'no message'}"
            )

    def _ask(self, action: str, connection: str, spi_i: bytes | None) -> None:
        try:
            terminal = open("/dev/tty", "r+")  # noqa: SIM115 - closed below, on every way out
        except OSError:
            raise Inconclusive(
                f"the operator must make the device {_words(action)}, and there is no terminal to ask at"
            ) from None
        with terminal:
            sa = f" (IKE SA {spi_i.hex()})" if spi_i else f" (connection {connection})"
            terminal.write(f"\nPlease make the device {_words(action)}{sa}, then press Enter: ")
            terminal.flush()
            terminal.readline()


def _words(action: str) -> str:
    return (
        action.replace("_ike", " the IKE SA").replace("_child", " the Child SA").replace("liveness", "check liveness")
    )
