"""Error queue, dials and links under both reactors, each in a process of its own, against plain blocking sockets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TRIALS = Path(__file__).with_name("reactor_trials.py")
KINDS = {"asyncio": "AsyncioSelectorReactor", "epoll": "EPollReactor"}


@pytest.fixture(scope="module", params=KINDS)
def found(request: pytest.FixtureRequest) -> dict[str, Any]:
    if request.param == "epoll" and sys.platform != "linux":
        pytest.skip("epoll is Linux's")
    done = subprocess.run(
        [sys.executable, str(TRIALS), request.param], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    results: dict[str, Any] = json.loads(done.stdout)
    assert results["reactor"] == KINDS[request.param]
    assert results.get("failure", "") == ""
    return results


@pytest.mark.skipif(sys.platform != "linux", reason="the error queue is Linux's")
def test_icmp_errors_are_evidence_and_the_socket_goes_on_reading(found: dict[str, Any]) -> None:
    unreachable = ["icmp", 3, 3, "127.0.0.1", True]
    expected = [event for number in range(3) for event in (unreachable, ["data", str(number), "127.0.0.1"])]
    assert found["datagrams"] == {"events": expected, "readers": False}


@pytest.mark.parametrize(
    ("how", "ending"),
    [
        ("refused", "reset"),
        ("silent", "silence"),
        ("given up", "silence"),
        ("open", "connected"),
        ("no such name", "own-fault"),
    ],
)
def test_dials(found: dict[str, Any], how: str, ending: str) -> None:
    """None of these leaves anything in the error queue: a RST is no ICMP error."""
    assert found["dials"][how] == [ending, None]


@pytest.mark.parametrize(
    ("peer", "ending"),
    [
        ("answer", "result b'hello first'"),
        ("fin", "wire error, closed"),
        ("rst", "reset"),
        ("silent", "silence"),
        ("tls fin", "closed"),
        ("tls rst", "reset"),
        ("tls garbage", "tls"),
        ("tls silent", "silence"),
    ],
)
def test_links_tell_how_they_ended(found: dict[str, Any], peer: str, ending: str) -> None:
    assert found["links"][peer] == ending


def test_nothing_is_left(found: dict[str, Any]) -> None:
    assert found["left"] == []
