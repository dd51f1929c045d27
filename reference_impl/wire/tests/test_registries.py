"""Registries keep unknown values, and agree with scapy's tables."""

from __future__ import annotations

import pickle
import re
from typing import Any

import pytest
from scapy.contrib import ikev2 as scapy_ikev2

from reference_impl.wire import registries
from reference_impl.wire.registries import (
    CfgAttribute,
    Encr,
    NotifyType,
    OpenIntEnum,
    TransformType,
    transform_id,
)

ALL = [
    item
    for item in vars(registries).values()
    if isinstance(item, type) and issubclass(item, OpenIntEnum) and item is not OpenIntEnum
]


@pytest.mark.parametrize("registry", ALL, ids=lambda item: item.__name__)
def test_unknown_values_become_named_pseudo_members_and_are_not_cached(registry: type[OpenIntEnum]) -> None:
    size = len(registry)
    unknown = registry(60000)
    assert (unknown.name, unknown.value, int(unknown)) == ("UNKNOWN_60000", 60000, 60000)
    assert not unknown.known
    assert unknown == registry.lookup()[60000]
    assert pickle.loads(pickle.dumps(unknown)) == unknown
    assert len(registry) == size
    assert 60000 not in registry._value2member_map_
    assert all(member.known and registry.lookup()[member.value] is member for member in registry)
    wrongs: tuple[Any, ...] = (-1, "x", None)
    for wrong in wrongs:
        with pytest.raises(ValueError, match="is not a valid"):
            registry(wrong)


def test_notify_names_agree_with_scapy() -> None:
    renamed = {
        "USE_ASSIGNED_HoA": "USE_ASSIGNED_HOA",
        "NOTIFY_STATE_NOT_FOUND": "STATE_NOT_FOUND",
        "SENDER_REQUEST_ID": "GROUP_SENDER",  # IANA's name since RFC 9838
    }
    for value, name in scapy_ikev2.IKEv2NotifyMessageTypes.items():
        expected = re.sub(r"^IV2_NOTIFY_", "", renamed.get(name, name))
        assert NotifyType(value).name == expected


def test_configuration_attribute_names_agree_with_scapy() -> None:
    for value, name in scapy_ikev2.IKEv2ConfigurationAttributeTypes.items():
        assert CfgAttribute(value).name == name


def test_scapy_knows_no_transform_that_we_do_not() -> None:
    for number, algorithms in scapy_ikev2.IKEv2TransformAlgorithms.items():
        for value in algorithms:
            member = transform_id(number, value)
            assert isinstance(member, OpenIntEnum)
            assert member.known, (number, value)


def test_transform_ids_are_read_in_the_registry_of_their_type() -> None:
    assert transform_id(TransformType.ENCR, 12) is Encr.AES_CBC
    assert transform_id(TransformType.ADDKE3, 36) is registries.Group.ML_KEM_768
    assert transform_id(99, 5) == 5
