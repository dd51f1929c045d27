"""The commands of the control socket, one method each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from reference_impl.ikev2.commands import CommandError as EngineCommandError
from reference_impl.ikev2.states import ChildState, IkeState
from reference_impl.ikev2.views import ChildView, IkeView
from reference_impl.ipsec.selectors import describe

from .control import CommandError
from .eventlog import to_json
from .process import Gateway

_PING_SIZE_LIMIT = 60_000


class ControlCommands:
    """Arguments come from JSON and are checked here; every refusal is a CommandError with its reason.

    An SA is chosen by `ike_id`, by `ike_spi_i` (the initiator's SPI, hexadecimal) or by `connection` (the newest of
    that name); without any of them there must be just one. A Child SA is chosen by `child_id` or `spi_in`, else
    it is the newest of the chosen IKE SA.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._commands: dict[str, Callable[[Arguments], Awaitable[Any]]] = {
            "initiate": self._initiate,
            "create-child": self._create_child,
            "rekey-ike": self._rekey_ike,
            "rekey-child": self._rekey_child,
            "delete-ike": self._delete_ike,
            "delete-child": self._delete_child,
            "liveness": self._liveness,
            "list-sas": self._list_sas,
            "counters": self._counters,
            "events": self._events,
            "ping": self._ping,
            "dummy": self._dummy,
            "shutdown": self._shutdown,
        }

    async def __call__(self, command: str, arguments: dict[str, Any]) -> Any:
        """Carry out one command. Raises CommandError."""
        handler = self._commands.get(command)
        if handler is None:
            raise CommandError(f"unknown command {command!r}; known are {', '.join(self._commands)}")
        try:
            return await handler(Arguments(arguments))
        except EngineCommandError as error:
            raise CommandError(str(error)) from None
        finally:
            self._gateway.settle()

    async def _initiate(self, arguments: Arguments) -> dict[str, Any]:
        name = arguments.text("connection")
        address = arguments.optional("remote_address", str)
        port = (
            arguments.integer("remote_port", 0, 1, 65535)
            if arguments.optional("remote_port", int) is not None
            else None
        )
        arguments.finish()
        return {"ike_id": self._gateway.initiate(name, address, port)}

    async def _create_child(self, arguments: Arguments) -> None:
        sa = self._ike(arguments)
        self._gateway.engine.create_child(self._gateway.now(), sa.ike_id)

    async def _rekey_ike(self, arguments: Arguments) -> dict[str, Any]:
        sa = self._ike(arguments)
        self._gateway.engine.rekey_ike(self._gateway.now(), sa.ike_id)
        return {"ike_id": sa.ike_id}

    async def _rekey_child(self, arguments: Arguments) -> dict[str, Any]:
        child = self._child(arguments)
        self._gateway.engine.rekey_child(self._gateway.now(), child.child_id)
        return {"child_id": child.child_id}

    async def _delete_ike(self, arguments: Arguments) -> dict[str, Any]:
        sa = self._ike(arguments, established=False)
        self._gateway.engine.delete_ike(self._gateway.now(), sa.ike_id)
        return {"ike_id": sa.ike_id}

    async def _delete_child(self, arguments: Arguments) -> dict[str, Any]:
        child = self._child(arguments)
        self._gateway.engine.delete_child(self._gateway.now(), child.child_id)
        return {"child_id": child.child_id}

    async def _liveness(self, arguments: Arguments) -> dict[str, Any]:
        sa = self._ike(arguments)
        self._gateway.engine.liveness(self._gateway.now(), sa.ike_id)
        return {"ike_id": sa.ike_id}

    async def _list_sas(self, arguments: Arguments) -> list[dict[str, Any]]:
        arguments.finish()
        planes = {each["child_id"]: each for each in self._gateway.data_plane.describe()}
        result = []
        for sa in self._gateway.engine.list_sas():
            fields: dict[str, Any] = to_json(sa)
            fields["children"] = [_child_fields(child, planes.get(child.child_id)) for child in sa.children]
            result.append(fields)
        return result

    async def _counters(self, arguments: Arguments) -> dict[str, Any]:
        arguments.finish()
        gateway = self._gateway
        return {
            "engine": dict(gateway.engine.counters),
            "gateway": dict(gateway.counters),
            **gateway.data_plane.counters(),
        }

    async def _events(self, arguments: Arguments) -> dict[str, Any]:
        since = arguments.integer("since", 0, 0, 1 << 62)
        arguments.finish()
        return {"last": self._gateway.log.last, "events": self._gateway.log.since(since)}

    async def _ping(self, arguments: Arguments) -> dict[str, Any]:
        destination = arguments.text("dst")
        size = arguments.integer("size", 56, 0, _PING_SIZE_LIMIT)
        timeout = arguments.number("timeout", 2.0, 0.01, 60.0)
        arguments.finish()
        try:
            return await self._gateway.data_plane.ping(destination, size, timeout)
        except TimeoutError:
            raise CommandError(f"no answer from {destination} within {timeout:g} s") from None
        except ValueError as error:
            raise CommandError(str(error)) from None

    async def _dummy(self, arguments: Arguments) -> dict[str, Any]:
        size = arguments.integer("size", 0, 0, 1400)
        child = self._child(arguments)
        if not self._gateway.data_plane.send_dummy(child.child_id, size):
            raise CommandError(f"Child SA {child.child_id} carries nothing")
        return {"child_id": child.child_id}

    async def _shutdown(self, arguments: Arguments) -> None:
        arguments.finish()
        self._gateway.stopping.set()

    def _ike(self, arguments: Arguments, *, established: bool = True) -> IkeView:
        ike_id, spi = arguments.optional("ike_id", int), arguments.optional("ike_spi_i", str)
        name = arguments.optional("connection", str)
        arguments.finish()
        found = [
            sa
            for sa in self._gateway.engine.list_sas()
            if (ike_id is None or sa.ike_id == ike_id)
            and (spi is None or sa.spi_i.hex() == spi.lower())
            and (name is None or sa.connection == name)
            and (sa.state is IkeState.ESTABLISHED or not established)
        ]
        if not found:
            raise CommandError(f"there is no such {'established ' if established else ''}IKE SA")
        if ike_id is None and spi is None and name is None and len(found) > 1:
            raise CommandError(f"there are {len(found)} IKE SAs: choose by ike_id, ike_spi_i or connection")
        return found[-1]

    def _child(self, arguments: Arguments) -> ChildView:
        child_id, spi = arguments.optional("child_id", int), arguments.optional("spi_in", str)
        if child_id is not None or spi is not None:
            arguments.finish()
            for sa in self._gateway.engine.list_sas():
                for child in sa.children:
                    if child.child_id == child_id or child.spi_in.hex() == (spi or "").lower():
                        return child
            raise CommandError("there is no such Child SA")
        children = [child for child in self._ike(arguments).children if child.state is ChildState.INSTALLED]
        if not children:
            raise CommandError("the IKE SA has no Child SA")
        return children[-1]


