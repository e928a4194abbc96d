"""From evidence to verdict: one ordered table, pure and versioned. The first row that applies decides.

Not an expectation: what should have happened is the scenario's business.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from emulator.judge.evidence import Evidence
from emulator.judge.far import (
    accepted,
    answered,
    arrived,
    digests,
    far_closed,
    far_error,
    half_open,
    lost_on_the_way_out,
    proxy_headers,
    right_port,
)
from emulator.judge.loss import losses, overtaken
from emulator.judge.observation import UNSEEN
from emulator.judge.verdicts import Certainty, Verdict

Test = Callable[[Evidence], bool]


class Row(msgspec.Struct, frozen=True):
    """One line of the table: when it applies, what it says, how sure that is, and the words beside it."""

    name: str
    applies: Test
    verdict: str
    certainty: Certainty | Callable[[Evidence], Certainty]
    detail: Callable[[Evidence], str] = lambda evidence: evidence.near.detail
    device: Callable[[Evidence], str] = lambda evidence: ""


def _both(evidence: Evidence) -> Certainty:
    """Confirmed when the far end could be asked, else likely."""
    return "confirmed" if evidence.control == "up" else "likely"


def _ending(*endings: str) -> Test:
    return lambda evidence: evidence.near.ending in endings


def _stage(stage: str, *endings: str) -> Test:
    return lambda evidence: evidence.near.stage == stage and evidence.near.ending in endings


def _all(*tests: Test) -> Test:
    return lambda evidence: all(test(evidence) for test in tests)


def _not(test: Test) -> Test:
    return lambda evidence: not test(evidence)


def _asked(evidence: Evidence) -> bool:
    return evidence.control == "up"


def _udp(evidence: Evidence) -> bool:
    return evidence.flow.transport == "udp"


def _tunnel(evidence: Evidence) -> bool:
    return evidence.flow.tls or bool(evidence.near.facts.get("connect"))


def _foreign_certificate(evidence: Evidence) -> bool:
    shown = evidence.near.certificate
    return shown is not None and not shown.trusted


def _issuer(evidence: Evidence) -> str:
    shown = evidence.near.certificate
    return f"certificate issued by {shown.issuer}" if shown is not None else ""


def _page(evidence: Evidence) -> bool:
    head = bytes.fromhex(evidence.near.head).lstrip().lower()
    return evidence.near.http_status > 0 or head.startswith((b"http/", b"<html", b"<!doctype"))


def _offender(evidence: Evidence) -> str:
    return evidence.near.icmp.offender if evidence.near.icmp is not None else ""


def _icmp_words(evidence: Evidence) -> str:
    icmp = evidence.near.icmp
    return evidence.near.detail if icmp is None else f"ICMP type {icmp.type} code {icmp.code} from {icmp.offender}"


def _unseen(evidence: Evidence) -> bool:
    """The near end's system does not tell of ICMP errors: they may be what looks like something else."""
    return evidence.near.facts.get("icmp") == UNSEEN


def _if_seen(evidence: Evidence) -> Certainty:
    return "likely" if _unseen(evidence) else _both(evidence)


def _or_icmp(words: str) -> Callable[[Evidence], str]:
    return lambda evidence: words + (", or an ICMP error, which this system does not tell" if _unseen(evidence) else "")


def _icmp_certainty(evidence: Evidence) -> Certainty:
    """Without the error itself the system's word is all there is."""
    return "likely" if evidence.near.icmp is None else "confirmed"


def _by_name(kind: str) -> Test:
    return lambda evidence: evidence.near.ending == "name" and evidence.near.facts.get("dns") == kind


def _proxy_said(*statuses: int) -> Test:
    return lambda evidence: (
        evidence.near.ending == "proxy-status" and bool(evidence.flow.via) and evidence.near.proxy_status in statuses
    )


def _twin(state: str) -> Test:
    return lambda evidence: evidence.near.facts.get("random_twin") == state


CROWD_WORDS = {
    "full": "silent, as everything new was by then: the connection table of the device is full",
    "limit": "silent beside many others, while flows of its kind pass alone: a limit of the device, or this port",
}


def _crowd(kind: str) -> Test:
    return lambda evidence: (
        evidence.near.facts.get("crowd") == kind
        and not (arrived(evidence) or half_open(evidence) or accepted(evidence))
    )


def _fault_words(evidence: Evidence) -> str:
    return f"the far end itself failed: {far_error(evidence)}"


def _difference(evidence: Evidence) -> str:
    return digests(evidence).words or evidence.near.detail


