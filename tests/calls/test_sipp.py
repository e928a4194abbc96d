"""sipp, which we did not write, registers, calls, holds media both ways and hangs up: over UDP and over TCP."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from base64 import b64encode
from pathlib import Path

import pytest
import pytest_twisted
from calling import FAR, NEAR, phone_on
from twisted.internet import reactor, threads

from emulator.catalog import load
from emulator.pki import Authority, TlsContexts
from emulator.services.journal import Journal
from emulator.services.phone_listener import PhoneListener
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


@pytest_twisted.ensureDeferred
async def test_over_tcp_and_a_call_to_nobody(tmp_path: Path) -> None:
    journal = Journal(time.time)
    with phone_on(reactor, journal) as phone:
        names = ("echo.edge.messenger.live.com", "relay.voice.messenger.msn.com", "second", "peer")
        there = Surroundings(
            addresses=dict.fromkeys(names, FAR),
            relay_port=3478,
            echo_port=7001,
            relay_key=b"",
            now=time.time,
            entropy=os.urandom,
        )
        tls = TlsContexts(Authority.create(tmp_path / "certs", load(), time.time())).server_context()
        factory = FarEndFactory(reactor, journal, {"sip": phone.stream}, there, tls)
        port = reactor.listenTCP(0, factory, interface=FAR)  # type: ignore[attr-defined]
        target = f"{FAR}:{port.getHost().port}"
        try:
            tag = await threads.deferToThread(sipp, tmp_path, REGISTER + CALL, target, "-t", "t1")
            assert media(journal)["received"] >= 25
            receipts, _ = journal.since(0)
            assert (tag, "REGISTER") in {(seen.tag, seen.facts.get("method")) for one in receipts for seen in one.seen}
            await threads.deferToThread(sipp, tmp_path, CANCELLED, target, "-t", "t1")
        finally:
            await port.stopListening()
            for one in tuple(there.connections):
                one.stop()
