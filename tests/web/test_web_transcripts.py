"""Published requests and answers as text: fed to the site byte for byte, the answers compared header by header."""

from __future__ import annotations

import email

import pytest
from web_place import NOW, TAG, published, scene, town, vector

from emulator.services.web import site
from emulator.wire import oim, tags, webfiles
from emulator.wire.talk import Conversation

EXCUSED = {"set-cookie", "etag"}  # random ids; our entity tag of the list has another form


def wire(text: bytes) -> bytes:
    return text.replace(b"\n", b"\r\n")


def parsed(raw: bytes) -> tuple[bytes, list[tuple[str, str]]]:
    """Status line, and headers in lower case."""
    head, _, _ = raw.partition(b"\r\n\r\n")
    line, _, rest = head.partition(b"\r\n")
    return line, [(name.lower(), value) for name, value in email.message_from_bytes(rest + b"\r\n\r\n").items()]


@pytest.mark.parametrize(("request_number", "answer_number"), [(18, 19), (21, 22), (23, 24), (None, 20)])
def test_published_pairs(request_number: int | None, answer_number: int) -> None:
    home = town()
    home.world.accounts.set_tile("alice@emu.test", webfiles.TILE, "image/png")
    raw = published(request_number, home) if request_number else b"GET /c.gif?di=1 HTTP/1.1\nHost: c.msn.com\n\n"
    far = Conversation(site.talk(scene(home=home)))
    line, headers = parsed(far.start() + far.feed(wire(raw)))
    wanted_line, wanted = parsed(wire(vector(answer_number)))
    assert line == wanted_line
    assert {name for name, _ in headers} >= {name for name, _ in wanted}
    ours = dict(headers)
    for name, value in wanted:
        if name not in EXCUSED:
            assert ours[name] == value
    if answer_number == 19:
        assert ours["etag"] == dict(wanted)["etag"]


def test_the_published_soap_request_head_is_answered_with_a_fault_because_its_body_was_shortened() -> None:
    far = Conversation(site.talk(scene()))
    line, headers = parsed(far.start() + far.feed(wire(vector(1)).rstrip(b"\r\n")))
    assert line == b"HTTP/1.1 500 Internal Server Error"
    assert dict(headers)["content-type"] == "text/xml; charset=utf-8"


def test_a_waiting_message_has_the_published_headers() -> None:
    """All but the sender's address, which nobody reads and we do not know."""
    wanted = set(email.message_from_bytes(vector(33)).keys()) - {"X-OIM-originatingSource"}
    text = oim.mail(oim.mime(oim.WAITING), "contact@hotmail.com", "contact", tags.account(TAG), int(NOW * 1000))
    assert set(email.message_from_string(text).keys()) == wanted
