"""Every media exchange, client against server, held against the catalog's row for it."""

from __future__ import annotations

import pytest
from media_captures import (
    NEAR,
    RELAY,
    SECOND,
    ask,
    client_context,
    converse,
    exchange_rows,
    server_context,
    tag_of,
)

from emulator.wire import echo, media, rtp, tags
from emulator.wire.errors import WireError
from emulator.wire.exchanges import DATAGRAM_CLIENTS, STREAM_CLIENTS, STREAM_SERVERS, answer_datagram
from emulator.wire.firstbytes import classify_stream
from emulator.wire.talk import Conversation, join
from emulator.wire.turn import Allocations

ROWS = exchange_rows()
ELSEWHERE = {"http", "msnp"}


def serving(opening: bytes) -> str:
    name = classify_stream(opening, inside_tls=False)
    assert name is not None
    return name


def opening_of(exchange: str) -> bytes:
    return Conversation(STREAM_CLIENTS[exchange](client_context(tag_of(ROWS[exchange]["tag"]["bits"])))).start()


def test_the_registry_holds_every_media_exchange_of_the_catalog() -> None:
    served = {
        id
        for id, row in ROWS.items()
        if row["service"]
        in {
            "echo",
            "sip",
            "shared-secret",
            "turn",
            "data-relay",
            "reflector",
            "webcam",
            "p2p-direct",
            "trudp",
            "msnftp",
            "t120",
            "rdp",
            "media",
        }
    }
    assert set(STREAM_CLIENTS) | set(DATAGRAM_CLIENTS) == served
    assert {ROWS[id]["transport"] for id in STREAM_CLIENTS} == {"tcp"}
    assert {ROWS[id]["transport"] for id in DATAGRAM_CLIENTS} == {"udp"}


@pytest.mark.parametrize("piece", [1 << 20, 1, 7])
@pytest.mark.parametrize("exchange", STREAM_CLIENTS)
def test_a_stream_exchange_runs_to_its_end(exchange: str, piece: int) -> None:
    row = ROWS[exchange]["tag"]
    tag = tag_of(row["bits"])
    far = STREAM_SERVERS[serving(opening_of(exchange))]
    near, other, lines = converse(STREAM_CLIENTS[exchange](client_context(tag)), far(server_context()), piece=piece)
    assert near.error is None
    assert other.error is None
    assert near.done
    assert other.done
    assert near.result
    assert (near.unread, other.unread) == (b"", b"")
    assert [(sight.protocol, sight.tag) for sight in other.sightings] == [(row["protocol"], tag.hex())]
    assert lines[0][0] == "c"


