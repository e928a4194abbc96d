"""The HTTP gateway as clients use it: open, send, poll, hold, close; and what goes wrong."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace
from msnp_place import NOW, Service

from emulator.services.gateway import IDLE, LIFESPAN, Gateway
from emulator.services.msnp.session import Session
from emulator.wire import challenge, http, tags
from emulator.wire.context import ServerContext
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation

OPEN = "Action=open&Server=NS&IP=messenger.hotmail.com"
VER = b"VER 1 MSNP15 CVR0\r\n"


class Timer:
    """One call that waits for its time."""

    def __init__(self, seconds: float, call) -> None:
        self.seconds, self.call, self._active = seconds, call, True

    def active(self) -> bool:
        return self._active

    def cancel(self) -> None:
        self._active = False

    def fire(self) -> None:
        if self._active:
            self._active = False
            self.call()


class Place:
    """A gateway on a service, with a clock and timers in hand."""

    def __init__(self) -> None:
        self.service = Service()
        self.now = NOW
        self.last = b""
        self.timers: list[Timer] = []
        self.gateway = Gateway(
            lambda context: Session(context, self.service.house, over_gateway=True).talk(), self._call_later
        )
        address = Endpoint("203.0.113.20", 80)
        self.context = ServerContext(
            observed=Endpoint("192.0.2.10", 50000),
            local=address,
            second=address,
            relay=address,
            relay_key=b"k" * 16,
            entropy=self.service.entropy,
            now=lambda: self.now,
        )
        self.connections: list[list[bool]] = []  # one a request; set to False when it is lost

    def _call_later(self, seconds: float, call) -> Timer:
        self.timers.append(Timer(seconds, call))
        return self.timers[-1]

    def ask(self, query: str, body: bytes = b"", method: str = "POST", base: str = "") -> http.Answered | http.Later:
        headers = (("Host", "gateway.messenger.hotmail.com"), ("User-Agent", "MSMSGS"))
        request = http.Request(method, f"{base}/gateway/gateway.dll?{query}", headers, body)
        connected = [True]
        self.connections.append(connected)
        return self.gateway.handle(request, replace(self.context, alive=lambda: connected[0]))

    def send(self, query: str, body: bytes = b"") -> http.Response:
        answered = self.ask(query, body)
        assert isinstance(answered, http.Answered)
        return answered.response


def session_of(response: http.Response) -> str:
    found = re.fullmatch(
        r"SessionID=(\d+\.\d+); GW-IP=gateway\.messenger\.hotmail\.com(; Session=close)?",
        response.header("X-MSN-Messenger"),
    )
    assert found is not None, response.headers
    return found[1]


@pytest.fixture
def place() -> Place:
    return Place()


def test_open_with_the_first_line_or_empty(place):
    answer = place.send(OPEN, VER)
    assert (answer.status, answer.body) == (200, b"VER 1 MSNP15\r\n")
    assert answer.header("Content-Type") == "application/x-msn-messenger"
    empty = place.send(OPEN)
    assert empty.body == b""
    assert place.send(f"SessionID={session_of(empty)}", VER).body == b"VER 1 MSNP15\r\n"


def test_a_command_may_come_in_two_requests(place):
    number = session_of(place.send(OPEN, VER[:7]))
    assert place.send(f"SessionID={number}", VER[7:]).body == b"VER 1 MSNP15\r\n"


def test_the_number_changes_and_the_key_stays(place):
    first = session_of(place.send(OPEN, VER))
    second = session_of(place.send(f"Action=poll&SessionID={first}"))
    assert first != second
    assert first.partition(".")[0] == second.partition(".")[0]


def test_sessions_are_apart(place):
    one, other = session_of(place.send(OPEN, VER)), session_of(place.send(OPEN, VER))
    assert place.send(f"SessionID={one}", b"CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 8.1.0178 msmsgs a@b.c\r\n").body
    assert place.send(f"Action=poll&SessionID={other}").body == b""


def test_out_closes_and_later_use_is_refused(place):
    number = session_of(place.send(OPEN, VER))
    last = place.send(f"SessionID={number}", b"OUT\r\n")
    assert last.header("X-MSN-Messenger").endswith("; Session=close")
    assert place.send(f"SessionID={number}").status == 400
    assert len(place.gateway) == 0


def test_the_absolute_form_is_the_same(place):
    answered = place.ask(OPEN, VER, base="http://gateway.messenger.hotmail.com")
    assert isinstance(answered, http.Answered)
    assert answered.response.body == b"VER 1 MSNP15\r\n"


@pytest.mark.parametrize("query", ["SessionID=1.2", "", "Action=poll&SessionID=999999999.1"])
def test_an_unknown_session_is_400(place, query):
    assert place.send(query).status == 400


def test_other_methods_and_floods_are_refused(place):
    answered = place.ask(OPEN, method="GET")
    assert isinstance(answered, http.Answered)
    assert answered.response.status == 405
    assert place.send(OPEN, b"x" * 70_000).status == 413


def test_a_session_that_nobody_asks_for_is_over(place):
    number = session_of(place.send(OPEN, VER))
    place.now += IDLE + 1
    place.timers[-1].fire()
    assert len(place.gateway) == 0
    assert place.send(f"Action=poll&SessionID={number}").status == 400


def signed_in(place: Place) -> str:
    """A probe's account, signed in through the gateway; the session's latest number."""
    account, ticket = tags.account(bytes(range(16))), tags.ticket(bytes(range(16)))
    number = session_of(place.send(OPEN, VER + f"USR 2 SSO I {account}\r\n".encode()))
    answer = place.send(f"SessionID={number}", f"USR 3 SSO S {ticket}\r\nCHG 4 NLN 0 0\r\n".encode())
    assert b"USR 3 OK" in answer.body
    assert b"ClientPort: 0\r\n" in answer.body
    place.last = answer.body
    return session_of(answer)


def test_a_poll_with_lifespan_waits_for_news(place):
    number = signed_in(place)
    held = place.ask(f"Action=poll&Lifespan=10&SessionID={number}")
    assert isinstance(held, http.Later)
    answers: list[http.Answered] = []
    held.start(answers.append)
    assert answers == []
    assert place.send(f"Action=poll&SessionID={number}").status == 400  # one request at a time
    (listener,) = place.service.house.at(place.service.world.addresses()[-1])
    listener.hand("contact@hotmail.com", 5, b"x")
    assert answers[0].response.body.startswith(b"UBN contact@hotmail.com 5 1\r\nx")
    assert not [timer for timer in place.timers if timer.seconds == 10 and timer.active()]


def test_a_poll_without_news_is_answered_empty_in_time(place):
    held = place.ask(f"Action=poll&Lifespan=600&SessionID={signed_in(place)}")
    assert isinstance(held, http.Later)
    answers: list[http.Answered] = []
    held.start(answers.append)
    (timer,) = (timer for timer in place.timers if timer.seconds == LIFESPAN)
    timer.fire()
    assert answers[0].response.body == b""


def test_a_second_request_does_not_harm_the_first(place):
    number = signed_in(place)
    held = place.ask(f"Action=poll&Lifespan=10&SessionID={number}")
    assert isinstance(held, http.Later)
    answers: list[http.Answered] = []
    held.start(answers.append)
    assert place.send(f"SessionID={number}", b"CHG 9 BSY 0 0\r\n").status == 400
    (listener,) = place.service.house.at(tags.account(bytes(range(16))))
    listener.hand("contact@hotmail.com", 5, b"x")
    assert b"UBN contact@hotmail.com" in answers[0].response.body
    assert b"CHG" not in answers[0].response.body
    assert place.send(f"SessionID={session_of(answers[0].response)}", b"CHG 9 BSY 0 0\r\n").body.startswith(b"CHG 9")


def test_what_a_vanished_client_did_not_get_waits_for_its_next_request(place):
    number = signed_in(place)
    held = place.ask(f"Action=poll&Lifespan=10&SessionID={number}")
    assert isinstance(held, http.Later)
    answers: list[http.Answered] = []
    held.start(answers.append)
    place.connections[-1][0] = False
    (listener,) = place.service.house.at(tags.account(bytes(range(16))))
    listener.hand("contact@hotmail.com", 5, b"x")
    assert answers == []
    again = place.send(f"Action=poll&SessionID={number}")
    assert (again.status, again.body) == (200, b"UBN contact@hotmail.com 5 1\r\nx")
    for timer in place.timers:
        if timer.seconds == 10:
            timer.fire()
    assert answers == []


def test_an_answer_that_was_lost_is_given_again_and_nothing_is_done_twice(place):
    before = session_of(place.send(OPEN))
    lost = place.send(f"SessionID={before}", VER)
    assert lost.body == b"VER 1 MSNP15\r\n"
    again = place.send(f"SessionID={before}", VER)
    assert again.body == b"VER 1 MSNP15\r\n"
    assert place.send(f"Action=poll&SessionID={session_of(again)}").body == b""


def test_numbers_from_long_ago_are_refused(place):
    first = session_of(place.send(OPEN, VER))
    second = session_of(place.send(f"Action=poll&SessionID={first}"))
    third = session_of(place.send(f"Action=poll&SessionID={second}"))
    assert place.send(f"Action=poll&SessionID={first}").status == 400
    assert place.send(f"Action=poll&SessionID={third}").status == 200


def test_a_flood_of_polls_is_answered_one_by_one(place):
    number = signed_in(place)
    for _ in range(3000):
        answer = place.send(f"Action=poll&SessionID={number}")
        assert (answer.status, answer.body) == (200, b"")
        number = session_of(answer)
    assert len(place.gateway) == 1
    assert len([timer for timer in place.timers if timer.active() and timer.seconds <= IDLE]) < 10


def test_png_is_an_http_error_and_the_end(place):
    number = signed_in(place)
    assert place.send(f"SessionID={number}", b"PNG\r\n").status == 400
    assert place.send(f"Action=poll&SessionID={number}").status == 400
    assert not place.service.world.presence.signed_in(tags.account(bytes(range(16))))


def test_who_vanishes_is_signed_out_without_another_request(place):
    signed_in(place)
    place.now += IDLE + 1
    for timer in tuple(place.timers):
        if timer.seconds == IDLE:
            timer.fire()
    assert not place.service.world.presence.signed_in(tags.account(bytes(range(16))))


def test_who_only_polls_stays_for_hours(place):
    number = signed_in(place)
    asked = re.search(rb"CHL 0 (\d{20})", place.last)
    assert asked is not None
    answer = challenge.lock_key(asked[1].decode(), challenge.CLIENT)
    number = session_of(place.send(f"SessionID={number}", f"QRY 5 {challenge.CLIENT} 32\r\n{answer}".encode()))
    for _ in range(100):
        place.now += 50
        place.service.clock.advance(50)
        answer = place.send(f"Action=poll&SessionID={number}")
        assert answer.status == 200
        number = session_of(answer)


def test_the_end_of_a_session_is_told_with_its_last_words(place):
    number = signed_in(place)
    place.service.house.close()
    last = place.send(f"Action=poll&SessionID={number}")
    assert last.body.endswith(b"OUT SSD\r\n")
    assert last.header("X-MSN-Messenger").endswith("; Session=close")


@pytest.mark.parametrize("host", ["geo.gateway.messenger.live.com", "muser.gateway.edge.messenger.live.com"])
def test_other_names_of_the_gateway_lead_back_to_themselves(place, host):
    request = http.Request("POST", f"/gateway/gateway.dll?{OPEN}", (("Host", f"{host}:443"),), VER)
    answered = place.gateway.handle(request, place.context)
    assert isinstance(answered, http.Answered)
    assert f"; GW-IP={host}" in answered.response.header("X-MSN-Messenger")


def test_browsers_may_ask_from_elsewhere(place):
    answered = place.ask(OPEN, method="OPTIONS")
    assert isinstance(answered, http.Answered)
    assert answered.response.status == 200
    assert answered.response.header("Access-Control-Allow-Origin") == "*"
    request = http.Request("POST", f"/gateway/gateway.dll?{OPEN}", (("Host", "h"), ("Origin", "http://x")), VER)
    allowed = place.gateway.handle(request, place.context)
    assert isinstance(allowed, http.Answered)
    assert "X-MSN-Messenger" in allowed.response.header("Access-Control-Expose-Headers")


def test_a_body_may_arrive_byte_by_byte(place):
    body = VER
    head = (
        f"POST /gateway/gateway.dll?{OPEN} HTTP/1.1\r\nHost: gateway.messenger.hotmail.com\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    talk = Conversation(http.server(lambda request: place.gateway.handle(request, place.context)))
    out = talk.start() + b"".join(talk.feed(bytes((byte,))) for byte in head + body)
    assert out.startswith(b"HTTP/1.1 200 OK\r\n")
    assert out.endswith(b"\r\n\r\nVER 1 MSNP15\r\n")


def test_a_switchboard_is_reached_through_the_gateway(place):
    number = signed_in(place)
    transfer = place.send(f"SessionID={number}", b"XFR 9 SB\r\n").body.split()
    assert transfer[-1] == b"0"  # not directly
    account = tags.account(bytes(range(16))).encode()
    board = place.send("Action=open&Server=SB&IP=203.0.113.20", b"USR 1 " + account + b" " + transfer[5] + b"\r\n")
    assert board.body.startswith(b"USR 1 OK " + account)
    ringing = place.send(f"SessionID={session_of(board)}", b"CAL 2 contact@hotmail.com\r\n")
    assert re.match(rb"CAL 2 RINGING \d+\r\nJOI contact@hotmail.com ", ringing.body)
