"""Random and mutated input into every talk: it ends done or with a WireError, and nothing else ever escapes."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_captures import ask, client_context, converse, exchange_rows, server_context, tag_of

from emulator.wire import clienthello, echo, firstbytes, mcs, media, p2p, rtp, slp, stun, trudp, turn
from emulator.wire.errors import WireError
from emulator.wire.exchanges import DATAGRAM_CLIENTS, STREAM_CLIENTS, STREAM_SERVERS, answer_datagram
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation
from emulator.wire.turn import Allocations

ROWS = exchange_rows()
KEYS = {"data-relay": "pseudo-tls", "sip-call": "sip"}
FEW = settings(max_examples=60, deadline=None)


def dialogue(exchange: str) -> tuple[bytes, bytes]:
    """Everything the client says, everything the server says."""
    tag = tag_of(ROWS[exchange]["tag"]["bits"])
    server = STREAM_SERVERS[KEYS.get(exchange, exchange)](server_context())
    _, _, lines = converse(STREAM_CLIENTS[exchange](client_context(tag)), server)
    return b"".join(d for who, d in lines if who == "c"), b"".join(d for who, d in lines if who == "s")


DIALOGUES = {exchange: dialogue(exchange) for exchange in STREAM_CLIENTS}


def ends(exchange: str, side: str, heard: bytes, piece: int) -> Conversation[object]:
    """One end that hears `heard` in pieces, then the end of the stream."""
    tag = tag_of(ROWS[exchange]["tag"]["bits"])
    conversation: Conversation[object]
    if side == "client":
        conversation = Conversation(STREAM_CLIENTS[exchange](client_context(tag)))
    else:
        conversation = Conversation(STREAM_SERVERS[KEYS.get(exchange, exchange)](server_context()))
    conversation.start()
    for at in range(0, len(heard), piece):
        conversation.feed(heard[at : at + piece])
    conversation.end()
    assert conversation.finished
    assert conversation.error is None or isinstance(conversation.error, WireError)
    return conversation


@st.composite
def mutated(draw: st.DrawFn, original: bytes) -> bytes:
    """Cut, changed, repeated or extended."""
    data = bytearray(original)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.sampled_from(["change", "cut", "insert", "repeat", "end"])):
            case "change" if data:
                data[at] = draw(st.integers(0, 255))
            case "cut":
                del data[at : at + draw(st.integers(1, 40))]
            case "insert":
                data[at:at] = draw(st.binary(max_size=40))
            case "repeat":
                data[at:at] = data[at : at + 60]
            case _:
                del data[at:]
    return bytes(data)


# pytest-twisted wraps the inner test of a @given once per parameter set, hence draws instead of parametrize here.
SIDES = st.sampled_from(["client", "server"])
EXCHANGES = st.sampled_from(sorted(STREAM_CLIENTS))


@settings(max_examples=700, deadline=None)
@given(data=st.data(), exchange=EXCHANGES, side=SIDES, piece=st.sampled_from([1 << 20, 5]))
def test_mutated_streams(data: st.DataObject, exchange: str, side: str, piece: int) -> None:
    original = DIALOGUES[exchange][0 if side == "server" else 1]
    ends(exchange, side, data.draw(mutated(original)), piece)


@settings(max_examples=400, deadline=None)
@given(noise=st.binary(max_size=300), exchange=EXCHANGES, side=SIDES)
def test_noise(noise: bytes, exchange: str, side: str) -> None:
    ended = ends(exchange, side, noise, 1 << 20)
    if side == "client":
        assert ended.error is not None


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("exchange", STREAM_CLIENTS)
def test_a_stream_cut_anywhere_ends(exchange: str, side: str) -> None:
    original = DIALOGUES[exchange][0 if side == "server" else 1]
    step = max(1, len(original) // 150)
    for at in range(0, len(original), step):
        ended = ends(exchange, side, original[:at], 1 << 20)
        if side == "client":
            assert ended.error is not None, f"the client is content with {at} of {len(original)} bytes"


@settings(max_examples=300, deadline=None)
@given(data=st.data(), exchange=st.sampled_from(sorted(set(DATAGRAM_CLIENTS) - {"discard"})))
def test_mutated_datagrams(data: st.DataObject, exchange: str) -> None:
    tag = tag_of(ROWS[exchange]["tag"]["bits"])
    _, _, lines = ask(DATAGRAM_CLIENTS[exchange](client_context(tag)), server_context())
    original = data.draw(st.sampled_from([line for who, line in lines if who == "c"]))
    question = data.draw(mutated(original))
    answered = answer_datagram(question, server_context(), Allocations())
    for reply in answered.replies if answered else ():
        assert len(reply.data) <= len(question) or answered.protocol == "stun"
    # The client's side: its own answers, changed; it must recognise, refuse or ignore them.
    talk = DATAGRAM_CLIENTS[exchange](client_context(tag))
    answers = [line for who, line in lines if who == "s"]
    try:
        effect = next(talk)
        for answer in answers:
            reply = data.draw(mutated(answer))
            effect = talk.send(reply if effect.match(reply) else answer)
    except (WireError, StopIteration):
        pass


@settings(max_examples=400, deadline=None)
@given(noise=st.binary(max_size=120), port=st.sampled_from([9, 5004, 7001, 30478]))
def test_datagram_noise(noise: bytes, port: int) -> None:
    answered = answer_datagram(noise, server_context(local=Endpoint("203.0.113.1", port)), Allocations())
    assert (answered is None) == (firstbytes.classify_datagram(noise, port) == "unknown")
    for talk in (echo.answer, media.answer, trudp.answer):
        talk(noise, server_context())
    turn.answer(noise, server_context(), Allocations())


DECODERS = (
    echo.unpack,
    stun.decode,
    rtp.unpack,
    rtp.unpack_report,
    p2p.unpack,
    slp.decode,
    mcs.unpack_initial,
    mcs.unpack_response,
    mcs.unpack_sent,
)


@settings(max_examples=300, deadline=None)
@given(noise=st.binary(max_size=200))
def test_decoders(noise: bytes) -> None:
    for decode in DECODERS:
        with suppress(WireError):
            decode(noise)


@settings(max_examples=300, deadline=None)
@given(noise=st.binary(max_size=200))
def test_client_hello_never_raises(noise: bytes) -> None:
    clienthello.client_hello(noise)
    clienthello.client_hello(b"\x16\x03\x01" + len(noise).to_bytes(2, "big") + noise)
    clienthello.client_hello(
        b"\x16\x03\x01" + (len(noise) + 4).to_bytes(2, "big") + b"\x01" + len(noise).to_bytes(3, "big") + noise
    )


@settings(max_examples=300, deadline=None)
@given(noise=st.binary(max_size=200), inside=st.booleans())
def test_classification_is_stable_and_always_decides(noise: bytes, inside: bool) -> None:
    decided = None
    for size in range(1, len(noise) + 1):
        verdict = firstbytes.classify_stream(noise[:size], inside_tls=inside)
        assert decided is None or verdict == decided, "more bytes changed the answer"
        decided = verdict
    if len(noise) >= 64:
        assert decided is not None


@FEW
@given(
    value=st.builds(
        slp.Slp,
        start=st.sampled_from(["INVITE", "BYE", "200 OK", "603 Decline"]),
        to=st.just("a@example.test"),
        sender=st.just("b@example.test"),
        branch=st.just("{0}"),
        call_id=st.just("{1}"),
        content_type=st.sampled_from([slp.SESSION_REQUEST, slp.SESSION_CLOSE]),
        body=st.lists(
            st.tuples(st.from_regex(r"[A-Za-z-]{1,12}", fullmatch=True), st.from_regex(r"[!-~]{0,30}", fullmatch=True)),
            max_size=5,
        ).map(tuple),
        sequence=st.integers(0, 9),
    )
)
def test_slp_round_trip(value: slp.Slp) -> None:
    assert slp.decode(slp.encode(value)) == value
