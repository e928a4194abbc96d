"""Dialects, presence, lists and the ticket response, against the published transcripts and vectors."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.wire import sso
from emulator.wire.errors import WireError
from emulator.wire.msnp import lists, presence
from emulator.wire.msnp.dialects import DIALECTS, choose

SECRET = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY"
NONCE = "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl9gYWJjZGVmZ2hpamtsbW5v"
RESPONSE = (
    "HAAAAAEAAAADZgAABIAAAAgAAAAUAAAASAAAAAARIjNEVWZ3BSWcDMONDXuoJ0M0/sRH/CJaXooneZVjo7cMUqJIfOa6"
    "+6ms5Wi3WiRNno3OmSTnNB/kAlG0DUsg76RrRT+JbOABPIKjKK53X4gUYh7Ljvmt89Os8mB4wckXRBI="
)


def test_the_ticket_response_is_the_published_one():
    assert sso.response(SECRET, NONCE, bytes.fromhex("0011223344556677")) == RESPONSE
    assert sso.verify(RESPONSE, SECRET, NONCE)


@pytest.mark.parametrize("change", ["hash", "header", "short", "nonce", "text"])
def test_every_published_negative_is_refused(change):
    raw = bytearray(base64.b64decode(RESPONSE))
    nonce = NONCE
    match change:
        case "hash":
            raw[40] ^= 0x10
        case "header":
            raw[8] = 0x04
        case "short":
            raw = raw[:127]
        case "nonce":
            nonce = NONCE[::-1]
    blob = "not base64!" if change == "text" else base64.b64encode(bytes(raw)).decode()
    assert not sso.verify(blob, SECRET, nonce)


def test_a_secret_of_the_wrong_size_is_an_error():
    with pytest.raises(WireError, match="24"):
        sso.response("AAAA", NONCE, bytes(8))


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("MSNP15", "MSNP14", "MSNP13", "CVR0"), "MSNP15"),
        (("MSNP18", "MSNP17", "MSNP16", "MSNP15", "CVR0"), "MSNP18"),
        (("MSNP21", "MSNP20", "MSNP19", "MSNP18", "CVR0"), "MSNP18"),
        (("MSNP8", "CVR0"), "MSNP8"),
        (("MSNP7", "MSNP6", "CVR0"), "MSNP7"),
        (("MSNP12", "MSNP11", "MSNP10", "CVR0"), "MSNP12"),
    ],
)
def test_the_newest_common_dialect_is_chosen(offered, chosen):
    assert choose(offered) is DIALECTS[chosen]


def test_nothing_in_common_is_refused():
    assert choose(("MSNP21", "MSNP19", "CVR0")) is None


BOB = presence.Shown("bob@example.com", "BSY", "Bob B", 1985855532, 0, "0")


@pytest.mark.parametrize(
    ("dialect", "line"),
    [
        ("MSNP8", b"ILN 12 BSY bob@example.com Bob%20B 1985855532\r\n"),
        ("MSNP9", b"ILN 12 BSY bob@example.com Bob%20B 1985855532\r\n"),
        ("MSNP13", b"ILN 12 BSY bob@example.com Bob%20B 1985855532\r\n"),
        ("MSNP15", b"ILN 12 BSY bob@example.com 1 Bob%20B 1985855532 0\r\n"),
        ("MSNP16", b"ILN 12 BSY bob@example.com 1 Bob%20B 1985855532:0 0\r\n"),
        ("MSNP18", b"NLN BSY 1:bob@example.com Bob%20B 1985855532:0 0\r\n"),
    ],
)
def test_initial_presence_by_dialect(dialect, line):
    assert presence.initial(DIALECTS[dialect], "12", BOB) == line


@pytest.mark.parametrize(
    ("dialect", "line"),
    [
        ("MSNP8", b"FLN bob@example.com\r\n"),
        ("MSNP15", b"FLN bob@example.com 1\r\n"),
        ("MSNP16", b"FLN bob@example.com 1 0:0\r\n"),
        ("MSNP18", b"FLN 1:bob@example.com 0:0\r\n"),
    ],
)
def test_leaving_by_dialect(dialect, line):
    assert presence.offline(DIALECTS[dialect], "bob@example.com") == line


@pytest.mark.parametrize(
    ("dialect", "line"),
    [
        ("MSNP13", b"UBX bob@example.com 2\r\nhi"),
        ("MSNP15", b"UBX bob@example.com 1 2\r\nhi"),
        ("MSNP18", b"UBX 1:bob@example.com 2\r\nhi"),
    ],
)
def test_personal_message_by_dialect(dialect, line):
    assert presence.personal(DIALECTS[dialect], "bob@example.com", b"hi") == line


@pytest.mark.parametrize(
    ("text", "words"),
    [("", (0, 0)), ("2147778596:0", (2147778596, 0)), ("28", (28, 0)), ("1:2", (1, 2)), ("x", (0, 0))],
)
def test_capabilities_in_every_form_that_clients_send(text, words):
    assert presence.read_capabilities(text) == words


def test_the_published_initial_list_reads():
    payload = (
        b'<ml l="1"><d n="example.com"><c n="bob" l="3" t="1"/><c n="carol" l="5" t="1"/></d>'
        b'<d n="example.net"><c n="dave" l="2" t="1"/></d></ml>'
    )
    items, initial = lists.read(payload)
    assert initial
    assert [(item.address, item.bits) for item in items] == [
        ("bob@example.com", 3),
        ("carol@example.com", 5),
        ("dave@example.net", 2),
    ]


def test_an_empty_initial_list_is_legal_and_required_to_get_online():
    assert lists.read(b'<ml l="1"></ml>') == ((), True)


@pytest.mark.parametrize(
    ("payload", "number"),
    [
        (b"<ml></ml>", 240),
        (b'<ml><d n="x.y"></d></ml>', 240),
        (b'<ml><d><c n="a" l="1" t="1"/></d></ml>', 241),
        (b"<ml><d", 241),
        (b'<ml><d n="x.y"><c n="a" l="1" t="256"/></d></ml>', 204),
        (b'<ml><d n="x.y"><c n="a" l="8" t="1"/></d></ml>', 241),
        (b'<!DOCTYPE ml [<!ENTITY a "b">]><ml>&a;</ml>', 241),
    ],
)
def test_bad_lists_get_the_protocol_s_own_numbers(payload, number):
    with pytest.raises(lists.ListError) as caught:
        lists.read(payload)
    assert caught.value.number == number


def test_the_server_s_push_is_written_as_published():
    item = lists.Item("eve@example.com", 8, 1, "Eve%20E")
    assert lists.write((item,)) == b'<ml><d n="example.com"><c n="eve" t="1" l="8" f="Eve%20E"/></d></ml>'


@given(st.binary(max_size=300))
def test_any_payload_reads_or_is_refused(data):
    try:
        lists.read(data)
    except lists.ListError as error:
        refused = error.number
    else:
        refused = 241
    assert refused in (204, 240, 241)
