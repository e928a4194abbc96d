"""Messages in peer datagrams of our own form (emulated TRUDP): one by one, acknowledged, never answered at length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_captures import ask, client_context, server_context, tag_of

from emulator.wire import firstbytes, trudp
from emulator.wire.errors import WireError

TAG = tag_of(64)
HEAD = trudp.FRAME + 48


def test_every_message_is_acknowledged_by_its_number() -> None:
    messages = [b"x", b"y" * 500, b"z" * trudp.PAYLOAD]
    facts, seen, lines = ask(trudp.client(client_context(TAG), messages), server_context())
    assert facts == {"local_id": TAG[:4].hex(), "remote_id": TAG[4:].hex()}
    assert [answered.tag for answered in seen] == [TAG.hex()] * 3
    asked = [data for end, data in lines if end == "c"]
    answers = [data for end, data in lines if end == "s"]
    assert [data[HEAD:] for data in asked] == messages
    assert [int.from_bytes(data[8:12], "little") for data in asked] == [1, 2, 3]
    assert [int.from_bytes(data[12:16], "little") for data in answers] == [1, 2, 3]
    assert [data[:8] for data in answers] == [TAG[4:] + TAG[:4]] * 3
    assert all(len(answer) < len(question) for question, answer in zip(asked, answers, strict=True))
    assert {firstbytes.classify_datagram(data, 50000) for data in asked} == {"trudp"}


@pytest.mark.parametrize(
    ("payload", "sequence"), [(b"", 1), (b"x" * (trudp.PAYLOAD + 1), 1), (b"x", 0), (b"x", trudp.MESSAGES + 1)]
)
def test_what_does_not_fit_is_not_sent(payload: bytes, sequence: int) -> None:
    with pytest.raises(WireError, match="message"):
        trudp.question(TAG, payload, sequence)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: data[:HEAD],
        lambda data: data[:8] + bytes(4) + data[12:],
        lambda data: data[:8] + (trudp.MESSAGES + 1).to_bytes(4, "little") + data[12:],
        lambda data: data[:12] + b"\x01" + data[13:],
        lambda data: data[:16] + b"\x02" + data[17:],
        lambda data: data[:HEAD] + b"x" * (trudp.PAYLOAD + 1),
    ],
)
def test_what_is_no_question_gets_no_answer(change) -> None:
    assert trudp.answer(change(trudp.question(TAG, b"hello")), server_context()) is None


@given(st.binary(max_size=1400))
def test_noise_is_never_answered_at_length(data: bytes) -> None:
    answered = trudp.answer(data, server_context())
    assert answered is None or len(answered.replies[0].data) <= len(data)
