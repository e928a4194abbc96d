"""Golden evidence in, verdict out: at least one for every row of the table, so that no row is dead or unknown."""

from __future__ import annotations

import msgspec
import pytest
from flows_made import (
    ANSWER,
    QUESTION,
    TAG,
    THERE,
    accepted,
    digest,
    evidence,
    flow,
    half_open,
    near,
    pair,
    receipt,
    udp,
    udp_receipt,
)

from emulator.judge.classify import TABLE, classify
from emulator.judge.evidence import Evidence
from emulator.judge.observation import Certificate, IcmpError
from emulator.judge.verdicts import VERDICTS
from emulator.wire.receipt import Endpoint, Seen, TlsFacts

PROXY = "http://192.0.2.1:3128"
FOREIGN = Certificate("CN=login.live.com", "CN=Corporate Inspection", "00" * 32, trusted=False, matches=True)
OURS = Certificate("CN=login.live.com", "CN=lab", "11" * 32, trusted=True, matches=True)
HELLO = "cd" * 32
ICMP = IcmpError(3, 13, "192.0.2.1")
PAGE = b"HTTP/1.1 403 Forbidden\r\n\r\n<html>Blocked by policy</html>"

web = flow(exchange="rst", tls=True, port=443)
plain = flow(exchange="config", port=80)
proxied = flow(exchange="config", port=80, via=PROXY)
tunnelled = flow(exchange="rst", port=443, tls=True, via=PROXY)
via_header = Seen(
    "http", TAG, 0.5, {"headers": [["Host", "x"], ["Via", "1.1 squid"]]}, digest(QUESTION), digest(ANSWER)
)

