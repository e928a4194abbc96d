"""Ports that a listener of the survey holds, on which a transfer awaits its peer: the AuthCookie tells them apart."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from emulator.client.direct_ways import Guest
from emulator.client.legacy_file_line import Line
from emulator.client.shared_ports import QUIET, SharedDoor, SharedPorts
from emulator.wire import msnftp, tags
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation

HERE, PEER, STRANGER = "203.0.113.20", "192.0.2.10", "192.0.2.66"
BOB = "bob@example.com"
COOKIE = 123456
TAG = bytes(range(16))
FILE = b"what was agreed on" * 300


class Port:
    """6891, which a listener holds, and the lines of the transfers whose guests came."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.shared = SharedPorts(self.clock.callLater)
        self.shared.held = lambda port: port == 6891
        self.lines: list[Line] = []

    def awaits(self, talk: Any, *, brings: bool = False) -> SharedDoor:
        def accept(stream: Any) -> None:
            self.lines.append(Line(stream, talk, self.clock.callLater, 30.0))

        door = self.shared.listen(
            HERE, accept, (6891, 6892), Guest(BOB, COOKIE, brings), admits=lambda address: address == PEER
        )
        assert door is not None
        return door

    def comes(self, talk: Any, address: str = PEER) -> Caller:
        return Caller(self, talk, address)


class Caller:
    """Somebody who connects there: both ends of the connection, byte by byte as they come."""

    def __init__(self, port: Port, talk: Any, address: str) -> None:
        context = ServerContext(
            observed=Endpoint(address, 40000),
            local=Endpoint(HERE, 6891),
            second=Endpoint(HERE, 0),
            relay=Endpoint(HERE, 0),
            relay_key=b"",
            entropy=bytes,
            now=lambda: 0.0,
            push=self._to_near,
            hang_up=self._hung_up,
        )
        self.closed = False
        self._waiting = bytearray()
        self.near: Conversation[Any] = Conversation(talk)
        self.far: Conversation[Any] = Conversation(port.shared.server(context))
        self._to_near(self.far.start())
        self._to_far(self.near.start())

    def _to_near(self, data: bytes) -> None:
        self._waiting += data

    def _hung_up(self) -> None:
        self.closed = True

    def _to_far(self, data: bytes) -> None:
        self._to_near(self.far.feed(data))
        self.turn()

    def turn(self) -> None:
        """Deliver what waits, and the answers."""
        while self._waiting and not self.near.finished:
            data, self._waiting = bytes(self._waiting), bytearray()
            out = self.near.feed(data)
            if out and not self.far.finished:
                self._to_near(self.far.feed(out))

    @property
    def sighted(self) -> list[str]:
        return [one.tag for one in self.far.sightings]


def surveying() -> Any:
    here = Endpoint(PEER, 40000)
    return msnftp.client(
        ClientContext(tag=TAG, host="", local=here, remote=here, relay_key=b"", entropy=bytes, now=lambda: 0.0)
    )


def test_who_says_the_cookie_gets_the_file() -> None:
    port = Port()
    port.awaits(msnftp.sending(FILE, BOB, COOKIE))
    caller = port.comes(msnftp.receiving(BOB, COOKIE, len(FILE)))
    assert caller.near.result == FILE
    assert caller.sighted == [COOKIE.to_bytes(4, "big").hex()]
    assert caller.closed
    assert port.lines[0].done.result == b""


@pytest.mark.parametrize("brings", [False, True])
def test_a_flow_of_the_survey_is_served_as_ever(brings: bool) -> None:
    port = Port()
    port.awaits(msnftp.receiving(BOB, COOKIE, 5) if brings else msnftp.sending(FILE, BOB, COOKIE), brings=brings)
    caller = port.comes(surveying())
    assert caller.near.result["bytes"] == msnftp.FILE_SIZE
    assert caller.sighted == [TAG.hex()]
    assert port.lines == []
    port.clock.advance(QUIET)
    assert port.lines == []


