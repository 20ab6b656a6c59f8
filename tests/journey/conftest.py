"""One platform for all journeys, started as a person would start it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.journey import platform as platforms
from tests.journey.people import Person
from tests.journey.platform import Platform


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform with the example tenants."""
    running = platforms.start(tmp_path_factory.mktemp("galley") / "home")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def person(platform: Platform) -> Iterator[Callable[[str], Person]]:
    """Sign a demo account in, once."""
    people: dict[str, Person] = {}

    def sign_in(name: str) -> Person:
        if name not in people:
            people[name] = Person(platform, name)
        return people[name]

    yield sign_in
    for one in people.values():
        one.close()
