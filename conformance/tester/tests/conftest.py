"""Fixtures: a reference gateway per session, a tester per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance import profile as profiles
from conformance.profile import Profile
from conformance.tester.tester import Tester
from conformance.tester.tests.reference import profile_data, running


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Profile]:
    """The profile of a running reference gateway."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    with running(folder) as data:
        yield profiles.from_dict(data)


@pytest.fixture
def live(gateway: Profile) -> Iterator[Tester]:
    """A tester in front of the running gateway."""
    made = Tester(gateway, number=7)
    made.requirement = "rfc7296/2.1/messages-in-pairs"
    yield made
    made.close()


@pytest.fixture
def offline() -> Iterator[Tester]:
    """A tester whose device does not answer."""
    made = Tester(profiles.from_dict(profile_data(9, 10)), number=1)
    yield made
    made.link.close()