class Arguments:
    """The arguments of one command; `finish` refuses those that nobody asked for."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values
        self._known: set[str] = set()

    def optional(self, name: str, kind: type[Any]) -> Any:
        self._known.add(name)
        value = self._values.get(name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise CommandError(f"{name}: expected {'a number' if kind is int else 'text'}")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        value: str | None = self.optional(name, str)
        chosen = default if value is None else value
        if chosen is None:
            raise CommandError(f"{name} is missing")
        return chosen

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        value = self.optional(name, int)
        number: int = default if value is None else value
        if not low <= number <= high:
            raise CommandError(f"{name}: {number} is not between {low} and {high}")
        return number

    def number(self, name: str, default: float, low: float, high: float) -> float:
        self._known.add(name)
        value = self._values.get(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise CommandError(f"{name}: expected a number between {low:g} and {high:g}")
        return float(value)

    def finish(self) -> None:
        unknown = sorted(set(self._values) - self._known)
        if unknown:
            raise CommandError(f"unknown argument {unknown[0]!r}; known are {', '.join(sorted(self._known))}")


def _child_fields(child: ChildView, plane: dict[str, Any] | None) -> dict[str, Any]:
    fields: dict[str, Any] = to_json(child)
    fields["local_ts"] = [describe(selector) for selector in child.local_ts]
    fields["remote_ts"] = [describe(selector) for selector in child.remote_ts]
    fields["esp"] = plane
    return fields
