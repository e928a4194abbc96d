"""The HTTP gateway as clients use it: open, send, poll, hold, close; and what goes wrong."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace
from msnp_place import NOW, Service

from emulator.services.gateway import IDLE, LIFESPAN, Gateway
from emulator.services.msnp.session import Session
from emulator.wire import http, tags
from emulator.wire.context import ServerContext
from emulator.wire.receipt import Endpoint

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

    def _call_later(self, seconds: float, call) -> Timer:
        self.timers.append(Timer(seconds, call))
        return self.timers[-1]

    def ask(self, query: str, body: bytes = b"", method: str = "POST", base: str = "") -> http.Answered | http.Later:
        headers = (("Host", "gateway.messenger.hotmail.com"), ("User-Agent", "MSMSGS"))
        request = http.Request(method, f"{base}/gateway/gateway.dll?{query}", headers, body)
        return self.gateway.handle(request, replace(self.context))

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
    assert place.send(f"SessionID={one}", b"PNG\r\n").body == b"QNG 60\r\n"
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
    assert place.send(f"Action=poll&SessionID={number}").status == 400


def signed_in(place: Place) -> str:
    """A probe's account, signed in through the gateway; the session's latest number."""
    account, ticket = tags.account(bytes(range(16))), tags.ticket(bytes(range(16)))
    number = session_of(place.send(OPEN, VER + f"USR 2 SSO I {account}\r\n".encode()))
    answer = place.send(f"SessionID={number}", f"USR 3 SSO S {ticket}\r\nCHG 4 NLN 0 0\r\n".encode())
    assert b"USR 3 OK" in answer.body
    assert b"ClientPort: 0\r\n" in answer.body
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
    assert not place.timers[0].active()


def test_a_poll_without_news_is_answered_empty_in_time(place):
    held = place.ask(f"Action=poll&Lifespan=600&SessionID={signed_in(place)}")
    assert isinstance(held, http.Later)
    answers: list[http.Answered] = []
    held.start(answers.append)
    assert place.timers[0].seconds == LIFESPAN
    place.timers[0].fire()
    assert answers[0].response.body == b""


def test_a_switchboard_is_reached_through_the_gateway(place):
    number = signed_in(place)
    transfer = place.send(f"SessionID={number}", b"XFR 9 SB\r\n").body.split()
    assert transfer[-1] == b"0"  # not directly
    account = tags.account(bytes(range(16))).encode()
    board = place.send("Action=open&Server=SB&IP=203.0.113.20", b"USR 1 " + account + b" " + transfer[5] + b"\r\n")
    assert board.body.startswith(b"USR 1 OK " + account)
    ringing = place.send(f"SessionID={session_of(board)}", b"CAL 2 contact@hotmail.com\r\n")
    assert re.match(rb"CAL 2 RINGING \d+\r\nJOI contact@hotmail.com ", ringing.body)
