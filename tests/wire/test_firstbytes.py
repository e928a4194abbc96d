"""First bytes: genuine openings at every prefix length, neighbours that look alike, datagrams."""

from __future__ import annotations

import ssl

import pytest
from media_captures import (
    ask,
    client_context,
    exchange_rows,
    payloads,
    server_context,
    tag_of,
    transcript,
)

from emulator.wire.exchanges import DATAGRAM_CLIENTS, STREAM_CLIENTS
from emulator.wire.firstbytes import INSIDE_TLS, classify_datagram, classify_stream
from emulator.wire.talk import Conversation

ROWS = exchange_rows()


def hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="login.live.com")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def opening(exchange: str) -> bytes:
    tag = tag_of(ROWS[exchange]["tag"]["bits"])
    return Conversation(STREAM_CLIENTS[exchange](client_context(tag))).start()


NAMES = {exchange: exchange for exchange in STREAM_CLIENTS} | {"data-relay": "pseudo-tls", "sip-call": "sip"}
OPENINGS = [
    *((opening(exchange), name) for exchange, name in NAMES.items()),
    (transcript("dc_v1.pcap", 1119)[0][1], "p2p-direct"),
    (transcript("echo7001_tcp.pcap", 7001)[0][1], "echo-tcp"),
    (transcript("msnftp.pcap", 6891)[0][1], "msnftp"),
    (transcript("rdp.pcap", 3389)[0][1], "rdp"),
    (transcript("t120.pcap", 1503)[0][1], "t120"),
    (transcript("sharedsecret.pcap", 3478)[0][1], "shared-secret"),
    (transcript("sip5060.pcap", 5060)[0][1], "sip"),
    (transcript("turn443pseudo.pcap", 443)[0][1], "pseudo-tls"),
    (transcript("webcam_direct.pcap", 6891)[0][1], "webcam"),
    (transcript("webcam_reflector80.pcap", 80)[0][1], "reflector"),
    (transcript("sb_p2p.pcap", 1863)[0][1], "msnp"),
    (hello(), "tls"),
    (b"VER 1 MSNP15 CVR0\r\n", "msnp"),
    (b"VER 0 MSNP8 CVR0\r\n", "msnp"),
    (b"VER 4 MSNFTP\r\n", "msnftp"),
    (b"USR 1 bob@example.test 17262740.1050826919.32308\r\n", "msnp"),
    (b"ANS 1 bob@example.test 849102291.520491932 11752013\r\n", "msnp"),
    (b"PNG\r\n", "msnp"),
    (b"OUT\r\n", "msnp"),
    (b"CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 8.1.0178 msmsgs bob@example.test\r\n", "msnp"),
    (b"GET / HTTP/1.1\r\n", "http"),
    (b"PUT /x HTTP/1.1\r\n", "http"),
    (b"POST http://gateway.messenger.hotmail.com/gateway/gateway.dll?Action=open HTTP/1.1\r\n", "http"),
    (b"CONNECT login.live.com:443 HTTP/1.0\r\n", "http"),
    (b"CONNECT sip.example.test:443 HTTP/1.0\r\n", "http"),
    (b"PROPFIND /storage HTTP/1.1\r\n", "http"),
    (b"OPTIONS * HTTP/1.1\r\n", "http"),
    (b"OPTIONS /dav HTTP/1.1\r\n", "http"),
    (b"OPTIONS sip:call.example.test SIP/2.0\r\n", "sip"),
    (b"OPTIONS SIP:nm SIP/2.0\r\n", "sip"),
    (b"INVITE sips:bob@example.test SIP/2.0\r\n", "sip"),
    (b"NOTIFY /event HTTP/1.1\r\n", "http"),
    (b"ACL /dav HTTP/1.1\r\n", "http"),
    (b"VIEW 00112233 TSP/1.0\r\n\r\n", "reflector"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "unknown"),
    (b"EHLO example.test\r\n", "unknown"),
    (b"\x00" * 64, "unknown"),
    (b"\x16\x03\x01\x00\x2d\x02" + bytes(60), "unknown"),
    (b"\xff" * 64, "unknown"),
    (b"get / http/1.1\r\n", "unknown"),
]


