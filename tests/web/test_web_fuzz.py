"""Whatever arrives is answered: no handler raises, and every XML answer is XML for lxml."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from web_place import TAG, ask, context, house, scene, vector

from emulator.probe.web import DIALOGUES
from emulator.services.web import site
from emulator.wire import http, sqm, tags
from emulator.wire.talk import Conversation

THERE = scene()
ROUTES = [route for routes in (*site.SERVICES.values(), *site.EXTRA.values()) for route in routes]
PLACES = [(route.method, route.host.replace("*", "x"), route.path.replace("*", "x")) for route in ROUTES]
REQUESTS = [vector(number) for number in (3, 7, 9, 12, 14, 16, 27, 30, 34, 36, 40, 42)] + [
    sqm.encode(sqm.Session(client=TAG, sections=(sqm.dword_section(((42, 2047, 1500),)),)))
]
LETTERS = st.characters(min_codepoint=33, max_codepoint=126)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A genuine body with pieces cut, doubled and replaced."""
    body = bytearray(draw(st.sampled_from(REQUESTS)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 30)))
        body[start:end] = draw(st.one_of(st.binary(max_size=12), st.just(bytes(body[start:end]) * 2)))
    return bytes(body)


@st.composite
def emptied(draw: st.DrawFn) -> bytes:
    """A genuine document that stays well-formed, with texts and attributes replaced and elements renamed."""
    text = draw(st.sampled_from(REQUESTS[:-1])).decode()
    texts = sorted(set(re.findall(r">([^<>]+)<", text)) | set(re.findall(r'="([^"]*)"', text)))
    for old in draw(st.lists(st.sampled_from(texts), max_size=4)):
        text = text.replace(old, draw(st.sampled_from(["", "x", "&lt;&amp;", "-1", "\u03a9", "9" * 40, " \n "])))
    names = sorted(set(re.findall(r"</([\w:]+)>", text)))
    for old in draw(st.lists(st.sampled_from(names), max_size=2)):
        text = re.sub(rf"(</?){old}\b", r"\1other", text)
    return text.encode()


def check(answered: http.Answered) -> None:
    response = answered.response
    assert 200 <= response.status < 600
    assert answered.tag == "" or len(bytes.fromhex(answered.tag)) == 16
    if response.body and response.header("Content-Type").startswith("text/xml"):
        etree.fromstring(response.body)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLACES), st.one_of(damaged(), emptied(), st.binary(max_size=400)), st.booleans())
def test_any_body_is_answered(place: tuple[str, str, str], body: bytes, secure: bool) -> None:
    method, host, path = place
    check(ask(method, f"http{'s' * secure}://{host}{path}", (), body, at=THERE))


@settings(max_examples=300)
@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "HEAD", "X"]),
    st.sampled_from(PLACES),
    st.text(LETTERS, max_size=60),
    st.text(LETTERS, max_size=60),
    st.sampled_from(["", "/", "?", "/?", "?ID=", "?t=", "?passport=", "?ver=", "%", "/%ff%00"]),
)
def test_any_target_and_header_is_answered(
    method: str, place: tuple[str, str, str], rest: str, value: str, between: str
) -> None:
    _, host, path = place
    names = ("Cookie", "Authorization", "If-None-Match", "If-Modified-Since", "Range", "Content-Range", "SOAPAction")
    headers = tuple((name, value) for name in names)
    check(ask(method, f"http://{host}{path}{between}{rest}", headers, b"", at=THERE))


@settings(max_examples=200)
@given(st.text(max_size=40), st.text(max_size=40), st.binary(max_size=40))
def test_any_request_at_all_is_answered(target: str, host: str, body: bytes) -> None:
    check(site.answer(http.Request("POST", target, (("Host", host),), body), THERE))


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300))
def test_any_bytes_on_a_connection_end_in_an_answer_or_an_error(data: bytes) -> None:
    far = Conversation(site.talk(THERE))
    far.start()
    far.feed(b"POST /c.gif HTTP/1.1\r\nHost: c.msn.com\r\n" + data)
    far.end()
    assert far.finished


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(sorted(DIALOGUES)),
    st.sampled_from([200, 201, 204, 206, 302, 304, 410, 500]),
    st.one_of(
        damaged(),
        emptied(),
        st.binary(max_size=200),
        st.just(b"{}"),
        st.sampled_from([vector(n) for n in (4, 5, 8, 11, 15, 31, 35, 41, 43, 29)]),
    ),
)
def test_a_dialogue_given_any_answer_ends_as_differs(exchange: str, status: int, body: bytes) -> None:
    """Nothing but WireError leaves a dialogue, and nobody else's answer passes for ours."""
    answer = http.Answered(http.Response(status, (), b"" if status in (204, 304) else body))
    far = Conversation(http.server(lambda request: answer))
    near = Conversation(http.session(DIALOGUES[exchange](context(exchange))))
    to_far, to_near = near.start(), far.start()
    for _ in range(40):
        if near.finished:
            break
        to_near = far.feed(to_far)
        to_far = near.feed(to_near)
    assert near.error is not None


def test_the_tag_is_found_in_published_text_requests_with_our_values() -> None:
    home = house()
    cid = home.world.account(tags.account(TAG)).cid_hex.encode()
    raw = vector(18).replace(b"EMUSTORAGEalice000001aa==", b"ML" + TAG.hex().encode()).replace(b"\n", b"\r\n")
    far = Conversation(site.talk(scene(home=home)))
    raw = raw.replace(b"2b00c4f1a9e35d07", cid)
    out = far.start() + far.feed(raw)
    assert out.startswith(b"HTTP/1.1 200 OK\r\n")
    assert far.sightings[0].tag == TAG.hex()
    for number, status in ((21, b"302"), (23, b"304"), (38, b"200")):
        other = Conversation(site.talk(THERE))
        text = other.start() + other.feed(vector(number).replace(b"\n", b"\r\n"))
        assert text.split(b" ")[1] == status
        assert tags.from_hex(other.sightings[0].tag) == ""
