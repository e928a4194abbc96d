"""What decides when several things are true at once, and that no combination of evidence breaks the classifier."""

from __future__ import annotations

from typing import Any

import pytest
from flows_made import (
    ANSWER,
    QUESTION,
    TAG,
    accepted,
    digest,
    evidence,
    flow,
    half_open,
    near,
    receipt,
    udp,
    udp_receipt,
)
from hypothesis import given
from hypothesis import strategies as st

from emulator.judge.classify import classify
from emulator.judge.evidence import Evidence
from emulator.judge.observation import Certificate, Exchanged, IcmpError, Observation
from emulator.judge.verdicts import MEANING, VERDICTS
from emulator.wire.receipt import Endpoint, Receipt, Seen, TlsFacts

FOREIGN = Certificate("CN=x", "CN=Inspection", "00" * 32, trusted=False, matches=False)
proxied = flow(via="http://192.0.2.1:3128", exchange="config", port=80)
via = Seen("http", TAG, 0.5, {"headers": [["Via", "1.1 x"]]}, digest(QUESTION), digest(b"else"))


@pytest.mark.parametrize(
    ("verdict", "known"),
    [
        # our own fault before everything
        ("error", evidence(near("tls", "own-fault", certificate=FOREIGN), receipt())),
        ("error", evidence(near("exchange", "cancelled", icmp=IcmpError(3, 3, "192.0.2.1")), receipt())),
        # a proxy's word before what its silence would mean
        (
            "proxy.auth-required",
            evidence(near("proxy", "proxy-status", proxy_status=407, certificate=FOREIGN), of=proxied),
        ),
        # blocked before TLS and before what came instead
        ("blocked.icmp", evidence(near("connect", "icmp", icmp=IcmpError(3, 3, "192.0.2.1")), half_open())),
        # another certificate before the changed bytes that follow from it
        ("tls.intercepted", evidence(near(certificate=FOREIGN, received=digest(b"x")), receipt(), of=flow(tls=True))),
        # a page before "modified"; somebody else before "modified"
        ("blockpage", evidence(near("exchange", "malformed", head=b"<html>no".hex()), accepted())),
        ("wrong-server", evidence(near("exchange", "malformed", head=b"220 smtp".hex()), accepted())),
        # changed bytes before the proxy header and before the port
        ("modified", evidence(near(received=digest(b"x")), receipt(local=Endpoint("203.0.113.60", 80)))),
        # an identified random twin before the bare reset
        ("dpi", evidence(near("exchange", "reset", facts={"random_twin": "arrived"}), accepted())),
        ("blocked.rst", evidence(near("exchange", "reset", facts={"random_twin": "died"}), accepted())),
    ],
)
def test_precedence(verdict: str, known: Evidence) -> None:
    assert classify(known).verdict == verdict


@pytest.mark.parametrize(
    ("here", "there", "words"),
    [
        (0, 0, ""),
        (2, 0, "packets overtaken by later ones: 2 on the way back"),
        (1, 3, "packets overtaken by later ones: 3 on the way out, 1 on the way back"),
    ],
)
def test_what_was_overtaken_is_told_of_both_ends_and_stops_nothing(here: int, there: int, words: str) -> None:
    media = {"sent": 50, "received": 50, "lost": 0, "reordered": here, "reported": {"lost": 0}}
    far = udp_receipt(facts={"media": {"received": 50, "reordered": there}})
    verdict = classify(evidence(near(facts={"media": media}), far, of=udp(), protocol="echo"))
    assert (verdict.verdict, verdict.detail) == ("pass", words)
    lossy = {**media, "reported": {"lost": 9}}
    lost = classify(evidence(near(facts={"media": lossy}), far, of=udp(), protocol="echo"))
    assert lost.verdict == "lossy"
    assert lost.detail.endswith(words or "of the checks beside them 0%")


def test_a_receipt_of_somebody_else_does_not_count() -> None:
    stranger = receipt(peer=Endpoint("192.0.2.99", 5), seen=(Seen("msnp", "cd" * 16, 0.5),))
    assert classify(evidence(near(), stranger)).verdict == "wrong-server"
    assert classify(evidence(near("connect", "silence"), half_open(peer=Endpoint("192.0.2.99", 5)))).verdict == (
        "blocked.drop.outbound"
    )


def test_translated_addresses_are_joined_by_tag() -> None:
    known = evidence(near(), receipt(peer=Endpoint("203.0.113.1", 61000)))
    assert (known.joined_by, classify(known).verdict) == ("tag", "pass")


def test_the_tag_in_another_protocol_is_another_tag() -> None:
    assert evidence(near(local=None), receipt(), protocol="http").joined_by == ""


def test_of_two_connections_with_one_tag_the_own_one_is_taken() -> None:
    other = receipt(id=2, peer=Endpoint("192.0.2.10", 40001), received=digest(b"first connection"))
    assert [one.id for one in evidence(near(), other, receipt()).receipts] == [1]


