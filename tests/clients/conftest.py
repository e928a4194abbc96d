"""The one server that all client tests share, and two fresh people for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from running import PAIRS, Running, anna, boris

_numbers = itertools.count(1)  # pair 0 is only read


@pytest.fixture(scope="session")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("running"))
    yield running
    running.end()


@pytest.fixture
def pair() -> tuple[str, str]:
    """Two people who have each other as contacts, and whom no other test uses."""
    number = next(_numbers)
    assert number < PAIRS, "more tests than pairs: raise PAIRS"
    return anna(number), boris(number)
