"""Commands inside a peer's container."""

from __future__ import annotations

import re
from collections.abc import Sequence

import docker
from docker.errors import APIError, NotFound

from peers.driver import PingResult
from peers.errors import PeerError


def run(client: docker.DockerClient, container: str, command: Sequence[str]) -> tuple[int, str]:
    """Run a command; returns its exit status and its output (both streams)."""
    try:
        done = client.containers.get(container).exec_run(list(command))
    except (APIError, NotFound) as error:
        raise PeerError(f"{command[0]} cannot be run in {container}: {error}", "The peer may have ended") from None
    output = done.output if isinstance(done.output, bytes) else b""
    return int(done.exit_code or 0), output.decode(errors="replace")


def check(client: docker.DockerClient, container: str, command: Sequence[str]) -> str:
    """Run a command and return its output; PeerError unless it succeeds."""
    status, output = run(client, container, command)
    if status:
        raise PeerError(f"{' '.join(command)} failed in {container}: {output.strip()[-400:]}")
    return output


def ping_command(destination: str, source: str, count: int) -> list[str]:
    """Echo requests 0.2 s apart, one second of patience for the last reply."""
    return ["ping", "-n", "-q", "-c", str(count), "-i", "0.2", "-W", "1", "-I", source, destination]


def parse_ping(output: str) -> PingResult:
    """Read the summary line of ping."""
    match = re.search(r"(\d+) packets transmitted, (\d+)(?: packets)? received", output)
    return PingResult(int(match[1]), int(match[2])) if match else PingResult(0, 0)


def ping(client: docker.DockerClient, container: str, destination: str, source: str, count: int) -> PingResult:
    """Ping from inside a container."""
    return parse_ping(run(client, container, ping_command(destination, source, count))[1])
