"""Lives over the HTTP gateway, in the manner of six programs (clients.md 7), against one who signs in directly."""

from __future__ import annotations

import time

import pytest
import web
from lines import connect
from over_http import MANNERS, Gateway, open_gateway
from people import go_online, sign_in, sign_off, take_call, talk_both_ways
from running import Running, needs_root

pytestmark = needs_root


@pytest.mark.parametrize("family", MANNERS)
def test_a_life_over_the_gateway(there: Running, pair: tuple[str, str], family: str) -> None:
    """Sign in, see somebody come, call him, be called, talk both ways, leave with Session=close."""
    one, other = pair
    wire = open_gateway(there.address, family)
    sign_in(there.address, one, wire=wire, family="libpurple")
    go_online(wire)
    friend, _ = sign_in(there.address, other)
    go_online(friend)
    wire.wait(f"NLN NLN {other} ")
    words = wire.ask("XFR 30 SB", "XFR 30 SB").split(" ")
    assert words[-1] == "0", "the flag that sends clients to the gateway for the switchboard as well"
    board = open_gateway(there.address, family, "SB", words[3].partition(":")[0])
    board.ask(f"USR 1 {one} {words[5]}", f"USR 1 OK {one}")
    board.ask(f"CAL 2 {other}", "CAL 2 RINGING")
    seat = take_call(friend, other, one)
    board.wait(f"JOI {other} ")
    talk_both_ways(board, seat, one, other)
    seat.say("OUT")
    board.wait(f"BYE {other}")
    board.say("OUT")
    assert board.closed
    wire.say("OUT")
    assert wire.closed
    friend.wait(f"FLN {one}")
    sign_off(friend)
    for gateway in (wire, board):
        gateway.hang_up()
    seat.close()


def test_a_call_is_answered_over_the_gateway(there: Running, pair: tuple[str, str]) -> None:
    one, other = pair
    wire = open_gateway(there.address, "emesene")
    sign_in(there.address, one, wire=wire)
    go_online(wire)
    caller, _ = sign_in(there.address, other)
    go_online(caller)
    words = caller.ask("XFR 30 SB", "XFR 30 SB").split(" ")
    board = connect(there.address)
    board.ask(f"USR 1 {other} {words[5]}", "USR 1 OK")
    board.ask(f"CAL 2 {one}", "CAL 2 RINGING")
    rung = wire.wait("RNG ").split(" ")
    assert rung[-1] == "0"
    seat = open_gateway(there.address, "emesene", "SB", rung[2].partition(":")[0])
    seat.ask(f"ANS 1 {one} {rung[4]} {rung[1]}", f"IRO 1 1 1 {other}")
    board.wait(f"JOI {one}")
    talk_both_ways(seat, board, one, other)
    for gateway in (seat, wire):
        gateway.say("OUT")
        gateway.hang_up()
    board.close()
    sign_off(caller)


def test_a_held_poll_answers_when_there_is_news(there: Running, pair: tuple[str, str]) -> None:
    """Without held polls a transfer over the switchboard waits seconds for each acknowledgement (clients.md 7)."""
    one, other = pair
    wire = open_gateway(there.address, "bitlbee")
    sign_in(there.address, one, wire=wire)
    go_online(wire)
    friend, _ = sign_in(there.address, other)
    before = wire.requests
    started = time.monotonic()
    friend.say("CHG 5 NLN 0 0")
    wire.wait(f"NLN NLN {other} ")
    assert time.monotonic() - started < 4, "the answer came with the end of the poll"
    assert wire.requests - before <= 3
    wire.say("OUT")
    wire.hang_up()
    sign_off(friend)


def test_commands_split_over_two_requests_are_one(there: Running, pair: tuple[str, str]) -> None:
    """And two sessions at once do not see each other's bytes (http.md 12)."""
    first, second = (open_gateway(there.address, "papyon") for _ in range(2))
    for wire in (first, second):
        wire.send(b"VER 1 MSN")
        wire.send(b"P15 CVR0\r\nCVR 2 0x0409 winnt 5.1 i386 MSNM")
    assert first.wait("VER 1") == "VER 1 MSNP15"
    second.send(b"SGR 8.1.0178 msmsgs " + pair[1].encode() + b"\r\n")
    first.send(b"SGR 8.5.1302 msmsgs " + pair[0].encode() + b"\r\n")
    assert "8.5.1302" in first.wait("CVR 2")
    assert "8.1.0178" in second.wait("CVR 2")
    for wire in (first, second):
        wire.say("OUT")
        wire.hang_up()


def test_sessions_that_are_over_or_unknown_are_400(there: Running) -> None:
    wire = open_gateway(there.address, "papyon")
    wire.say("OUT")
    assert wire.closed
    for query in ("SessionID=1.1", f"Action=poll&SessionID={wire._session}"):
        answer = web.once(
            there.address, web.request("POST", f"/gateway/gateway.dll?{query}", "gateway.messenger.hotmail.com")
        )
        assert answer.status == 400
    wire.hang_up()


def test_the_profile_over_the_gateway_names_no_port(there: Running, pair: tuple[str, str]) -> None:
    wire = open_gateway(there.address, "amsn")
    sign_in(there.address, pair[0], wire=wire)
    assert b"\r\nClientPort: 0\r\n" in wire.payload
    assert isinstance(wire, Gateway)
    wire.say("OUT")
    wire.hang_up()
