"""Conversations: effects, limits, waiting for something else than bytes."""

from __future__ import annotations

import pytest

from emulator.wire import http
from emulator.wire.errors import WireError
from emulator.wire.talk import Await, Conversation, Exactly, Peek, Send, Some, Talk, Until, join


def greet() -> Talk[bytes]:
    yield Send(b"hello\r\n")
    line = yield Until(b"\r\n", 20)
    return line + (yield Exactly(3))


def test_bytes_may_arrive_in_any_pieces():
    for size in range(1, 9):
        conversation = Conversation(greet())
        assert conversation.start() == b"hello\r\n"
        data = b"world\r\nabcrest"
        for at in range(0, len(data), size):
            conversation.feed(data[at : at + size])
        assert conversation.result == b"world\r\nabc"
        assert conversation.unread == b"rest"


@pytest.mark.parametrize("data", [b"x" * 30, b"short"])
def test_too_long_or_too_short_is_an_error(data):
    conversation = Conversation(greet())
    conversation.start()
    conversation.feed(data)
    conversation.end()
    assert isinstance(conversation.error, WireError)


def test_peeking_consumes_nothing():
    def talk() -> Talk[tuple[bytes, bytes]]:
        return (yield Peek(2)), (yield Some())

    conversation = Conversation(talk())
    conversation.start()
    conversation.feed(b"ab")
    assert conversation.result == (b"ab", b"ab")


def test_unread_bytes_are_limited():
    conversation = Conversation(greet(), buffer_limit=10)
    conversation.start()
    conversation.feed(b"x" * 11)
    assert conversation.error is not None


@pytest.mark.parametrize("at_once", [True, False])
def test_waiting_for_something_else(at_once):
    waiting = []
    written = []

    def start(happened) -> None:
        happened() if at_once else waiting.append(happened)

    def talk() -> Talk[bytes]:
        yield Send(b"before ")
        yield Await(start)
        yield Send(b"after ")
        return (yield Exactly(2))

    conversation = Conversation(talk(), output=written.append)
    first = conversation.start()
    if at_once:
        assert first == b"before after "
    else:
        assert first == b"before "
        assert conversation.feed(b"x") == b""  # waits its turn
        waiting[0]()
        waiting[0]()  # a second call says nothing
        assert written == [b"after "]
    conversation.feed(b"y" if not at_once else b"xy")
    assert conversation.result == b"xy"


def test_an_http_handler_may_answer_later():
    waiting = []
    written = []
    handler = lambda request: http.Later(waiting.append)  # noqa: E731
    server = Conversation(http.server(handler), output=written.append)
    client = Conversation(http.client(http.Request("GET", "/", (("Host", "c.msn.com"),))))
    server.start()
    assert server.feed(client.start()) == b""
    waiting[0](http.Answered(http.Response(200, (), b"at last")))
    client.feed(written[0])
    assert client.result is not None
    assert client.result.body == b"at last"


def test_two_conversations_that_never_end_are_stopped():
    def parrot() -> Talk[None]:
        while True:
            yield Send((yield Some()) or b"x")

    def opener() -> Talk[None]:
        yield Send(b"x")
        yield from parrot()

    with pytest.raises(WireError, match="rounds"):
        join(Conversation(opener()), Conversation(parrot()), rounds=50)
