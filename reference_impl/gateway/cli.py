"""The gateway's command line: one process, one configuration file."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys

from . import configuration
from .commands import ControlCommands
from .control import ControlServer
from .errors import GatewayError
from .process import Gateway
from .settings import Settings

_FAREWELL = 2.0


def main(argv: list[str] | None = None) -> int:
    """Run a gateway until it is told to end. Exit code 0, or 2 with a message for wrong use.

    When everything is bound, one JSON line on standard output says so.
    """
    parser = argparse.ArgumentParser(prog="python -m reference_impl.gateway", description="IKEv2 and ESP gateway")
    parser.add_argument("--config", required=True, metavar="FILE", help="the configuration (TOML)")
    parser.add_argument("--check", action="store_true", help="check the configuration and end")
    parser.add_argument("--die-with-parent", action="store_true", help="end when standard input is closed")
    options = parser.parse_args(argv)
    try:
        settings = configuration.load(options.config)
        if options.check:
            print(f"{options.config}: ok, {len(settings.engine.connections)} connections")
            return 0
        asyncio.run(run(settings, die_with_parent=options.die_with_parent))
    except GatewayError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # nobody reads the readiness line any more; the interpreter must not try to write it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print("standard output is closed: nobody hears where this gateway listens", file=sys.stderr)
        return 2
    return 0


async def run(settings: Settings, *, die_with_parent: bool = False) -> None:
    """Serve until SIGTERM, SIGINT, the command `shutdown` or, if wanted, the end of standard input.

    Raises StartError.
    """
    gateway = Gateway(settings)
    control = ControlServer(ControlCommands(gateway))
    try:
        address = await control.start(settings.control)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, gateway.stopping.set)
        if die_with_parent:
            _watch_parent(loop, gateway.stopping)
        gateway.start()
        print(json.dumps(gateway.ready_line(str(address))), flush=True)
        await gateway.stopping.wait()
        if settings.delete_on_exit:
            await gateway.say_farewell(_FAREWELL)
        await control.close()
    finally:
        gateway.close()


def _watch_parent(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    """Set `stopping` at the end of standard input. Raises GatewayError when it cannot be watched."""
    descriptor = sys.stdin.fileno()

    def readable() -> None:
        try:
            data = os.read(descriptor, 4096)
        except BlockingIOError:
            return
        if not data:
            loop.remove_reader(descriptor)
            stopping.set()

    try:
        loop.add_reader(descriptor, readable)
    except PermissionError:
        raise GatewayError("--die-with-parent needs a pipe or terminal as standard input") from None