def test_a_wrong_cookie_is_turned_away_and_the_right_one_still_comes() -> None:
    port = Port()
    port.awaits(msnftp.sending(FILE, BOB, COOKIE))
    wrong = port.comes(msnftp.receiving(BOB, COOKIE + 1, len(FILE)))
    assert "no account of ours" in str(wrong.far.error)
    assert not wrong.near.finished
    assert port.comes(msnftp.receiving(BOB, COOKIE, len(FILE))).near.result == FILE


def test_the_right_cookie_with_another_account_is_not_the_guest() -> None:
    port = Port()
    port.awaits(msnftp.sending(FILE, BOB, COOKIE))
    caller = port.comes(msnftp.receiving("eve@example.com", COOKIE, len(FILE)))
    assert not caller.near.finished
    assert "not the receiver" in str(port.lines[0].known.result.value)
    port.lines[0].known.addErrback(lambda failure: None)
    port.lines[0].done.addErrback(lambda failure: None)


def test_who_brings_a_file_is_told_the_cookie_once_it_keeps_quiet() -> None:
    port = Port()
    port.awaits(msnftp.receiving(BOB, COOKIE, len(FILE)), brings=True)
    caller = port.comes(msnftp.sending(FILE, BOB, COOKIE, connects=True))
    port.clock.advance(QUIET * 0.9)
    assert port.lines == []
    port.clock.advance(QUIET * 0.1)
    caller.turn()
    assert port.lines[0].done.result == FILE
    assert caller.near.result == b""
    assert caller.sighted == [COOKIE.to_bytes(4, "big").hex()]


def test_a_quiet_stranger_is_told_nothing() -> None:
    port = Port()
    port.awaits(msnftp.receiving(BOB, COOKIE, len(FILE)), brings=True)
    caller = port.comes(msnftp.sending(FILE, BOB, COOKIE, connects=True), STRANGER)
    port.clock.advance(10 * QUIET)
    caller.turn()
    assert port.lines == []
    assert not caller.near.finished


def test_whoever_comes_when_the_door_is_shut_is_let_in_no_more() -> None:
    port = Port()
    door = port.awaits(msnftp.receiving(BOB, COOKIE, len(FILE)), brings=True)
    caller = port.comes(msnftp.sending(FILE, BOB, COOKIE, connects=True))
    door.close()
    port.clock.advance(QUIET)
    assert caller.closed
    assert port.lines == []
    assert not port.clock.getDelayedCalls()


def test_a_connection_that_is_lost_ends_the_transfer() -> None:
    port = Port()
    port.awaits(msnftp.receiving(BOB, COOKIE, len(FILE)), brings=True)
    caller = port.comes(msnftp.sending(FILE, BOB, COOKIE, connects=True))
    port.clock.advance(QUIET)
    caller.far.end()
    failed: list[Any] = []
    port.lines[0].done.addErrback(failed.append)
    port.lines[0].known.addErrback(lambda failure: None)
    assert "vanished after 0 bytes" in str(failed[0].value)


def test_one_guest_for_each_port_and_only_where_somebody_listens() -> None:
    port = Port()
    door = port.awaits(msnftp.sending(FILE, BOB, COOKIE))
    assert (door.address, door.port) == (HERE, 6891)
    other = Guest(BOB, COOKIE + 1)
    assert port.shared.listen(HERE, lambda stream: None, (6891, 6892), other) is None
    door.close()
    assert port.shared.listen(HERE, lambda stream: None, (6892, 6891), other) is not None


def test_the_account_of_a_survey_names_its_own_cookie() -> None:
    """So that no cookie of a survey is taken for that of a transfer but by a chance of one in 2^32."""
    line = msnftp.usr(tags.account(TAG), msnftp.cookie(TAG)).rstrip()
    assert msnftp.auth_cookie(line) == msnftp.cookie(TAG)
    assert msnftp.auth_cookie(b"USR bob 4294967296") is None
    assert msnftp.auth_cookie(b"TFR") is None
