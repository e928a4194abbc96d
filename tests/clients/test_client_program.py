"""An unmodified third-party program: the MSNP8 client of Twisted 15.0.0, fetched from the package index.

It checks the number of words in every line, so it finds what looser readers forgive. Slow: it downloads 4 MB.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from running import PASSWORD, Running, needs_root

pytestmark = [needs_root, pytest.mark.slow]
RUNNER = Path(__file__).with_name("twisted_program.py")
MEMBER = "Twisted-15.0.0/twisted/words/protocols/msn.py"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("program")
    if sys.version_info >= (3, 13):
        pytest.skip("lib2to3, which turns the program into Python 3, is gone from this Python")
    argv = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "twisted==15.0.0"]
    done = subprocess.run([*argv, "-d", str(place)], capture_output=True, timeout=120, check=False)
    archives = list(place.glob("*.tar.bz2"))
    if not archives:
        pytest.skip(f"Twisted 15.0.0 cannot be had: {done.stderr.decode()[-200:]}")
    with tarfile.open(archives[0]) as archive:
        inside = archive.extractfile(MEMBER)
        assert inside is not None
        source = place / "msn.py"
        source.write_bytes(inside.read())
    return source


@pytest.fixture(scope="module")
def seen(program: Path, there: Running) -> dict[str, Any]:
    """One life of two such clients."""
    argv = [sys.executable, str(RUNNER), str(program), there.address, PASSWORD, *PEOPLE]
    done = subprocess.run(argv, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    assert not found["failed"], found["failed"][0]
    return found


PEOPLE = ("anna89@people.test", "boris89@people.test")


def test_it_signs_in_and_a_wrong_password_is_told(seen: dict[str, Any]) -> None:
    assert [one[0] for one in seen["signed_in"]] == list(PEOPLE)
    assert seen["signed_in"][0][1:] == ["Anna Ω 89", 1]
    assert seen["refused"] == ["Wrong password"]
    assert len(seen["profiles"]) == 2


def test_it_holds_the_lists(seen: dict[str, Any]) -> None:
    one, two = seen["lists"]
    assert one["groups"] == {"0": "Other Contacts", "1": "Climbing & more"}
    assert one["people"] == [[PEOPLE[1], 1 | 2 | 8, [1]]]
    assert two["people"] == [[PEOPLE[0], 1 | 2 | 8, [0]]]
    assert {one[1] for one in seen["contacts"]} == set(PEOPLE)


@pytest.mark.parametrize(
    "operation",
    [
        *("changeStatus", "addListGroup", "renameListGroup", "addContact", "remContact", "changeScreenName"),
        *("inviteUser", "userJoined", "sendMessage", "answer"),
        *("setPhoneDetails", "setPrivacyMode"),
    ],
)
def test_it_understands_the_answer_to(seen: dict[str, Any], operation: str) -> None:
    """Removing a group is not among them: the program itself stumbles over its own list there."""
    assert operation in seen["done"], seen["undone"]


def test_it_calls_no_other_line_bad(seen: dict[str, Any]) -> None:
    assert seen["bad_lines"] == []


def test_it_talks(seen: dict[str, Any]) -> None:
    assert [PEOPLE[1], PEOPLE[0], "hello there"] in seen["messages"]
    assert [PEOPLE[0], PEOPLE[1], "and back"] in seen["messages"]
    assert seen["chatting"] == [[PEOPLE[0]]]
