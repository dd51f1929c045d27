"""`quick_init` changes how fast instances are made, and nothing else."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.quick import quick_init
from reference_impl.wire.registries import NotifyType, ProtocolId


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    late: bool = False


@dataclass(frozen=True, slots=True)
class Plain(Base):
    first: int
    second: bytes = b"x"


@quick_init
@dataclass(frozen=True, slots=True)
class Quick(Base):
    first: int
    second: bytes = b"x"


@pytest.mark.parametrize("made", [Plain, Quick])
def test_signature_defaults_and_errors_are_those_of_a_dataclass(made: type[Plain] | type[Quick]) -> None:
    item = made(3, late=True)
    assert (item.first, item.second, item.late) == (3, b"x", True)
    assert repr(item).endswith("(late=True, first=3, second=b'x')")
    assert replace(item, second=b"y") == made(3, b"y", late=True)
    assert hash(item) == hash(made(3, late=True))
    with pytest.raises(FrozenInstanceError):
        item.first = 4  # type: ignore[misc]
    for wrong in ((), (1, b"", True)):
        with pytest.raises(TypeError):
            made(*wrong)
    with pytest.raises(TypeError):
        made(1, unknown=2)  # type: ignore[call-arg]


def test_payloads_still_pickle_and_keep_their_annotations() -> None:
    payload = NotifyPayload(NotifyType.COOKIE, b"1", critical=True)
    assert pickle.loads(pickle.dumps(payload)) == payload
    assert payload.protocol is ProtocolId.NONE
    assert set(NotifyPayload.__init__.__annotations__) >= {"notify", "data", "critical"}


def test_a_class_that_it_cannot_serve_is_refused() -> None:
    @dataclass(frozen=True)
    class Slotless:
        first: int

    @dataclass(frozen=True, slots=True)
    class Made:
        first: list[int] = field(default_factory=list)

    @dataclass(frozen=True, slots=True)
    class Checked:
        first: int

        def __post_init__(self) -> None:
            raise ValueError

    for refused in (Slotless, Made, Checked):
        with pytest.raises(TypeError, match=refused.__name__):
            quick_init(refused)