# row of the table, verdict, certainty, evidence
GOLDEN: list[tuple[str, str, str, Evidence]] = [
    ("own fault", "error", "confirmed", evidence(near("connect", "own-fault"))),
    ("cancelled", "error", "confirmed", evidence(near("exchange", "cancelled"), receipt())),
    ("not started", "not-tested", "open", evidence(near("wait", "not-started"))),
    ("name does not exist", "dns.nxdomain", "confirmed", evidence(near("wait", "name", facts={"dns": "nxdomain"}))),
    ("name refused", "dns.refused", "confirmed", evidence(near("wait", "name", facts={"dns": "refused"}))),
    ("resolver silent", "dns.timeout", "confirmed", evidence(near("wait", "name", facts={"dns": "timeout"}))),
    ("name redirected", "dns.redirected", "confirmed", evidence(near("wait", "name", facts={"dns": "redirected"}))),
    (
        "proxy wants credentials",
        "proxy.auth-required",
        "confirmed",
        evidence(near("exchange", "proxy-status", proxy_status=407), of=proxied),
    ),
    (
        "transparent proxy wants credentials",
        "proxy.intercepted",
        "confirmed",
        evidence(near("exchange", "differs", http_status=407), of=plain),
    ),
    (
        "proxy refuses the tunnel",
        "proxy.connect-denied",
        "confirmed",
        evidence(near("proxy", "proxy-status", proxy_status=403), of=tunnelled),
    ),
    (
        "proxy forbids",
        "proxy.denied",
        "confirmed",
        evidence(near("exchange", "proxy-status", proxy_status=403), of=proxied),
    ),
    (
        "proxy fails",
        "proxy.error",
        "confirmed",
        evidence(near("exchange", "proxy-status", proxy_status=503), of=proxied),
    ),
    ("proxy fails", "proxy.error", "confirmed", evidence(near("connect", "proxy-failed"), of=proxied)),
    ("proxy hangs up", "proxy.error", "likely", evidence(near("proxy", "reset"), of=tunnelled)),
    ("proxy hangs up", "proxy.error", "likely", evidence(near("proxy", "closed"), of=tunnelled)),
    ("one too many", "unknown", "open", evidence(near("connect", "silence", facts={"crowd": "full"}))),
    ("many at once", "unknown", "open", evidence(near("connect", "silence", facts={"crowd": "limit"}))),
    (
        "SYN arrived, answer lost",
        "blocked.drop.return",
        "confirmed",
        evidence(near("connect", "silence", facts={"crowd": "full"}), half_open()),
    ),
    ("icmp", "blocked.icmp", "confirmed", evidence(near("connect", "icmp", icmp=ICMP))),
    ("icmp", "blocked.icmp", "confirmed", evidence(near("exchange", "icmp", icmp=ICMP), of=udp())),
    ("icmp", "blocked.icmp", "likely", evidence(near("connect", "icmp", facts={"icmp": "unseen"}))),
    ("reset at the SYN", "blocked.rst", "likely", evidence(near("connect", "reset", facts={"icmp": "unseen"}))),
    (
        "datagram never arrived",
        "blocked.drop.outbound",
        "likely",
        evidence(near("exchange", "silence", facts={"icmp": "unseen"}), of=udp()),
    ),
    ("reset at the SYN", "blocked.rst", "confirmed", evidence(near("connect", "reset"))),
    ("reset at the SYN", "blocked.rst", "likely", evidence(near("connect", "reset"), control="absent")),
    ("SYN arrived, answer lost", "blocked.drop.return", "confirmed", evidence(near("connect", "silence"), half_open())),
    ("SYN arrived, answer lost", "blocked.drop.return", "confirmed", evidence(near("connect", "silence"), accepted())),
    ("SYN never arrived", "blocked.drop.outbound", "confirmed", evidence(near("connect", "silence"))),
    (
        "SYN unanswered, far end not asked",
        "unknown",
        "open",
        evidence(near("connect", "silence"), control="absent"),
    ),
    ("SYN unanswered, far end not asked", "unknown", "open", evidence(near("connect", "silence"), watched=False)),
    (
        "foreign certificate",
        "tls.intercepted",
        "confirmed",
        evidence(near(certificate=FOREIGN), receipt(), of=web),
    ),
    (
        "foreign certificate",
        "tls.intercepted",
        "likely",
        evidence(near("tls", "closed", certificate=FOREIGN), of=web, control="absent"),
    ),
    ("hello stopped", "tls.blocked", "confirmed", evidence(near("tls", "silence"), accepted(), of=web)),
    ("hello stopped", "tls.blocked", "confirmed", evidence(near("tls", "reset"), accepted(), of=web)),
    (
        "answer to the hello stopped",
        "blocked.drop.return",
        "confirmed",
        evidence(near("tls", "silence", client_random=HELLO), accepted(tls=TlsFacts("x", HELLO)), of=web),
    ),
    ("handshake broken", "tls.blocked", "confirmed", evidence(near("tls", "tls-failed"), of=web)),
    (
        "datagram arrived, answer lost",
        "blocked.drop.return",
        "confirmed",
        evidence(near("exchange", "silence"), udp_receipt(), of=udp(), protocol="echo"),
    ),
    (
        "datagram arrived, far end had no answer",
        "error",
        "confirmed",
        evidence(near("exchange", "silence"), udp_receipt(sent=digest(b"")), of=udp(), protocol="echo"),
    ),
    ("datagram never arrived", "blocked.drop.outbound", "confirmed", evidence(near("exchange", "silence"), of=udp())),
    (
        "datagram unanswered, far end not asked",
        "unknown",
        "open",
        evidence(near("exchange", "silence"), of=udp(), control="absent"),
    ),
    (
        "answered datagram expected nowhere",
        "blocked.drop.outbound",
        "confirmed",
        evidence(near(sent=None, received=None), of=udp(exchange="discard", port=9), tag=""),
    ),
    (
        "only the far end could tell",
        "not-tested",
        "open",
        evidence(near(sent=None, received=None), of=udp(exchange="discard", port=9), tag="", control="absent"),
    ),
    (
        "payload dies, random lives",
        "dpi",
        "confirmed",
        evidence(near("exchange", "reset", facts={"random_twin": "arrived"}), accepted()),
    ),
    (
        "payload dies, random lives",
        "dpi",
        "confirmed",
        evidence(near("exchange", "silence", facts={"random_twin": "arrived"}), accepted()),
    ),
    (
        "far end closed on what it got",
        "error",
        "confirmed",
        evidence(near("exchange", "closed"), receipt(end="closed", error="bad line", sent=digest(b""))),
    ),
    ("connection reset", "blocked.rst", "confirmed", evidence(near("exchange", "reset"), accepted())),
    ("connection reset", "blocked.rst", "likely", evidence(near("exchange", "reset"), control="lost")),
    ("payload never arrived", "blocked.drop.data", "confirmed", evidence(near("exchange", "silence"), accepted())),
    (
        "nobody we know accepted",
        "proxy.intercepted",
        "likely",
        evidence(near("exchange", "silence")),
    ),
    (
        "later payload never arrived",
        "blocked.drop.data",
        "confirmed",
        evidence(near("exchange", "silence"), receipt(received=digest(QUESTION[:3]), state="open", end="")),
    ),
    (
        "later payload never arrived",
        "blocked.drop.data",
        "confirmed",
        evidence(
            near("exchange", "silence", exchanged=(pair(),)),
            receipt(seen=(Seen("msnp", TAG, 0.5, {}, digest(QUESTION), digest(ANSWER)),), state="open", end=""),
        ),
    ),
    (
        "answer lost",
        "blocked.drop.return",
        "confirmed",
        evidence(
            near("exchange", "silence", exchanged=(pair(),)),
            receipt(seen=(Seen("msnp", TAG, 0.5, {}, digest(QUESTION), digest(ANSWER)),) * 2, state="open", end=""),
        ),
    ),
    (
        "answer lost",
        "blocked.drop.return",
        "confirmed",
        evidence(near("exchange", "silence"), receipt(state="open", end="")),
    ),
    (
        "block page",
        "blockpage",
        "confirmed",
        evidence(near("exchange", "malformed", head=PAGE.hex(), received=digest(PAGE)), accepted()),
    ),
    (
        "block page",
        "blockpage",
        "confirmed",
        evidence(near("exchange", "differs", http_status=403), of=plain),
    ),
    (
        "somebody else",
        "wrong-server",
        "confirmed",
        evidence(near("exchange", "malformed", head=b"SSH-2.0-OpenSSH".hex())),
    ),
    (
        "bytes changed",
        "modified",
        "confirmed",
        evidence(near(received=digest(b"another answer")), receipt()),
    ),
    (
        "bytes changed",
        "modified",
        "confirmed",
        evidence(near("exchange", "malformed"), receipt(received=digest(b"changed"))),
    ),
    (
        "bytes changed",
        "modified",
        "confirmed",
        evidence(near(exchanged=(pair(response=b"shorter"),)), udp_receipt(), of=udp(), protocol="echo"),
    ),
    (
        "probe and emulator disagree",
        "error",
        "confirmed",
        evidence(near("exchange", "differs", received=digest(ANSWER)), receipt()),
    ),
    ("closed early", "unknown", "open", evidence(near("exchange", "closed"), control="absent")),
    (
        "transparent proxy",
        "proxy.intercepted",
        "confirmed",
        evidence(near(exchanged=(pair(),)), receipt(seen=(via_header,)), of=plain, protocol="http"),
    ),
    (
        "other port",
        "modified",
        "confirmed",
        evidence(near(), receipt(local=Endpoint(THERE.address, 8080))),
    ),
    (
        "datagrams lost beyond the control",
        "lossy",
        "confirmed",
        evidence(
            near(facts={"media": {"sent": 50, "received": 50, "lost": 0, "reported": {"lost": 10}}}),
            udp_receipt(),
            of=udp(),
            protocol="echo",
        ),
    ),
    ("both ends agree", "pass", "confirmed", evidence(near(), receipt())),
    (  # all datagrams fare alike: nothing takes the media from among them
        "both ends agree",
        "pass",
        "confirmed",
        evidence(
            near(
                facts={
                    "media": {
                        "sent": 50,
                        "received": 45,
                        "lost": 5,
                        "reported": {"lost": 4},
                        "control": {"asked": 20, "answered": 17},
                    }
                }
            ),
            udp_receipt(),
            of=udp(),
            protocol="echo",
        ),
    ),
    (
        "both ends agree",
        "pass",
        "confirmed",
        evidence(near(exchanged=(pair(),)), udp_receipt(), of=udp(), protocol="echo"),
    ),
    ("answered, never arrived", "wrong-server", "likely", evidence(near())),
    ("answered, far end not asked", "pass", "likely", evidence(near(), control="absent")),
    (
        "answered, far end not asked",
        "pass",
        "likely",
        evidence(near(exchanged=(pair(),)), of=udp(), control="absent"),
    ),
    ("undecided", "unknown", "open", evidence(near("exchange", "silence"), control="absent")),
    ("undecided", "unknown", "open", evidence(near("proxy", "silence"), of=tunnelled)),
]


