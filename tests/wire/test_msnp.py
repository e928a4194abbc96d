"""MSNP both ends back to back, and the published transcripts."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.wire import tags
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.msnp import notification, switchboard
from emulator.wire.msnp.lines import FROM_CLIENT, FROM_SERVER, read
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation, join

TAG = bytes(range(16))
VECTORS = Path(__file__).parent.parent / "vectors"


def far(**changes: object) -> ServerContext:
    fields: dict[str, object] = {
        "observed": Endpoint("192.0.2.10", 50321),
        "local": Endpoint("203.0.113.20", 1863),
        "second": Endpoint("203.0.113.9", 7001),
        "relay": Endpoint("203.0.113.8", 30478),
        "relay_key": b"k" * 16,
        "entropy": lambda count: bytes(range(64, 64 + count)),
        "now": lambda: 1181040434.0,
    }
    return ServerContext(**(fields | changes))


def near() -> ClientContext:
    return ClientContext(
        tag=TAG,
        host="messenger.hotmail.com",
        local=Endpoint("192.0.2.10", 50321),
        remote=Endpoint("203.0.113.20", 1863),
        relay_key=b"k" * 16,
        entropy=lambda count: bytes(count),
        now=lambda: 0.0,
    )


@pytest.mark.parametrize("client", [notification.client, notification.call_client, notification.folders_client])
def test_a_session_runs_to_its_end_and_carries_the_tag(client):
    one, other = Conversation(client(near())), Conversation(notification.server(far()))
    join(one, other)
    assert one.error is None
    assert other.error is None
    assert one.done
    assert other.done
    assert {sighting.tag for sighting in other.sightings} == {TAG.hex()}


def test_the_profile_tells_where_the_client_was_seen():
    one, other = Conversation(notification.client(near())), Conversation(notification.server(far()))
    join(one, other)
    assert one.result == {"client_ip": "192.0.2.10", "client_port": "37316", "dialect": "MSNP15"}


@pytest.mark.parametrize("client", [switchboard.file_client, switchboard.game_client])
def test_the_switchboard_acknowledges_every_chunk(client):
    cookie = switchboard.cookie(b"k" * 16, tags.account(TAG))
    one, other = Conversation(client(near(), cookie)), Conversation(notification.server(far()))
    join(one, other)
    assert one.error is None
    assert one.done
    assert other.sightings[0].tag == TAG.hex()


def test_a_file_invitation_needs_two_chunks():
    cookie = switchboard.cookie(b"k" * 16, tags.account(TAG))
    one = Conversation(switchboard.file_client(near(), cookie))
    join(one, Conversation(notification.server(far())))
    assert one.result is not None
    assert one.result["chunks"] == 2


def test_a_wrong_cookie_is_refused():
    one = Conversation(switchboard.file_client(near(), "1.2.3"))
    join(one, Conversation(notification.server(far())))
    assert "911" in str(one.error)


def test_the_transfer_names_switchboard_and_cookie():
    one = Conversation(notification.transfer_client(near()))
    join(one, Conversation(notification.server(far())))
    assert one.result == ("203.0.113.20:1863", switchboard.cookie(b"k" * 16, tags.account(TAG)))


def test_policy_checksum_is_the_published_one():
    assert b'checksum="94A347C122C483F8BEAD525832DB2F71"' in notification.policies()


def test_nonce_has_the_length_that_clients_hard_code():
    server = Conversation(notification.server(far()))
    server.start()
    out = server.feed(b"VER 1 MSNP15 CVR0\r\nUSR 2 SSO I alice@example.com\r\n")
    assert out.rstrip().endswith(b"MBI_KEY_OLD QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl9gYWJjZGVmZ2hpamtsbW5v")


def test_an_unknown_dialect_is_refused_with_zero():
    server = Conversation(notification.server(far()))
    server.start()
    assert server.feed(b"VER 1 MSNP21 CVR0\r\n") == b"VER 1 0\r\n"
    assert server.done


@pytest.mark.parametrize(
    "opening",
    [
        b"HELO x\r\n",
        b"CHG 1 NLN\r\n",
        b"VER 1 MSNP15 CVR0\r\nXFR 2 SB\r\n",
        b"VER 1 MSNP15 CVR0\r\nUUX 2 70000\r\n",
        b"A" * 9000,
    ],
)
def test_input_against_the_protocol_ends_the_session(opening):
    server = Conversation(notification.server(far()))
    server.start()
    server.feed(opening)
    assert server.error is not None


def test_published_payloads_read_back_whole():
    rows = json.loads((VECTORS / "msnp-payloads.json").read_text())
    assert len(rows) > 10
    for row in rows:
        payload = base64.b64decode(row["payload_b64"])
        direction = FROM_SERVER if row["dir"] == "S" else FROM_CLIENT
        conversation = Conversation(read(direction))
        conversation.start()
        conversation.feed(row["line"].encode() + b"\r\n" + payload)
        assert conversation.result is not None, row["line"]
        assert conversation.result.payload == payload, row["line"]
        assert conversation.unread == b""


@given(st.binary(max_size=400))
def test_any_bytes_end_in_done_error_or_waiting_for_more(data):
    server = Conversation(notification.server(far()))
    server.start()
    server.feed(data)
    server.end()
    assert server.finished


@given(st.lists(st.sampled_from([b"VER 1 MSNP15 CVR0\r\n", b"CVR 2 a b c d e f g h\r\n", b"PNG\r\n", b"OUT\r\n"])))
def test_commands_in_any_order_never_escape(commands):
    conversation = Conversation(read(FROM_CLIENT))
    conversation.start()
    conversation.feed(b"".join(commands))
    conversation.end()
    assert conversation.finished
