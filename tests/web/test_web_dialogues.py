"""Every web exchange: its dialogue against its service, back to back, through the real HTTP talks."""

from __future__ import annotations

import json
import re

import pytest
from web_place import NOW, ROOT, TAG, context, revocation_list, run, scene

from emulator.catalog import load
from emulator.probe.web import DIALOGUES
from emulator.probe.web.context import Differs
from emulator.services.web import site
from emulator.wire import http
from emulator.wire.talk import Conversation

GATEWAY = {"gateway", "gateway-call"}
EXCHANGES = sorted(name for name, row in load().exchanges.items() if row.service == "http" and name not in GATEWAY)


def test_every_http_exchange_has_exactly_one_service_and_one_dialogue() -> None:
    assert sorted(site.SERVICES) == EXCHANGES
    assert sorted(DIALOGUES) == EXCHANGES


def test_no_two_routes_claim_the_same_host_method_and_path() -> None:
    routes = [route for routes in (*site.SERVICES.values(), *site.EXTRA.values()) for route in routes]
    places = [(route.host, route.method, route.path) for route in routes]
    assert len(places) == len(set(places))


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_dialogue_succeeds_and_every_request_carries_the_tag(exchange: str) -> None:
    here = context(exchange)
    there = scene(secure=here.secure)
    near, far = run(exchange, here, lambda request: site.answer(request, there))
    assert near.error is None
    assert near.done
    assert far.sightings
    assert {sighting.tag for sighting in far.sightings} == {TAG.hex()}
    others = {"login-http": {"rst"}, "core-web": {""}, "images": {""}}  # "": the page that nobody has
    assert {sighting.facts["service"] for sighting in far.sightings} == {exchange} | others.get(exchange, set())
    json.dumps([near.result, [sighting.facts for sighting in far.sightings]])


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_no_foreign_header_and_no_foreign_parameter(exchange: str) -> None:
    here = context(exchange)
    there = scene(secure=here.secure)
    answered: list[http.Answered] = []

    def handle(request: http.Request) -> http.Answered:
        answered.append(site.answer(request, there))
        return answered[-1]

    _, far = run(exchange, here, handle)
    sent = [name for sighting in far.sightings for name, _ in sighting.facts["headers"]]
    received = [name for one in answered for name, _ in one.response.headers]
    assert not [name for name in sent + received if name.lower().startswith("x-")]
    assert not [one for one in far.sightings if re.search(r"[?&]emu", one.facts["target"])]


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_another_tag_is_seen_as_another_tag(exchange: str) -> None:
    here = context(exchange, tag=bytes(range(16)))
    there = scene(secure=here.secure)
    near, far = run(exchange, here, lambda request: site.answer(request, there))
    assert near.error is None
    assert {sighting.tag for sighting in far.sightings} == {bytes(range(16)).hex()}


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_blockpage_is_no_answer_of_ours(exchange: str) -> None:
    page = http.Response(200, (("Content-Type", "text/html"),), b"<html><body>Blocked by policy</body></html>")
    near, _ = run(exchange, context(exchange), lambda request: http.Answered(page))
    assert isinstance(near.error, Differs)


@pytest.mark.parametrize("status", [302, 403, 404, 407, 503])
@pytest.mark.parametrize("exchange", EXCHANGES)
def test_another_status_is_no_answer_of_ours(exchange: str, status: int) -> None:
    near, _ = run(exchange, context(exchange), lambda request: http.Answered(http.Response(status)))
    assert isinstance(near.error, Differs)
    assert near.error.status == status


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_changed_body_is_noticed(exchange: str) -> None:
    """Every dialogue reads something of the answers: with all bodies replaced by blanks none succeeds."""
    here = context(exchange)
    there = scene(secure=here.secure)

    def handle(request: http.Request) -> http.Answered:
        answered = site.answer(request, there)
        blank = http.Response(answered.response.status, (), b" " * len(answered.response.body))
        return http.Answered(blank)

    near, _ = run(exchange, here, handle)
    assert isinstance(near.error, Differs)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_through_a_proxy_clear_requests_are_absolute_and_authorised(exchange: str) -> None:
    here = context(exchange, via_proxy=True, proxy_authorization="Basic dTpw")
    there = scene(secure=here.secure)
    asked: list[http.Request] = []

    def answer(request: http.Request) -> http.Answered:
        asked.append(request)
        return site.answer(request, there)

    near, far = run(exchange, here, answer)
    assert near.error is None
    assert asked
    for request in asked:
        if here.secure:  # inside a tunnel: the proxy sees none of this
            assert request.target.startswith("/")
            assert request.header("Proxy-Authorization") == ""
        else:
            assert request.target.startswith(f"http://{here.host}/")
            assert request.header("Proxy-Authorization") == "Basic dTpw"
    for sighting in far.sightings:  # and no receipt holds them
        assert "dTpw" not in str(sighting.facts)


def test_agents_are_those_of_the_client_components() -> None:
    note = load().note
    noted = {exchange for row in note.endpoints for exchange in load().endpoint_by_id[row].speaks} | {"contacts-clear"}
    for exchange in EXCHANGES:
        first = next(DIALOGUES[exchange](context(exchange)))
        agent = first.header("User-Agent")
        assert (agent == note.agent) == (exchange in noted)
    assert next(DIALOGUES["crl"](context("crl"))).header("User-Agent") == "Microsoft-CryptoAPI/6.0"
    assert "IDCRL" in next(DIALOGUES["rst"](context("rst"))).header("User-Agent")
    assert next(DIALOGUES["rst"](context("rst", agent="other"))).header("User-Agent") == "other"


def test_an_explicit_port_stands_in_host_and_still_finds_the_service() -> None:
    here = context("tile", port=8080)
    near, far = run("tile", here, lambda request: site.answer(request, scene()))
    assert near.error is None
    assert far.sightings[0].facts["service"] == "tile"
    assert ["Host", "byfiles.storage.msn.com:8080"] in far.sightings[0].facts["headers"]


@pytest.mark.parametrize(
    ("der", "reason"),
    [
        (revocation_list(NOW, name="somebody else"), "the list of"),
        (revocation_list(NOW, name="somebody else", issuer=ROOT), "not signed"),
        (revocation_list(NOW - 30 * 86_400), "valid from"),
        (revocation_list(NOW + 86_400), "valid from"),
    ],
)
def test_a_revocation_list_that_is_not_the_labs_is_refused(der: bytes, reason: str) -> None:
    near, _ = run("crl", context("crl"), lambda request: site.answer(request, scene(crl=lambda: der)))
    assert isinstance(near.error, Differs)
    assert reason in near.error.reason


def test_a_list_signed_anew_for_every_request_is_still_unmodified() -> None:
    ticks = iter(range(1000))
    there = scene(crl=lambda: revocation_list(NOW + next(ticks), revoked=(7, 9)))
    near, _ = run("crl", context("crl"), lambda request: site.answer(request, there))
    assert near.error is None
    assert near.result["revoked"] == 2


def test_a_talk_serves_a_connection_by_itself() -> None:
    far = Conversation(site.talk(scene()))
    out = far.start() + far.feed(b"GET /c.gif HTTP/1.1\r\nHost: c.msn.com\r\n\r\n")
    assert out.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nContent-Length: 43\r\n" in out
    assert b"chunked" not in out