@pytest.mark.parametrize(
    ("row", "verdict", "certainty", "known"), GOLDEN, ids=[f"{at}-{item[0]}" for at, item in enumerate(GOLDEN)]
)
def test_golden(row: str, verdict: str, certainty: str, known: Evidence) -> None:
    said = classify(known)
    assert (said.rule, said.verdict, said.certainty) == (row, verdict, certainty)
    assert said.flow == known.flow.id


def test_every_row_of_the_table_is_hit() -> None:
    assert {item[0] for item in GOLDEN} == {row.name for row in TABLE}
    assert len({row.name for row in TABLE}) == len(TABLE)


def test_every_verdict_of_the_table_is_a_known_one_and_is_given() -> None:
    given = {row.verdict for row in TABLE}
    assert given <= set(VERDICTS)
    assert {item[1] for item in GOLDEN} == given


def test_the_words_beside_a_verdict() -> None:
    rejected = classify(evidence(near("connect", "icmp", icmp=ICMP)))
    assert (rejected.device, rejected.detail) == ("192.0.2.1", "ICMP type 3 code 13 from 192.0.2.1")
    intercepted = classify(evidence(near(certificate=FOREIGN), receipt(), of=web))
    assert "Corporate Inspection" in intercepted.detail
    changed = classify(evidence(near(received=digest(b"x")), receipt()))
    assert changed.detail == f"{len(ANSWER)} bytes were answered, 1 came back, digests differ"
    lost = classify(evidence(near("exchange", "malformed"), receipt(received=digest(b"x"))))
    assert lost.detail == f"{len(QUESTION)} bytes were sent, 1 arrived, digests differ"


def test_our_own_certificate_is_no_interception() -> None:
    there = Endpoint(THERE.address, 443)
    assert classify(evidence(near(certificate=OURS), receipt(local=there), of=web)).verdict == "pass"


def test_verdicts_survive_json() -> None:
    for _, _, _, known in GOLDEN:
        said = classify(known)
        assert msgspec.json.decode(msgspec.json.encode(said), type=type(said)) == said
        again = msgspec.json.decode(msgspec.json.encode(known), type=Evidence)
        assert classify(again) == said