@pytest.mark.parametrize(("data", "name"), OPENINGS, ids=lambda value: value if isinstance(value, str) else "")
def test_no_prefix_is_misjudged(data: bytes, name: str) -> None:
    assert classify_stream(data, inside_tls=False) == name
    for size in range(len(data)):
        assert classify_stream(data[:size], inside_tls=False) in (None, name), data[:size]


@pytest.mark.parametrize(("data", "name"), OPENINGS, ids=lambda value: value if isinstance(value, str) else "")
def test_inside_tls_only_what_belongs_there(data: bytes, name: str) -> None:
    expected = name if name in INSIDE_TLS else "unknown"
    assert classify_stream(data, inside_tls=True) == expected


def test_the_pseudo_hello_is_told_from_any_other_by_one_bit() -> None:
    constant = transcript("turn443pseudo.pcap", 443)[0][1]
    assert classify_stream(constant[:-1], inside_tls=False) is None
    for at in (11, 30, 49):
        other = constant[:at] + bytes((constant[at] ^ 1,)) + constant[at + 1 :]
        assert classify_stream(other, inside_tls=False) == "tls"


def test_nothing_is_known_of_nothing() -> None:
    assert classify_stream(b"", inside_tls=False) is None


@pytest.mark.parametrize("exchange", sorted(set(DATAGRAM_CLIENTS) - {"discard"}))
def test_datagrams_of_every_exchange(exchange: str) -> None:
    tag = tag_of(ROWS[exchange]["tag"]["bits"])
    _, _, lines = ask(DATAGRAM_CLIENTS[exchange](client_context(tag)), server_context())
    kinds = [classify_datagram(data, 5004) for who, data in lines if who == "c"]
    expected = {
        "echo-udp": ["echo"],
        "turn": ["turn", "turn"],
        "trudp": ["trudp"],
        "assist-udp": ["stun", "opaque"],
        "media-audio": ["stun", "rtp", "rtp", "rtp", "rtcp"],
        "media-video": ["stun", "rtp", "rtp", "rtp"],
        "media-legacy": ["rtp", "rtp", "rtp", "rtcp"],
        "media-call": ["rtp", "rtp", "rtp", "rtcp"],
    }
    assert kinds == expected[exchange]


def test_datagrams_of_the_vectors() -> None:
    assert [classify_datagram(data, 3478) for _, port, data in payloads("stun3489.pcap") if port == 3478] == [
        "stun"
    ] * 2
    turn = [classify_datagram(data, 3478) for _, port, data in payloads("msnturn.pcap") if port == 3478]
    assert turn == ["turn"] * 3
    assert [classify_datagram(data, port) for _, port, data in payloads("rtp_alone.pcap")] == ["rtp"] * 3 + ["rtcp"]
    assert [classify_datagram(data, port) for _, port, data in payloads("echo7001.pcap") if port == 9] == ["discard"]


def test_discard_and_unknown() -> None:
    assert classify_datagram(b"anything", 9) == "discard"
    assert classify_datagram(b"", 7001) == "discard"
    assert classify_datagram(b"hello", 7001) == "unknown"
    # An allocate without the dialect's cookie is nobody's.
    allocate = next(data for _, port, data in payloads("msnturn.pcap") if port == 3478)
    assert classify_datagram(allocate.replace(bytes.fromhex("72c64bc6"), bytes(4)), 3478) == "unknown"


@pytest.mark.parametrize("first", range(256))
def test_opaque_bytes_are_recognised_whatever_they_start_with(first: int) -> None:
    from emulator.wire.media import opaque

    assert classify_datagram(opaque(bytes((first, 200, 0, 7)) + bytes(12)), 50000) == "opaque"


@pytest.mark.parametrize("first", range(256))
def test_peer_datagrams_are_recognised_whatever_their_ids(first: int) -> None:
    from emulator.wire.trudp import question

    assert classify_datagram(question(bytes((first, 1)) + bytes((0, 52)) + bytes(4)), 50000) == "trudp"
