"""Webcam: who dials and who produces are two things; through the reflector producer and viewer exchange frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulator.wire import reflector, webcam
from emulator.wire.context import ServerContext
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation, Talk, join

TAG = bytes(range(8))
TID = "00112233445566ff"
HERE = Endpoint("192.0.2.1", 80)
FRAME = bytes.fromhex("18004001f00001000400000 04d4c32300d0c0b0ae8030000".replace(" ", "")) + bytes(4)


def context(push: Callable[[bytes], None] = lambda data: None, hang_up: Callable[[], None] = lambda: None) -> Any:
    return ServerContext(
        observed=HERE,
        local=HERE,
        second=HERE,
        relay=HERE,
        relay_key=b"",
        entropy=bytes,
        now=lambda: 0.0,
        push=push,
        hang_up=hang_up,
    )


def test_the_one_who_listens_may_be_the_one_who_shows() -> None:
    taken: list[webcam.Frame] = []

    def viewing() -> Talk[None]:
        yield from webcam.dial(TAG)
        for _ in range(4):
            taken.append((yield from webcam.read_frame()))

    def showing() -> Talk[None]:
        yield from webcam.listen(TAG)
        yield from webcam.produce(webcam.frames(TAG))

    near, far = Conversation(viewing()), Conversation(showing())
    join(near, far)
    assert near.done
    assert taken == webcam.frames(TAG)


def test_another_ones_greeting_is_not_let_in() -> None:
    far = Conversation(webcam.listen(bytes(8)))
    far.start()
    assert far.feed(b"recipientid=150&sessionid=9123\r\n\r\n") == b""
    assert far.error is not None


class Leg:
    """A client of the reflector, given as raw bytes."""

    def __init__(self, reflector: reflector.Reflector) -> None:
        self.heard = b""
        self.hung_up = False
        self.far: Conversation[Any] = Conversation(reflector.server(context(self.push, self.hang_up)))
        self.heard += self.far.start()

    def push(self, data: bytes) -> None:
        self.heard += data

    def hang_up(self) -> None:
        self.hung_up = True

    def say(self, data: bytes) -> bytes:
        self.heard += self.far.feed(data)
        heard, self.heard = self.heard, b""
        return heard


def test_producer_and_viewer_exchange_frames_and_credits() -> None:
    there = reflector.Reflector()
    show, view = Leg(there), Leg(there)
    assert show.say(b"PROD %s TSP/1.0\r\n\r\n" % TID.encode()) == b"TSP/1.0 200 OK\r\n\r\n"
    assert view.say(b"VIEW %s TSP/1.0\r\n\r\n" % TID.encode()) == b"TSP/1.0 200 OK\r\n\r\nCONNECTED\r\n\r\n"
    assert show.say(b"CONNECTED\r\n\r\n") == b"CONNECTED\r\n\r\n"
    assert view.say(b"CONNECTED\r\n\r\n") == b""
    for _ in range(3):
        assert show.say(FRAME) == b""
        assert view.say(b"\xd2\x04\0\0") == FRAME
        assert show.say(b"") == b"\xd2\x04\0\0"
    view.far.end()
    assert show.hung_up


def test_a_producer_that_is_not_paid_is_cut_off_and_credits_for_nothing_too() -> None:
    there = reflector.Reflector()
    show, view = Leg(there), Leg(there)
    show.say(b"PROD %s TSP/1.0\r\n\r\n" % TID.encode())
    view.say(b"VIEW %s TSP/1.0\r\n\r\n" % TID.encode())
    show.say(b"CONNECTED\r\n\r\n" + FRAME * 17)
    assert show.far.error is not None
    third = Leg(there)
    third.say(b"VIEW %s TSP/1.0\r\n\r\n" % TID.encode())
    assert third.far.error is not None
    view.say(b"CONNECTED\r\n\r\n" + b"\xd2\x04\0\0" * 18)
    assert view.far.error is not None
