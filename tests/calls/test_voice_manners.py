"""The voice contact with the emulator's phone: the older invitation names a listener, and SIP by UUN brings media."""

from __future__ import annotations

import re
import socket
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest_twisted
from calling import FAR, NEAR, phone_on
from twisted.internet import reactor, threads

from emulator.client.board import Heard
from emulator.services.contacts.voice import PhoneOf, Voice
from emulator.services.phone import Phone
from emulator.wire.msnp import message as mime

INVITE = (Path(__file__).parents[1] / "vectors" / "sip-invite.txt").read_bytes()
INVITATION = (
    b"MIME-Version: 1.0\r\nContent-Type: text/x-msmsgsinvite; charset=UTF-8\r\n\r\n"
    b"Application-Name: an audio conversation\r\nApplication-GUID: {02D3C01F-BF30-4825-A83A-DE7AF41648AA}\r\n"
    b"Session-Protocol: SM1\r\nContext-Data: Requested:SIP_A,;Capabilities:SIP_A,SIP_V,;\r\n"
    b"Invitation-Command: INVITE\r\nInvitation-Cookie: 33267\r\n"
    b"Session-ID: {11111111-2222-3333-4444-555555555555}\r\nConn-Type: Direct-Connect\r\nSip-Capability: 1\r\n\r\n"
)


class Contact:
    """What manners need of a contact, with everything it says written down."""

    def __init__(self, phone: Phone, seen: str) -> None:
        self.address = "voice@example.com"
        self.face = b""
        self.portrait: Any = None
        self.network = self.messenger = self
        self.phone = PhoneOf(phone, lambda account: frozenset((seen,)))
        self.handed: list[bytes] = []
        self.posted: list[bytes] = []

    def spawn(self, work: Any) -> None:
        """Nothing is under way."""

    def uun(self, to: str, kind: int, payload: bytes) -> None:
        self.handed.append(payload)

    def post(self, payload: bytes) -> None:
        self.posted.append(payload)


def heard() -> Heard:
    return Heard("alice@example.com", mime.read(INVITATION))


def call(host: str, port: int) -> tuple[list[bytes], int]:
    """A client of 2003: INVITE, ACK, media, BYE, over UDP; the statuses that came, and packets of media."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sip,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media,
    ):
        for sock in (sip, media):
            sock.bind((NEAR, 0))
            sock.settimeout(3)
        body = b"v=0\r\nc=IN IP4 %s\r\nm=audio %d RTP/AVP 0\r\n" % (NEAR.encode(), media.getsockname()[1])
        head = (
            b"%%s sip:%s:%d SIP/2.0\r\nVia: SIP/2.0/UDP %s:%d\r\nFrom: <sip:a@x>;tag=1\r\n"
            b"To: <sip:b@x>\r\nCall-ID: c1\r\n"
            b"CSeq: %%d %%s\r\nContent-Length: %%d\r\n\r\n%%s"
            % (host.encode(), port, NEAR.encode(), sip.getsockname()[1])
        )
        there, said = (host, port), []
        for _ in range(2):  # the first one might have been lost: it is repeated, and not a second call
            sip.sendto(head % (b"INVITE", 1, b"INVITE", len(body), body), there)
        while b"200" not in said:
            said.append(re.match(rb"SIP/2.0 (\d+)", sip.recv(4096))[1])  # type: ignore[index]
        sip.sendto(head % (b"ACK", 1, b"ACK", 0, b""), there)
        packets = [media.recv(2048) for _ in range(5)]
        sip.sendto(head % (b"BYE", 2, b"BYE", 0, b""), there)
        for _ in range(8):
            if b"CSeq: 2 BYE" in sip.recv(4096):
                return said, len({packet[2:4] for packet in packets})
    raise AssertionError("BYE was not answered")


@pytest_twisted.ensureDeferred
async def test_an_invitation_of_the_older_kind_leads_to_a_call() -> None:
    with phone_on(reactor) as phone:
        contact = Contact(phone, NEAR)
        Voice(contact).heard(contact, None, heard())  # type: ignore[arg-type]
        (accepted,) = contact.posted
        where = re.search(rb"IP-Address: ([0-9.]+):(\d+)\r\nIP-Address-Enc64: (\S+)", accepted)
        assert where is not None
        assert b64decode(where[3]) == where[1] + b":" + where[2]
        said, packets = await threads.deferToThread(call, where[1].decode(), int(where[2]))
        assert (said[:3], packets) == ([b"100", b"180", b"200"], 5)
        assert not phone.lines


@pytest_twisted.ensureDeferred
async def test_the_listener_hears_nobody_but_the_inviter() -> None:
    with phone_on(reactor) as phone:
        contact = Contact(phone, "127.0.0.99")
        Voice(contact).heard(contact, None, heard())  # type: ignore[arg-type]
        where = re.search(rb"IP-Address: ([0-9.]+):(\d+)", contact.posted[0])
        assert where is not None

        def knock() -> bool:
            try:
                call(where[1].decode(), int(where[2]))
            except TimeoutError:
                return False
            return True

        assert not await threads.deferToThread(knock)
        assert not phone.lines


@pytest_twisted.ensureDeferred
async def test_sip_by_way_of_the_notification_server_brings_media() -> None:
    with phone_on(reactor) as phone:
        contact = Contact(phone, NEAR)
        voice = Voice(contact)
        voice.handed("alice@example.com", 2, INVITE)
        assert [one.split(b"\r\n")[0] for one in contact.handed] == [
            b"SIP/2.0 100 Trying",
            b"SIP/2.0 180 Ringing",
            b"SIP/2.0 200 OK",
        ]
        assert re.search(rb"m=audio 3?\d+ RTP/AVP 8\r\n", contact.handed[-1])
        assert b"a=candidate:" in contact.handed[-1]
        assert FAR.encode() in contact.handed[-1]
        assert len(phone.lines) == 1
        bye = INVITE.partition(b"\r\n\r\n")[0].replace(b"INVITE", b"BYE").replace(b"1 BYE", b"2 BYE")
        voice.handed("alice@example.com", 2, bye.replace(b"l: 603", b"l: 0") + b"\r\n\r\n")
        assert contact.handed[-1].startswith(b"SIP/2.0 200 OK")
        assert not phone.lines
        voice.handed("alice@example.com", 2, b"INVITE 203.0.113.20 vp.sip.messenger.msn.com")
        assert len(contact.handed) == 4
