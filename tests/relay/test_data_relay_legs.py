"""The emulated data relay: two legs that meet by a ticket, over the pseudo-TLS connection and over HTTP."""

from __future__ import annotations

import json
import os
import socket
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from relay_served import ADDRESS, KEY, RelayProcess
from relay_words import MSN_HEAD, RELAY, RELAY_KEY, message, parts

from emulator.services.web import relay as web_relay
from emulator.services.web.relay_sessions import RelaySessions
from emulator.wire import data_relay
from emulator.wire.context import ServerContext
from emulator.wire.http import Request
from emulator.wire.meeting import RATE, WAITING, Meetings
from emulator.wire.receipt import Endpoint
from emulator.wire.shared_secret import derive_password
from emulator.wire.talk import Conversation

# libnice's and Microsoft's constants (media.md 3.6)
HELLO = bytes.fromhex(
    "160301002d010000290301c1fcd5a36d93dd7e0b45673fec7985fbbc3fd660c2ce8485081b8121bcaa10fb00000200180100"
)
SERVER_HELLO = bytes.fromhex("160301004e020000460301" + "00" * 32 + "20" + "00" * 32 + "0018000e000000")
TICKET = bytes(range(16))
P2P_HEADER = bytes(48)


def framed(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + bytes(4) + data


class LegClient:
    """One connection to the relay, without a socket; `got` is what the relay sent."""

    def __init__(self, meetings: Meetings, side: bytes, ticket: bytes = TICKET) -> None:
        self.got = bytearray()
        self.hung_up = False
        context = ServerContext(
            observed=Endpoint("198.51.100.7", 1),
            local=RELAY,
            second=RELAY,
            relay=RELAY,
            relay_key=RELAY_KEY,
            entropy=os.urandom,
            now=lambda: 1000.0,
            push=self.got.extend,
            hang_up=self._end,
        )
        self.conversation = Conversation(data_relay.server(context, meetings), output=self.got.extend)
        self.conversation.start()
        self.say(HELLO)
        assert bytes(self.got) == SERVER_HELLO
        self.got.clear()
        name = ticket + side
        self.say(message(3, bytes(range(16)), [MSN_HEAD, (6, name)], derive_password(RELAY_KEY, name)))
        size = int.from_bytes(self.got[2:4], "big")
        assert parts(bytes(self.got[: 20 + size]))[0] == 0x0103
        del self.got[: 20 + size]

    def say(self, data: bytes) -> None:
        self.got += self.conversation.feed(data)

    def close(self) -> None:
        self.conversation.end()

    def _end(self) -> None:
        self.hung_up = True


def test_two_legs_hear_each_other_and_end_together() -> None:
    meetings = Meetings(now=lambda: 1000.0)
    one = LegClient(meetings, b"leg1")
    early = framed(P2P_HEADER + b"early")
    one.say(early)
    other = LegClient(meetings, b"leg2")
    assert bytes(other.got) == early
    late, back = framed(P2P_HEADER + b"late"), framed(P2P_HEADER + b"back")
    one.say(late[:10])
    assert bytes(other.got) == early  # whole frames only
    one.say(late[10:])
    other.say(back + back)
    assert (bytes(other.got), bytes(one.got)) == (early + late, back + back)
    assert other.conversation.notes["second"] is True
    assert one.conversation.sightings[0].facts["emulated"] is True
    one.close()
    assert one.conversation.notes["passed"] == len(early + late)
    assert other.hung_up
    other.close()
    assert len(meetings) == 0


def test_legs_of_other_tickets_do_not_meet_and_a_side_is_taken_once() -> None:
    meetings = Meetings(now=lambda: 1000.0)
    one, stranger = LegClient(meetings, b"leg1"), LegClient(meetings, b"leg2", bytes(16))
    one.say(framed(P2P_HEADER))
    assert not stranger.got
    third = LegClient(meetings, b"leg1")
    assert "taken" in str(third.conversation.error)
    third.close()
    other = LegClient(meetings, b"leg2")  # the first leg is still there
    assert bytes(other.got) == framed(P2P_HEADER)


def test_what_waits_for_nobody_is_limited() -> None:
    meetings = Meetings(now=lambda: 1000.0)
    one = LegClient(meetings, b"leg1")
    for _ in range(WAITING // 1400 + 2):
        if not one.conversation.finished:
            one.say(framed(bytes(1400)))
    assert "nobody came" in str(one.conversation.error)
    assert len(meetings) == 0


@pytest.mark.parametrize("head", [bytes(8), b"\xff" * 8, (47).to_bytes(4, "little") + bytes(4), b"\x30\0\0\0\1\0\0\0"])
def test_a_broken_frame_ends_the_meeting(head: bytes) -> None:
    meetings = Meetings(now=lambda: 1000.0)
    one, other = LegClient(meetings, b"leg1"), LegClient(meetings, b"leg2")
    one.say(head)
    assert one.conversation.error
    assert other.hung_up
    assert not other.got


def test_a_fast_leg_has_to_wait_for_its_second() -> None:
    waiting: list[Any] = []
    meetings = Meetings(now=lambda: 1000.25, call_later=lambda seconds, call: waiting.append((seconds, call)))
    one, other = LegClient(meetings, b"leg1"), LegClient(meetings, b"leg2")
    frame = framed(bytes(1400))
    count = RATE // len(frame) + 3
    for _ in range(count):
        one.say(frame)
    assert len(other.got) == RATE // len(frame) * len(frame)
    assert [seconds for seconds, _ in waiting] == [0.75]
    waiting.pop()[1]()
    assert len(other.got) > RATE // len(frame) * len(frame)


def test_two_sockets_meet_at_a_relay_that_runs() -> None:
    with RelayProcess(0, reactor="asyncio") as relay, ExitStack() as stack:
        links = []
        for side in (b"leg1", b"leg2"):
            link = stack.enter_context(socket.create_connection((ADDRESS, relay.port), 10))
            name = TICKET + side
            link.sendall(HELLO + message(3, bytes(16), [MSN_HEAD, (6, name)], derive_password(KEY, name)))
            assert exactly(link, len(SERVER_HELLO)) == SERVER_HELLO
            exactly(link, int.from_bytes(exactly(link, 20)[2:4], "big"))
            links.append(link)
        one, other = links
        frames = [framed(bytes([number]) * 1400) for number in range(100)]
        one.sendall(b"".join(frames))
        other.sendall(frames[7])
        assert exactly(other, 1408 * 100) == b"".join(frames)
        assert exactly(one, 1408) == frames[7]
        one.close()
        assert other.recv(1) == b""


def exactly(link: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = link.recv(size - len(data))
        assert piece, data
        data += piece
    return data


def ask(sessions: RelaySessions, meeting: str, ticket: str = "t=abc&p=") -> tuple[int, dict[str, Any]]:
    scene: Any = SimpleNamespace(relay_sessions=sessions, entropy=os.urandom, now=lambda: 1000.0)
    shown = (("Authorization", f"Passport1.4 from-PP='{ticket}'"),) if ticket else ()
    request = Request("POST", f"{web_relay.RELAY_PATH}?meet={meeting}", shown)
    response = web_relay.open_session(request, scene).response
    return response.status, json.loads(response.body) if response.body else {}


def test_two_sides_meet_over_http() -> None:
    sessions = RelaySessions()
    meeting = TICKET.hex()
    status, a = ask(sessions, meeting)
    assert (status, a["side"]) == (201, "a")
    status, b = ask(sessions, meeting)
    assert (status, b["side"], b["id"]) == (201, "b", a["id"])
    assert a["token"] != b["token"]
    assert ask(sessions, meeting)[0] == 403
    assert ask(sessions, "xyz")[0] == 400
    assert ask(sessions, bytes(16).hex(), ticket="")[0] == 401
    sessions.push(a["id"], "a", a["token"], 0, b"hello", 1000.0)
    assert sessions.pull(b["id"], "b", b["token"], 0, 1000.0) == b"hello"
    sessions.close(a["id"], "a", a["token"], 1000.0)
    status, again = ask(sessions, meeting)
    assert (status, again["side"]) == (201, "a")
    assert again["id"] != a["id"]