def _came_back(evidence: Evidence) -> bool:
    """Something of the far end's was received: answers, or the packets of a stream."""
    media = evidence.near.facts.get("media")
    return bool(evidence.near.exchanged) or (isinstance(media, dict) and bool(media.get("received")))


def _silent(evidence: Evidence) -> bool:
    return evidence.near.ending in ("silence", "closed", "reset")


TABLE: tuple[Row, ...] = (
    Row("own fault", _ending("own-fault"), "error", "confirmed"),
    Row("cancelled", _ending("cancelled"), "error", "confirmed"),
    Row("not started", _ending("not-started"), "not-tested", "open"),
    Row("name does not exist", _by_name("nxdomain"), "dns.nxdomain", "confirmed"),
    Row("name refused", _by_name("refused"), "dns.refused", "confirmed"),
    Row("resolver silent", _by_name("timeout"), "dns.timeout", _both),
    Row("name redirected", _by_name("redirected"), "dns.redirected", "confirmed"),
    Row("proxy wants credentials", _proxy_said(407), "proxy.auth-required", "confirmed"),
    Row(
        "transparent proxy wants credentials",
        lambda e: e.near.http_status == 407 and not e.flow.via and not arrived(e),
        "proxy.intercepted",
        _both,
    ),
    Row("proxy refuses the tunnel", _all(_proxy_said(403, 405), _tunnel), "proxy.connect-denied", "confirmed"),
    Row("proxy forbids", _proxy_said(403, 405, 451), "proxy.denied", "confirmed"),
    Row("proxy fails", _ending("proxy-status", "proxy-failed"), "proxy.error", "confirmed"),
    Row(
        "proxy hangs up",
        _stage("proxy", "reset", "closed", "malformed"),
        "proxy.error",
        "likely",  # or a device between here and the proxy
        lambda e: f"the proxy took the connection and opened no tunnel: {e.near.detail}",
    ),
    Row("one too many", _crowd("full"), "unknown", "open", lambda e: CROWD_WORDS["full"]),
    Row("many at once", _crowd("limit"), "unknown", "open", lambda e: CROWD_WORDS["limit"]),
    # before a connection
    Row("icmp", _ending("icmp"), "blocked.icmp", _icmp_certainty, _icmp_words, _offender),
    Row("reset at the SYN", _stage("connect", "reset"), "blocked.rst", _if_seen, _or_icmp("RST to the SYN")),
    Row(
        "SYN arrived, answer lost",
        _all(_stage("connect", "silence"), lambda e: half_open(e) or accepted(e)),
        "blocked.drop.return",
        "confirmed",
        lambda e: "the far end saw the SYN and answered",
    ),
    Row(
        "SYN never arrived",
        _all(_stage("connect", "silence"), _asked, lambda e: e.watched),
        "blocked.drop.outbound",
        "confirmed",
        lambda e: "the far end never saw the SYN",
    ),
    Row(
        "SYN unanswered, far end not asked",
        _stage("connect", "silence"),
        "unknown",
        "open",
        lambda e: "dropped on the way out or on the way back",
    ),
    # TLS
    Row("foreign certificate", _foreign_certificate, "tls.intercepted", _both, _issuer),
    Row(
        "hello stopped",
        _all(lambda e: e.near.stage == "tls", _silent, _not(arrived), _asked),
        "tls.blocked",
        "confirmed",
        lambda e: "the ClientHello never arrived",
    ),
    Row(
        "answer to the hello stopped",
        _all(_stage("tls", "silence"), arrived),
        "blocked.drop.return",
        "confirmed",
        lambda e: "the ClientHello arrived, the answer did not come back",
    ),
    Row("handshake broken", lambda e: e.near.stage == "tls", "tls.blocked", _both),
    # datagrams
    Row(
        "datagram arrived, answer lost",
        _all(_udp, _ending("silence"), arrived, answered),
        "blocked.drop.return",
        "confirmed",
        lambda e: "the far end saw the datagram and answered",
    ),
    Row(
        "datagram arrived, far end had no answer",
        _all(_udp, _ending("silence"), arrived),
        "error",
        "confirmed",
        lambda e: "the far end saw the datagram and did not answer",
    ),
    Row(
        "datagram never arrived",
        _all(_udp, _ending("silence"), _asked),
        "blocked.drop.outbound",
        _if_seen,
        _or_icmp("the far end never saw the datagram"),
    ),
    Row(
        "datagram unanswered, far end not asked",
        _all(_udp, _ending("silence")),
        "unknown",
        "open",
        lambda e: "dropped on the way out or on the way back",
    ),
    Row(
        "answered datagram expected nowhere",
        _all(_udp, _ending("completed"), _asked, _not(arrived), _not(_came_back)),
        "blocked.drop.outbound",
        _if_seen,
        _or_icmp("the far end never saw the datagram"),
    ),
    Row(
        "only the far end could tell",
        _all(_udp, _ending("completed"), _not(_asked), _not(arrived), _not(_came_back)),
        "not-tested",
        "open",
        lambda e: "nothing comes back by design, and the far end could not be asked",
    ),
    # on an open connection
    Row(
        "payload dies, random lives",
        _all(_silent, _twin("arrived"), _not(arrived)),
        "dpi",
        _both,
        lambda e: "random bytes of the same size pass on this port",
    ),
    Row(
        "far end closed on what it got",
        _all(_ending("closed", "reset"), far_closed, lambda e: bool(far_error(e)), lambda e: digests(e).same_request),
        "error",
        "confirmed",
        _fault_words,
    ),
    Row(
        "connection reset",
        _all(_ending("reset"), _not(far_closed)),
        "blocked.rst",
        _both,
        lambda e: "reset after the connection was open",
    ),
    Row(
        "payload never arrived",
        _all(_stage("exchange", "silence"), accepted, _not(arrived)),
        "blocked.drop.data",
        "confirmed",
        lambda e: "the connection opened at both ends, the payload never arrived",
    ),
    Row(
        "nobody we know accepted",
        _all(_stage("exchange", "silence", "closed"), _asked, _not(accepted), _not(arrived)),
        "proxy.intercepted",
        "likely",
        lambda e: "something on the way accepted the connection; the far end never saw it",
    ),
    Row(
        "later payload never arrived",
        _all(_stage("exchange", "silence"), arrived, lost_on_the_way_out),
        "blocked.drop.data",
        "confirmed",
        lambda e: "the connection worked, then what was sent did not arrive any more",
    ),
    Row(
        "answer lost",
        _all(_stage("exchange", "silence"), arrived),
        "blocked.drop.return",
        "confirmed",
        lambda e: "the far end got the payload and answered",
    ),
    Row(
        "block page", _all(_ending("malformed", "differs", "closed"), _asked, _not(arrived), _page), "blockpage", _both
    ),
    Row("somebody else", _all(_ending("malformed", "differs"), _asked, _not(arrived)), "wrong-server", _both),
    Row(
        "bytes changed",
        _all(
            _ending("malformed", "differs", "closed", "completed"),
            lambda e: digests(e).known,
            lambda e: not digests(e).same,
        ),
        "modified",
        "confirmed",
        _difference,
    ),
    Row(
        "probe and emulator disagree",
        _all(_ending("malformed", "differs"), lambda e: digests(e).same),
        "error",
        "confirmed",
        lambda e: f"both ends saw the same bytes, and the probe refuses them: {e.near.detail}",
    ),
    Row("closed early", _ending("closed", "malformed", "differs"), "unknown", "open"),
    # complete
    Row(
        "transparent proxy",
        _all(_ending("completed"), lambda e: not e.flow.via, lambda e: bool(proxy_headers(e))),
        "proxy.intercepted",
        "confirmed",
        lambda e: f"the request arrived with {proxy_headers(e)}",
    ),
    Row(
        "other port",
        _all(_ending("completed"), arrived, _not(right_port)),
        "modified",
        "confirmed",
        lambda e: "it arrived on another port than it was sent to",
    ),
    Row(
        "datagrams lost beyond the control",
        _all(_udp, _ending("completed"), arrived, lambda e: bool(losses(e))),
        "lossy",
        _both,
        losses,
    ),
    Row(
        "both ends agree",
        _all(_ending("completed"), arrived, lambda e: digests(e).same),
        "pass",
        "confirmed",
        overtaken,
    ),
    Row(
        "answered, never arrived",
        _all(_ending("completed"), _asked, _not(arrived)),
        "wrong-server",
        "likely",
        lambda e: "an answer came, and the far end never saw the question",
    ),
    Row("answered, far end not asked", _ending("completed"), "pass", "likely"),
    Row("undecided", lambda e: True, "unknown", "open"),
)


def classify(evidence: Evidence) -> Verdict:
    """The verdict of one flow: the first row of TABLE that applies."""
    row = next(row for row in TABLE if row.applies(evidence))
    certainty = row.certainty if isinstance(row.certainty, str) else row.certainty(evidence)
    return Verdict(
        flow=evidence.flow.id,
        verdict=row.verdict,
        certainty=certainty,
        detail=row.detail(evidence),
        device=row.device(evidence),
        rule=row.name,
    )
