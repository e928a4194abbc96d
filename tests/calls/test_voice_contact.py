"""The voice contact in a whole emulator: called through vp.sip inside TLS, and by an invitation of the older kind."""

from __future__ import annotations

import os
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator

import pytest

from tests.services.served import ADDRESS, Served, needs_root

pytestmark = needs_root
NEAR = "127.0.0.85"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = Served(tmp_path_factory.mktemp("voice"))
    yield running
    running.end_orderly()


def secured(port: int) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection((ADDRESS, port), timeout=5, source_address=(NEAR, 0))
    return context.wrap_socket(plain, server_hostname="vp.sip.messenger.msn.com")


def until(sock: ssl.SSLSocket, wanted: bytes) -> bytes:
    got = b""
    for _ in range(64):
        if wanted in got and got.count(b"\r\n\r\n"):
            return got
        got += sock.recv(4096)
    raise AssertionError(got)


def media_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((NEAR, 0))
    sock.settimeout(3)
    return sock


def silent_after(sock: socket.socket, most: int) -> bool:
    for _ in range(most):
        try:
            sock.recv(2048)
        except TimeoutError:
            return True
    return False


def register(tag: str) -> bytes:
    secret = b64encode(f"msmsgs:RPS_t=ML{tag}&p=".encode())
    return (
        b"REGISTER sip:example.test SIP/2.0\r\nv: SIP/2.0/TLS 192.0.2.10:50390\r\nMax-Forwards: 70\r\n"
        b'f: "0" <sip:alice@example.test>;tag=1a2b3c4d5e;epid=0a1b2c3d4e\r\nt: <sip:alice@example.test>\r\n'
        b"i: %s\r\nCSeq: 1 REGISTER\r\nm: <sip:192.0.2.10:50390;transport=tls>;proxy=replace\r\n"
        b"Authorization: Basic %s\r\nl: 0\r\n\r\n" % (tag.encode(), secret)
    )


def invite(to: bytes, port: int, address: str) -> bytes:
    body = (
        f"v=0\r\no=- 0 0 IN IP4 {address}\r\ns=session\r\nt=0 0\r\nm=audio {port} RTP/AVP 114 0 101\r\n"
        f"c=IN IP4 {address}\r\na=rtpmap:0 PCMU/8000\r\n"
    ).encode()
    return (
        b"INVITE sip:%s SIP/2.0\r\nv: SIP/2.0/TLS 192.0.2.10:50390\r\nMax-Forwards: 70\r\n"
        b'f: "0" <sip:alice@example.test>;tag=1a2b3c4d5f;epid=0a1b2c3d4e\r\nt: <sip:%s>\r\n'
        b"i: ffeeddccbbaa99887766554433221100\r\nCSeq: 1 INVITE\r\n"
        b'm: "0" <sip:alice@example.test:50390;maddr=192.0.2.10;transport=tls>;proxy=replace\r\n'
        b"Ms-Conversation-ID: f=0\r\nc: application/sdp\r\nl: %d\r\n\r\n%s" % (to, to, len(body), body)
    )


def within(method: bytes, number: int, to: bytes) -> bytes:
    return (
        b"%s sip:%s SIP/2.0\r\nv: SIP/2.0/TLS 192.0.2.10:50390\r\nMax-Forwards: 70\r\n"
        b'f: "0" <sip:alice@example.test>;tag=1a2b3c4d5f;epid=0a1b2c3d4e\r\nt: <sip:%s>;tag=x\r\n'
        b"i: ffeeddccbbaa99887766554433221100\r\nCSeq: %d %s\r\nl: 0\r\n\r\n" % (method, to, to, number, method)
    )


@pytest.mark.parametrize("port", [443, 5061])
def test_a_call_by_raw_bytes_has_media_until_its_end(served: Served, port: int) -> None:
    to = b"voice@example.com"
    with secured(port) as sip, media_socket() as media, media_socket() as stranger:
        sip.sendall(register(os.urandom(16).hex()))
        assert b"SIP/2.0 200 OK" in until(sip, b"CSeq: 1 REGISTER")
        sip.sendall(invite(to, media.getsockname()[1], NEAR))
        said = until(sip, b"a=rtpmap:0")
        assert re.findall(rb"SIP/2.0 (\d+)", said) == [b"100", b"180", b"200"]
        there = (ADDRESS, int(re.findall(rb"m=audio (\d+) RTP/AVP 0\r", said)[0]))
        sip.sendall(within(b"ACK", 1, to))
        first, source = media.recvfrom(2048)
        assert source == there
        assert (len(first), first[0], first[1] & 0x7F) == (172, 0x80, 0)
        second = media.recv(2048)
        assert int.from_bytes(second[4:8], "big") - int.from_bytes(first[4:8], "big") == 160
        # RTP of ours is counted, a stranger's is not: the sender report gets a report block of exactly these
        for number in range(10):
            packet = bytes((0x80, 0)) + number.to_bytes(2, "big") + bytes(4) + b"\x11\x22\x33\x44" + bytes(160)
            media.sendto(packet, there)
            stranger.sendto(packet.replace(b"\x11\x22\x33\x44", b"\x55\x55\x55\x55"), there)
        sip.sendall(within(b"BYE", 2, to))
        assert b"SIP/2.0 200 OK" in until(sip, b"CSeq: 2 BYE")
        media.settimeout(0.2)
        assert silent_after(media, 200)  # what was under way; then nothing


def test_media_never_go_to_an_address_that_only_the_description_names(served: Served) -> None:
    to = b"+14255550100@call.example.test;user=phone"
    with secured(5061) as sip, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim, media_socket() as mine:
        victim.bind(("127.0.0.86", 0))
        victim.settimeout(0.3)
        sip.sendall(invite(to, victim.getsockname()[1], "127.0.0.86"))
        said = until(sip, b"a=rtpmap:0")
        there = (ADDRESS, int(re.findall(rb"m=audio (\d+) RTP/AVP 0\r", said)[0]))
        sip.sendall(within(b"ACK", 1, to))
        with pytest.raises(TimeoutError):
            victim.recv(2048)
        mine.sendto(bytes((0x80, 0)) + bytes(170), there)  # from where the signalling came: here they go
        assert mine.recvfrom(2048)[1] == there


def test_wrong_tickets_unknown_people_and_garbage(served: Served) -> None:
    with secured(443) as sip:
        sip.sendall(register(os.urandom(16).hex()).replace(b"Basic ", b"Basic AAAA"))
        assert b"SIP/2.0 401 " in until(sip, b"CSeq: 1 REGISTER")
        sip.sendall(invite(b"nobody@example.com", 5004, NEAR))
        assert b"SIP/2.0 480 " in until(sip, b"CSeq: 1 INVITE")
        sip.sendall(within(b"ACK", 1, b"nobody@example.com") + within(b"BYE", 2, b"nobody@example.com"))
        assert b"SIP/2.0 481 " in until(sip, b"CSeq: 2 BYE")
        sip.sendall(b"NONSENSE\r\n\r\n")
        assert sip.recv(100) == b""
    assert served.process.poll() is None
