"""Lines, numbers and the names of people, as clients write them and as nobody should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.wire.errors import WireError
from emulator.wire.msnp import principals
from emulator.wire.msnp.lines import FROM_CLIENT, Command, number, read
from emulator.wire.msnp.principals import Principal
from emulator.wire.talk import Conversation

GUID = "44bfd5a4-7450-4bda-ba3a-c51b3031126d"


@pytest.mark.parametrize(
    ("token", "principal"),
    [
        ("bob@example.com", Principal("bob@example.com")),
        ("1:bob@example.com", Principal("bob@example.com", 1)),
        ("32:zed@yahoo.example", Principal("zed@yahoo.example", 32)),
        (f"bob@example.com;{{{GUID.upper()}}}", Principal("bob@example.com", 0, GUID)),
        (f"1:bob@example.com;{{{GUID}}}", Principal("bob@example.com", 1, GUID)),
        ("bob@example.com;{x}", Principal("bob@example.com")),
        ("tel:+15551234", Principal("tel:+15551234")),
        ("", Principal("")),
    ],
)
def test_people_and_their_places(token, principal):
    assert principals.read(token) == principal


@given(st.text(max_size=40))
def test_any_token_names_somebody(token):
    found = principals.read(token)
    assert ";" not in found.address


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("0012", 12), ("", None), ("-1", None), ("²", None), ("٣", None), ("9" * 11, None)]
)
def test_only_decimal_digits_are_numbers(text, value):
    assert number(text) == value


@pytest.mark.parametrize(
    "line",
    [
        b"UUX 1 " + b"9" * 5000 + b"\r\n",
        "QRY 1 x ²\r\n".encode()[:-2] + b"\xff\r\n",
        b"\r\n\r\n",
        b"png\r\n",
        b"X" * 8200,
    ],
)
def test_lines_that_nobody_should_write_are_refused(line):
    conversation = Conversation(read(FROM_CLIENT))
    conversation.start()
    conversation.feed(line)
    assert isinstance(conversation.error, WireError)


def test_the_first_byte_is_noticed():
    seen: list[int] = []
    conversation = Conversation(read(FROM_CLIENT, lambda: seen.append(1)))
    conversation.start()
    assert seen == []
    conversation.feed(b"P")
    assert seen == [1]
    conversation.feed(b"NG\r\n")
    assert conversation.result == Command("PNG")
    assert seen == [1]


@given(st.binary(max_size=60), st.integers(1, 60))
def test_a_command_reads_the_same_however_it_is_cut(payload, cut):
    raw = b"UUX 7 %d\r\n%s" % (len(payload), payload)
    conversation = Conversation(read(FROM_CLIENT))
    conversation.start()
    for start in range(0, len(raw), cut):
        conversation.feed(raw[start : start + cut])
    assert conversation.result == Command("UUX", ("7", str(len(payload))), payload)