@pytest.mark.parametrize("exchange", STREAM_CLIENTS)
def test_two_flows_differ_on_the_wire_beyond_the_first_bytes(exchange: str) -> None:
    bits = ROWS[exchange]["tag"]["bits"]
    far = STREAM_SERVERS[serving(opening_of(exchange))]
    transcripts = [
        converse(STREAM_CLIENTS[exchange](client_context(tag)), far(server_context()))[2]
        for tag in (tag_of(bits), bytes(bits // 8 - 1) + b"\x07")
    ]
    for who in "cs" if exchange not in {"webcam", "reflector", "t120", "rdp"} else "c":
        one, other = (b"".join(data for end, data in lines if end == who) for lines in transcripts)
        assert one != other


@pytest.mark.parametrize("exchange", STREAM_CLIENTS)
def test_join_agrees(exchange: str) -> None:
    tag = tag_of(ROWS[exchange]["tag"]["bits"])
    near = Conversation(STREAM_CLIENTS[exchange](client_context(tag)))
    other = Conversation(STREAM_SERVERS[serving(opening_of(exchange))](server_context()))
    join(near, other)
    assert near.done
    assert [sight.tag for sight in other.sightings] == [tag.hex()]


@pytest.mark.parametrize("exchange", STREAM_CLIENTS)
def test_every_changed_byte_of_an_answer_is_noticed_or_carries_nothing(exchange: str) -> None:
    """Flip one bit in each byte that the server sends: the client fails, or reports another address or identifier."""
    tag = tag_of(ROWS[exchange]["tag"]["bits"])
    far = STREAM_SERVERS[serving(opening_of(exchange))]
    good, _, lines = converse(STREAM_CLIENTS[exchange](client_context(tag)), far(server_context()))
    answers = b"".join(data for who, data in lines if who == "s")
    missed = []
    for at in range(len(answers)):
        changed = answers[:at] + bytes((answers[at] ^ 1,)) + answers[at + 1 :]
        near = Conversation(STREAM_CLIENTS[exchange](client_context(tag)))
        near.start()
        near.feed(changed)
        if near.done and near.result == good.result:
            missed.append(at)
    free = {
        "p2p-direct": 3 * 4,  # the listener's own identifiers
        "data-relay": 4,  # the same in its acknowledgement
        "shared-secret": 4 + 16,  # reserved bytes; the nonce, which the second request brings back to its maker
        "sip-call": 5 + 2,
        "sip": 5 + 2,  # To tag of OPTIONS; the name of an empty Content-Length
        "t120": 2,
        "rdp": 3,  # source reference of the X.224 confirm, flags of the negotiation
    }
    assert len(missed) <= free.get(exchange, 0), missed


@pytest.mark.parametrize("exchange", DATAGRAM_CLIENTS)
def test_a_datagram_exchange_runs_to_its_end(exchange: str) -> None:
    row = ROWS[exchange]["tag"]
    tag = tag_of(row["bits"] or 32)
    facts, seen, lines = ask(DATAGRAM_CLIENTS[exchange](client_context(tag)), server_context())
    assert facts
    if row["bits"]:
        assert (seen[0].protocol, seen[0].tag) == (row["protocol"], tag.hex())
    for answered, data in zip(seen, [data for who, data in lines if who == "c"], strict=True):
        if answered.protocol != "stun":
            assert all(len(reply.data) <= len(data) for reply in answered.replies)


def test_addresses_are_reported_as_the_far_end_saw_them() -> None:
    tag = tag_of(128)
    for exchange in ("shared-secret", "data-relay", "sip"):
        near, _, _ = converse(
            STREAM_CLIENTS[exchange](client_context(tag)),
            STREAM_SERVERS[serving(opening_of(exchange))](server_context()),
        )
        assert near.result
        if exchange == "shared-secret":
            assert near.result["relay"] == [RELAY.address, RELAY.port]
        else:
            assert near.result["mapped"] == [NEAR.address, NEAR.port]
    for exchange in ("turn", "media-audio", "media-video", "assist-udp"):
        facts, _, _ = ask(DATAGRAM_CLIENTS[exchange](client_context(tag)), server_context())
        assert facts["mapped"] == [NEAR.address, NEAR.port]
        assert "rewritten" not in facts


def test_a_gateway_that_rewrites_addresses_in_payloads_is_noticed() -> None:
    plain = bytes((0, 1)) + NEAR.port.to_bytes(2, "big") + bytes((198, 51, 100, 7))
    rewritten = bytes((0, 1)) + b"\x11\x11" + bytes((10, 0, 0, 9))
    talk = media.audio_client(client_context(tag_of(128)))
    answered = media.answer(next(talk).data, server_context())
    assert answered
    assert plain in answered.replies[0].data
    with pytest.raises(WireError, match="MESSAGE-INTEGRITY"):
        talk.send(answered.replies[0].data.replace(plain, rewritten))
    # Without integrity (assist) the same rewriting passes the checks and becomes a fact.
    talk = media.assist_client(client_context(tag_of(128)))
    question = next(talk)
    answered = media.answer(question.data, server_context())
    assert answered
    reply = answered.replies[0].data.replace(plain, rewritten)
    opaque = talk.send(reply)
    done = media.answer(opaque.data, server_context())
    assert done
    with pytest.raises(StopIteration) as stop:
        talk.send(done.replies[0].data)
    assert stop.value.value["mapped"] == ["10.0.0.9", 0x1111]
    assert stop.value.value["rewritten"] == [NEAR.address, NEAR.port]


def test_network_detection_in_its_three_steps() -> None:
    tag = tag_of(32)
    near = client_context(tag)
    far = server_context(local=SECOND)
    first, _, _ = ask(echo.udp_client(near), far)
    assert first["mapped"] == [NEAR.address, NEAR.port]
    assert first["second"] == [SECOND.address, SECOND.port]
    sent, seen, lines = ask(echo.discard_client(near), far)
    assert (seen[0].protocol, lines) == ("discard", [("c", b"")])
    assert sent
    crossed, seen, _ = ask(echo.udp_second(near, bytes.fromhex(first["answer"])), far)
    assert crossed == {"second_answered": True}
    assert [reply.source for reply in seen[0].replies] == ["second"]


def test_the_joiner_can_compute_the_ssrc_of_a_flow() -> None:
    for exchange, bits in (("media-audio", 128), ("media-video", 128), ("media-legacy", 32), ("media-call", 32)):
        tag = tag_of(bits)
        facts, seen, _ = ask(DATAGRAM_CLIENTS[exchange](client_context(tag)), server_context())
        ssrc = f"{rtp.ssrc_of(tag):08x}"
        assert facts["ssrc"] == ssrc
        assert {answered.tag for answered in seen if answered.protocol == "rtp"} == {ssrc}
    assert rtp.ssrc_of(tag_of(32)) == int.from_bytes(tag_of(32), "big")


@pytest.mark.parametrize("exchange", ["media-audio", "media-video", "media-legacy", "assist-udp", "trudp", "echo-udp"])
def test_an_answer_is_never_answered_so_that_two_far_ends_cannot_be_set_upon_each_other(exchange: str) -> None:
    tag = tag_of(ROWS[exchange]["tag"]["bits"])
    _, seen, _ = ask(DATAGRAM_CLIENTS[exchange](client_context(tag)), server_context())
    for answered in seen:
        for reply in answered.replies:
            again = answer_datagram(reply.data, server_context(), Allocations())
            assert again is None or again.replies == ()


def test_sip_account_and_ticket_carry_the_tag() -> None:
    tag = tag_of(128)
    near, _, lines = converse(STREAM_CLIENTS["sip"](client_context(tag)), STREAM_SERVERS["sip"](server_context()))
    assert near.result
    assert tags.from_account(str(near.result["account"])) == tag.hex()
    assert f"i: {tag.hex()}\r\n".encode() in lines[0][1]
