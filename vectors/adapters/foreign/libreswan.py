"""The adapter `libreswan`: its own test program `cavp`, as Debian ships it, in a container of the lab's image."""

from __future__ import annotations

from peers import PeerError
from peers.program import Program
from vectors.adapters import Input
from vectors.adapters.foreign import cavp, containers
from vectors.adapters.process import ProtocolError

IMAGE = "libreswan-5.2"
CAVP = "/usr/libexec/ipsec/cavp"


class LibreswanAdapter:
    """Asks one cavp for each kind of test, started with the first question of its kind."""

    name = "libreswan"

    def __init__(self) -> None:
        """Raises Unavailable."""
        self._programs: dict[str, Program] = {"v2": self._start("v2")}

    def _start(self, test: str) -> Program:
        return containers.start(IMAGE, [CAVP, f"-{test}", "-"])

    def answer(self, operation: str, inputs: dict[str, Input]) -> dict[str, Input]:
        asked = cavp.question(operation, inputs)
        program = self._programs.get(asked.test) or self._start(asked.test)
        self._programs[asked.test] = program
        try:
            program.send(asked.text)
            self._section(program)
            return cavp.answer(asked, self._section(program))
        except (PeerError, ValueError) as error:
            raise ProtocolError(f"libreswan: {error}") from error

    @staticmethod
    def _section(program: Program) -> list[str]:
        return list(iter(program.line, ""))

    def close(self) -> None:
        for program in self._programs.values():
            program.close()
