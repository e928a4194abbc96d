"""sipp, which we did not write, registers, calls, holds media both ways and hangs up: over UDP, TCP and TLS 5061.

Debian's sipp has no TLS: socat, which we did not write either, stands between, and checks our certificate.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_twisted
from calling import FAR, NEAR, phone_on
from twisted.internet import reactor, threads

from emulator.catalog import load
from emulator.pki import Authority, TlsContexts
from emulator.services.journal import Journal
from emulator.services.phone import Phone
from emulator.services.phone_listener import PhoneListener
from emulator.services.registrar import People
from emulator.services.stream import FarEndFactory
from emulator.services.surroundings import Surroundings

pytestmark = pytest.mark.skipif(shutil.which("sipp") is None, reason="needs sipp (package sip-tester)")

VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\nMax-Forwards: 70\n"
REGISTER = f"""<send retrans="500"><![CDATA[

REGISTER sip:example.com SIP/2.0
{VIA}From: <sip:carol@example.com>;tag=r[call_number]
To: <sip:carol@example.com>
Call-ID: [call_id]
CSeq: 1 REGISTER
Contact: <sip:carol@[local_ip]:[local_port]>
Authorization: Basic {{secret}}
Content-Length: 0

]]></send>
<recv response="200"/>
"""
DIGEST = REGISTER.replace("\nAuthorization: Basic {secret}", "").replace(
    '<recv response="200"/>', '<recv response="401" auth="true"/>'
) + REGISTER.replace("Authorization: Basic {secret}", "[authentication]").replace("CSeq: 1", "CSeq: 2")
CALL = f"""<send retrans="500"><![CDATA[

INVITE sip:voice@example.com SIP/2.0
{VIA}From: <sip:carol@example.com>;tag=c[call_number]
To: <sip:voice@example.com>
Call-ID: [call_id]
CSeq: 2 INVITE
Contact: <sip:carol@[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000

]]></send>
<recv response="100" optional="true"/>
<recv response="180" optional="true"/>
<recv response="200" rtd="true" rrs="true"/>
<send><![CDATA[

ACK [next_url] SIP/2.0
{VIA}From: <sip:carol@example.com>;tag=c[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 2 ACK
Content-Length: 0

]]></send>
<pause milliseconds="600"/>
<send retrans="500"><![CDATA[

BYE [next_url] SIP/2.0
{VIA}From: <sip:carol@example.com>;tag=c[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 3 BYE
Content-Length: 0

]]></send>
<recv response="200"/>
"""
CANCELLED = CALL.partition("<recv")[0].replace("voice@", "nobody@") + (
    '<recv response="480"/>\n<send><![CDATA[\n\nACK sip:nobody@example.com SIP/2.0\n[last_Via:]\n[last_From:]\n'
    "[last_To:]\nCall-ID: [call_id]\nCSeq: 2 ACK\nContent-Length: 0\n\n]]></send>\n"
)


def sipp(place: Path, scenario: str, target: str, *more: str) -> str:
    """Runs one call; the exit code is 0 only when every message came as the scenario has it."""
    tag = os.urandom(16).hex()
    secret = b64encode(f"msmsgs:RPS_t=ML{tag}&p=".encode()).decode()
    text = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="call">\n'
    (place / "call.xml").write_text(text + scenario.replace("{secret}", secret) + "</scenario>\n")
    argv = ["sipp", target, "-sf", str(place / "call.xml"), "-m", "1", "-i", NEAR, "-mi", NEAR, "-mp", "42000"]
    argv += ["-cid_str", tag, "-rtp_echo", "-nostdin", "-timeout", "10s", "-timeout_error", *more]
    done = subprocess.run(argv, cwd=place, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, f"sipp said {done.returncode}: {done.stdout[-2500:]}{done.stderr[-800:]}"
    return tag


def media(journal: Journal) -> dict[str, int]:
    receipts, _ = journal.since(0)
    found = [one.facts["media"] for one in receipts if one.transport == "udp" and "media" in one.facts]
    assert found, receipts
    return found[0]


@pytest_twisted.ensureDeferred
async def test_over_udp_to_a_temporary_listener(tmp_path: Path) -> None:
    journal = Journal(time.time)
    with phone_on(reactor, journal) as phone:
        listener = PhoneListener(phone, [NEAR])
        target = f"{FAR}:{listener.address.port}"
        await threads.deferToThread(sipp, tmp_path, REGISTER + CALL, target, "-t", "u1")
        assert not phone.lines
        assert media(journal)["sent"] >= 25
        assert media(journal)["received"] >= 25  # sipp heard ours, and sent it back
        assert media(journal)["lost"] == 0


class Carol(People):
    """One account with a password."""

    def password(self, account: str) -> str:
        return "opal-Kite7" if account == "carol@example.com" else ""


class Served:
    """The phone behind the first bytes of a port, as the emulator has it: in clear, or inside TLS."""

    def __init__(self, place: Path, phone: Phone, journal: Journal, number: int = 0) -> None:
        names = ("echo.edge.messenger.live.com", "relay.voice.messenger.msn.com", "second", "peer")
        self._there = Surroundings(
            addresses=dict.fromkeys(names, FAR),
            relay_port=3478,
            echo_port=7001,
            relay_key=b"",
            now=time.time,
            entropy=os.urandom,
        )
        authority = Authority.create(place / "certs", load(), time.time())
        self.root = place / "root.pem"
        self.root.write_bytes(authority.root_pem)
        tls = TlsContexts(authority).server_context()
        factory = FarEndFactory(reactor, journal, {"sip": phone.stream}, self._there, tls)
        self._port = reactor.listenTCP(number, factory, interface=FAR)  # type: ignore[attr-defined]
        self.number = self._port.getHost().port

    async def close(self) -> None:
        await self._port.stopListening()
        for one in tuple(self._there.connections):
            one.stop()


@pytest_twisted.ensureDeferred
async def test_over_tcp_and_a_call_to_nobody(tmp_path: Path) -> None:
    journal = Journal(time.time)
    with phone_on(reactor, journal) as phone:
        served = Served(tmp_path, phone, journal)
        target = f"{FAR}:{served.number}"
        try:
            tag = await threads.deferToThread(sipp, tmp_path, REGISTER + CALL, target, "-t", "t1")
            assert media(journal)["received"] >= 25
            receipts, _ = journal.since(0)
            assert (tag, "REGISTER") in {(seen.tag, seen.facts.get("method")) for one in receipts for seen in one.seen}
            await threads.deferToThread(sipp, tmp_path, CANCELLED, target, "-t", "t1")
        finally:
            await served.close()


@pytest_twisted.ensureDeferred
async def test_by_digest(tmp_path: Path) -> None:
    journal = Journal(time.time)
    with phone_on(reactor, journal, Carol()) as phone:
        served = Served(tmp_path, phone, journal)
        target, who = f"{FAR}:{served.number}", ("-au", "carol@example.com")
        try:
            await threads.deferToThread(sipp, tmp_path, DIGEST + CALL, target, "-t", "t1", *who, "-ap", "opal-Kite7")
            with pytest.raises(AssertionError, match="Unauthorized"):
                await threads.deferToThread(sipp, tmp_path, DIGEST, target, "-t", "t1", *who, "-ap", "opal-Kite8")
        finally:
            await served.close()


@pytest.mark.skipif(shutil.which("socat") is None, reason="needs socat")
@pytest_twisted.ensureDeferred
async def test_inside_tls_5061(tmp_path: Path) -> None:
    journal = Journal(time.time)
    with phone_on(reactor, journal) as phone:
        served = Served(tmp_path, phone, journal, 5061)
        try:
            with tunnel(served) as clear:
                tag = await threads.deferToThread(sipp, tmp_path, REGISTER + CALL, f"{NEAR}:{clear}", "-t", "t1")
            receipts, _ = journal.since(0)
            (one,) = [receipt for receipt in receipts if tag in {seen.tag for seen in receipt.seen}]
            assert one.tls is not None
            assert one.tls.sni == "vp.sip.messenger.msn.com"
            assert media(journal)["received"] >= 25
            assert media(journal)["lost"] == 0
            assert not phone.lines
        finally:
            await served.close()


@contextmanager
def tunnel(served: Served) -> Iterator[int]:
    """A port of ours whose connections go on inside TLS, to a certificate that must be the call service's."""
    name = "vp.sip.messenger.msn.com"
    checks = f"cafile={served.root},commonname={name},snihost={name},bind={NEAR}"
    argv = ["socat", "-d", "-d", f"TCP-LISTEN:0,bind={NEAR},reuseaddr,fork"]
    argv.append(f"OPENSSL:{FAR}:{served.number},{checks}")
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as socat:
        try:
            assert socat.stderr is not None
            said = next(row for row in socat.stderr if "listening on" in row)
            found = re.search(r":([0-9]+)$", said.strip())
            assert found is not None, said
            yield int(found[1])
        finally:
            socat.terminate()