def test_a_later_receipt_replaces_an_earlier_one() -> None:
    known = evidence(near(), accepted(serial=1), receipt(serial=2))
    assert known.receipts == (receipt(serial=2),)


def test_the_hello_joins_what_has_no_tag_yet() -> None:
    hello = accepted(peer=Endpoint("203.0.113.1", 61000), tls=TlsFacts("x", "cd" * 32))
    assert evidence(near("tls", "silence", client_random="cd" * 32), hello).joined_by == "hello"


def test_datagrams_to_the_second_server_are_found_by_their_socket() -> None:
    empty = udp_receipt(local=Endpoint("203.0.113.61", 9), received=digest(b""), seen=(Seen("discard", "", 0.5),))
    known = evidence(near(sent=None, received=None), empty, of=udp(exchange="discard", port=9), tag="")
    assert (known.joined_by, classify(known).verdict) == ("address", "pass")


def test_every_verdict_has_plain_words() -> None:
    assert all((words and words[0].islower()) or words[:3].isupper() for words in MEANING.values())
    assert len(VERDICTS) == len(set(VERDICTS))


ENDPOINTS = st.builds(Endpoint, st.sampled_from(["192.0.2.10", "203.0.113.60"]), st.sampled_from([80, 1863, 40000]))
DIGESTS = st.sampled_from([digest(QUESTION), digest(ANSWER), digest(b"")])
TAGS = st.sampled_from(["", TAG, "cd" * 16])
SEEN = st.builds(
    Seen,
    st.sampled_from(["msnp", "http"]),
    TAGS,
    st.just(0.5),
    st.sampled_from([{}, {"headers": [["Via", "1.1 x"]]}, {"headers": []}]),
    st.none() | DIGESTS,
    st.none() | DIGESTS,
)
RECEIPTS = st.builds(
    Receipt,
    id=st.integers(1, 3),
    serial=st.integers(1, 9),
    transport=st.sampled_from(["tcp", "udp"]),
    local=ENDPOINTS,
    peer=ENDPOINTS,
    at=st.just(0.5),
    state=st.sampled_from(["half-open", "open", "ended"]),
    received=st.none() | DIGESTS,
    sent=st.none() | DIGESTS,
    seen=st.lists(SEEN, max_size=2).map(tuple),
    tls=st.none() | st.builds(TlsFacts, st.just("x"), st.sampled_from(["", "cd" * 32])),
    end=st.sampled_from(["", "fin", "rst", "closed", "tls"]),
    error=st.sampled_from(["", "bad line"]),
)
NEAR = st.builds(
    Observation,
    flow=st.just("msnp"),
    stage=st.sampled_from(["wait", "connect", "proxy", "tls", "exchange", "done"]),
    ending=st.sampled_from(
        [
            "completed",
            "silence",
            "reset",
            "icmp",
            "closed",
            "malformed",
            "differs",
            "proxy-status",
            "proxy-failed",
            "tls-failed",
            "name",
            "own-fault",
            "cancelled",
            "not-started",
        ]
    ),
    started=st.just(0.0),
    ended=st.just(1.0),
    local=st.none() | ENDPOINTS,
    sent=st.none() | DIGESTS,
    received=st.none() | DIGESTS,
    exchanged=st.lists(st.builds(Exchanged, DIGESTS, DIGESTS), max_size=2).map(tuple),
    icmp=st.none() | st.just(IcmpError(3, 13, "192.0.2.1")),
    certificate=st.none() | st.just(FOREIGN),
    client_random=st.sampled_from(["", "cd" * 32]),
    proxy_status=st.sampled_from([0, 403, 407, 503]),
    http_status=st.sampled_from([0, 200, 407]),
    facts=st.sampled_from([{}, {"connect": True}, {"dns": "nxdomain"}, {"random_twin": "arrived"}]),
    head=st.binary(max_size=20).map(bytes.hex),
)


@given(
    observation=NEAR,
    receipts=st.lists(RECEIPTS, max_size=3),
    transport=st.sampled_from(["tcp", "udp"]),
    tls=st.booleans(),
    through=st.sampled_from(["", "http://192.0.2.1:3128"]),
    tag=TAGS,
    control=st.sampled_from(["up", "absent", "lost"]),
    watched=st.booleans(),
)
def test_any_evidence_gives_one_verdict(
    observation: Observation,
    receipts: list[Receipt],
    transport: Any,
    tls: bool,
    through: str,
    tag: str,
    control: str,
    watched: bool,
) -> None:
    of = flow(transport=transport, tls=tls, via=through)
    known = evidence(observation, *receipts, of=of, tag=tag, control=control, watched=watched)
    said = classify(known)
    assert said.verdict in VERDICTS
    assert isinstance(said.detail, str)
    if said.verdict == "pass":
        assert observation.ending == "completed"
        assert control != "up" or known.receipts, "passed with the far end asked, and it saw nothing"
    if control != "up" and not known.receipts and said.certainty == "confirmed":
        assert observation.ending not in ("silence", "closed", "completed", "malformed", "differs")
