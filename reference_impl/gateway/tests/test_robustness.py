"""Any configuration text, any datagram and any control line: an answer with a reason, never a traceback."""

from __future__ import annotations

import json
import random
import socket
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from reference_impl.gateway import configuration
from reference_impl.gateway.errors import ConfigError

from .processes import GatewayProcess, config, left

EXAMPLE = tomllib.loads(Path(configuration.__file__).with_name("example.toml").read_text())
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["any", "*", "::", "0.0.0.0/0", "10.0.0.0/8[tcp/1-0]", "fqdn:", "dn:00", "ip:x", "aes256", "unix:", "tcp::1:1"]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value of a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield (*path, key)
        yield from places(each, (*path, key))


PLACES = list(places(EXAMPLE))


def replaced(document: Any, path: tuple[Any, ...], value: object) -> Any:
    key, *rest = path
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[key] = replaced(document[key], tuple(rest), value) if rest else value
    return copy


def refusal(load: Callable[[], object]) -> str | None:
    """What is said about a wrong configuration; None about a good one. No other exception may come."""
    try:
        load()
    except ConfigError as error:
        return str(error)
    return None


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(PLACES), VALUES)
@example(("gateway", "address"), ["::1%lo"])
@example(("connection", 0, "pool"), "10.0.0.0/99")
def test_any_value_anywhere_is_taken_or_named(place: tuple[Any, ...], value: object) -> None:
    problem = refusal(lambda: configuration.read(replaced(EXAMPLE, place, value), "gateway.toml"))
    assert problem is None or problem.startswith("gateway.toml: ")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_file(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        problem = refusal(lambda: configuration.load(file.name))
        assert problem is None or problem.startswith(f"{file.name}: ")


def test_garbage_on_every_socket_leaves_the_tunnel_alone(tmp_path: Path) -> None:
    chance = random.Random(7)
    with (
        GatewayProcess(tmp_path, "right", config("right")) as responder,
        GatewayProcess(tmp_path, "left", left("left", responder)) as initiator,
        socket.socket(type=socket.SOCK_DGRAM) as sock,
    ):
        initiator.call("initiate", connection="peer")
        initiator.wait("the handshake", lambda: initiator.events("child-installed"))
        (sa,) = responder.call("list-sas")
        spis = bytes.fromhex(sa["spi_i"]) + bytes.fromhex(sa["spi_r"])
        child = bytes.fromhex(sa["children"][0]["spi_in"])
        for number in range(500):
            junk = chance.randbytes(chance.randrange(300))
            ike = spis + bytes((46, 0x20, 37, chance.randrange(256))) + bytes(7)
            ike += bytes((chance.randrange(4),)) + (28 + len(junk)).to_bytes(4, "big") + junk
            for port, data in (
                (responder.ike_port, junk),
                (responder.ike_port, ike[:20] + ike[21:24] + b"\0" + ike[24:]),
                (responder.natt_port, bytes(4) + ike),
                (responder.natt_port, child + number.to_bytes(4, "big") + junk),
            ):
                sock.sendto(data, ("127.0.0.1", port))
        host, port = responder.ready["control"].removeprefix("tcp:").rsplit(":", 1)
        for line in (b"\xff\xfe\n", b"[" * 5000 + b"\n", b'{"command": 5}\n', b'{"command": "events", "since": "x"}\n'):
            with socket.create_connection((host, int(port)), timeout=10) as control:
                control.sendall(line)
                answer = json.loads(control.makefile().readline())
                assert answer["ok"] is False
                assert answer["error"]
        assert initiator.call("ping", dst="10.1.0.1")["from"] == "10.1.0.1"
        counters = responder.call("counters")
        assert counters["engine"].get("rejected-internal", 0) == 0
        assert counters["esp"]["esp-integrity"] > 0
