"""The reflector's two HTTP calls: what they answer, and to whom not."""

from __future__ import annotations

import re

import pytest
from web_place import ask

from emulator.wire import reflector_http
from emulator.wire.reflector_http import Session

URL = "http://m1reflector.spotlife.net"


def test_a_session_and_its_tunnel() -> None:
    first = ask("GET", f"{URL}/createSession").response
    assert first.status == 200
    session = reflector_http.read_session(first.body)
    assert session.url == f"{URL}/createTunnel"
    second = ask("GET", f"{session.url}?sid={session.sid}&a={reflector_http.proof(session)}").response
    tid, url = reflector_http.read_tunnel(second.body)
    assert re.fullmatch("[0-9a-f]{16}", tid)
    assert url == f"{URL}:80"


@pytest.mark.parametrize("proof", ["hHQbVkZ/eApiRzPiTg6jyw", "HlyPs6/kiWhr0JxmMO1A4Q"])
def test_published_digests_are_of_the_shape_that_is_taken(proof: str) -> None:
    assert ask("GET", f"{URL}/createTunnel?sid=KCSwrDFrVg&a={proof}").response.status == 200
    assert len(reflector_http.proof(Session("KCSwrDFrVg", 98, ""))) == len(proof)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("?sid=short&a=hHQbVkZ/eApiRzPiTg6jyw", 400),
        ("?sid=KCSwrDFrVg", 403),
        ("?sid=KCSwrDFrVg&a=hHQbVkZ/eApiRzPiTg6jy", 403),
        ("?sid=KCSwrDFrVg&a=hHQbVkZ/eApiRzPiTg6jy==", 403),
    ],
)
def test_who_gets_no_tunnel(query: str, status: int) -> None:
    assert ask("GET", f"{URL}/createTunnel{query}").response.status == status


def test_other_methods() -> None:
    assert ask("POST", f"{URL}/createSession").response.status == 405
