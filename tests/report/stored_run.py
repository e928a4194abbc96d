"""Small records for the tests of reports: real plan, real outcomes, observations made up. Nothing was on a wire."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import msgspec

from emulator.catalog import load
from emulator.judge import outcome
from emulator.judge.flow import Flow
from emulator.judge.observation import Certificate, Exchanged, IcmpError, Observation, Step
from emulator.judge.record import SCHEMA, Expectation, Judged, PassRecord, RunRecord
from emulator.judge.verdicts import Verdict
from emulator.probe.plan import plan, plan_inward
from emulator.wire.control import Check
from emulator.wire.receipt import Digest, Endpoint, Receipt, Seen, TlsFacts
from tests.judge.journeys_made import travelled

CATALOG = load()
INSIDE, DEVICE, OUTSIDE = "192.0.2.10", "192.0.2.1", "203.0.113.7"

Fate = Callable[[Flow], str]  # a flow's verdict


def everything(flow: Flow) -> str:
    return "pass"


def web_only(flow: Flow) -> str:
    return "pass" if flow.transport == "tcp" and flow.port in (80, 443) else "blocked.drop.outbound"


def refused(flow: Flow) -> str:
    if web_only(flow) == "pass":
        return "pass"
    return "blocked.rst" if flow.transport == "tcp" and flow.port % 2 else "blocked.icmp"


def lost_back(flow: Flow) -> str:
    return "pass" if flow.transport == "tcp" else "blocked.drop.return"


def undecided(flow: Flow) -> str:
    return "pass" if flow.transport == "tcp" else "unknown"


def one_pass(name: str, fate: Fate, *, samples: int = 1, proxy: str = "", leaks: bool = False) -> PassRecord:
    """A pass over the whole catalog whose flows meet `fate`. Expectations: what came, so all are met."""
    scenario, _, part = name.partition("/")
    uids = count()
    flows = plan(
        CATALOG,
        seed=b"\x01" * 8,
        samples=samples,
        uid=lambda: f"{next(uids):032x}",
        proxy=proxy,
        credentials=False,
        leaks=leaks,
    )
    flows = (*flows, *plan_inward(CATALOG, seed=b"\x01" * 8, samples=samples, uid=lambda: f"{next(uids):032x}"))
    fates = {flow.id: Verdict(flow.id, fate(flow), "confirmed") for flow in flows}
    flows, fates, journeys = travelled(CATALOG, flows, fates)
    pairs = [_flow(number, flow, fates[flow.id].verdict) for number, flow in enumerate(flows, 1)]
    judged = tuple(item for item, _ in pairs)
    verdicts = {item.flow.id: item.verdict for item in judged}
    outcomes = outcome.evaluate(CATALOG, flows, verdicts)
    return PassRecord(
        scenario=scenario,
        title=f"What {scenario} means",
        about="A firewall that\ndoes `something`.",
        name=part,
        firewall=f"{scenario}.nft",
        proxy=proxy,
        credentials=False,
        vantage="inside",
        started=1_700_000_000.0,
        seconds=2.5,
        seed="01" * 8,
        samples=samples,
        timeout=3.0,
        control="up",
        problem="",
        checks_before=(Check("tcp/80", True), Check("tcp/443", True)),
        checks_after=(Check("tcp/80", True), Check("tcp/443", False, "refused")),
        judged=judged,
        journeys=tuple(journeys.values()),
        receipts=tuple(receipt for _, receipt in pairs if receipt is not None),
        outcomes=outcomes,
        expectations=tuple(
            Expectation(f"outcome/{item.feature}", "outcome", item.feature, item.words, item.words, "met", item.failed)
            for item in outcomes
        ),
    )


def run(*passes: PassRecord, not_run: tuple[str, ...] = (), interrupted: bool = False) -> RunRecord:
    """A run of these passes."""
    return RunRecord(
        schema=SCHEMA,
        program="messenger-lab 0.1.0",
        classifier=1,
        outcome_rules=1,
        catalog=CATALOG.digest,
        created=1_700_000_000.0,
        seconds=12.0,
        passes=passes,
        not_run=not_run,
        interrupted=interrupted,
    )


def surprised(record: PassRecord, *states: str) -> PassRecord:
    """The same pass, where the first expectations came out in these states."""
    changed = [
        msgspec.structs.replace(item, wanted="works", state=state)
        for item, state in zip(record.expectations, states, strict=False)
    ]
    return msgspec.structs.replace(record, expectations=(*changed, *record.expectations[len(states) :]))


def _flow(number: int, flow: Flow, verdict: str) -> tuple[Judged, Receipt | None]:
    passed = verdict == "pass"
    arrives = passed or verdict == "blocked.drop.return"
    tag = f"{number:032x}"
    local, remote = Endpoint(INSIDE, 40000 + number), Endpoint(OUTSIDE, flow.port)
    question, answer = Digest(number, f"{number:064x}"), Digest(2 * number, f"{2 * number:064x}")
    icmp = verdict == "blocked.icmp"
    near = Observation(
        flow=flow.id,
        stage="done" if passed else "connect",
        ending="completed" if passed else "icmp" if icmp else "silence",
        started=0.01,
        ended=0.25,
        local=local,
        remote=remote,
        steps=(Step("connect", 0.01), Step("exchange", 0.2)),
        sent=question if passed else None,
        received=answer if passed else None,
        exchanged=(Exchanged(question, answer, "GET /somewhere"),) if passed and flow.transport == "tcp" else (),
        icmp=IcmpError(3, 13, DEVICE) if icmp else None,
        certificate=Certificate("CN=a", "CN=root", "ab" * 32, True, True) if flow.tls and passed else None,
        detail="" if passed else "no answer to the SYN",
        facts={"bytes": number},
    )
    receipt = Receipt(
        id=number,
        serial=number,
        transport=flow.transport,
        local=remote,
        peer=local,
        at=1_700_000_000.5,
        state="ended",
        protocol="http",
        received=question,
        sent=answer,
        seen=(
            Seen(
                "http",
                tag,
                1_700_000_000.6,
                {
                    "method": "GET",
                    "target": f"/somewhere?t=ML{tag}",
                    "status": 200,
                    "headers": [["Host", "g.msn.com"], ["User-Agent", "MSMSGS"]],
                },
                question,
                answer,
            ),
        ),
        tls=TlsFacts("g.msn.com", "cd" * 32, "TLSv1.3", "TLSv1.3") if flow.tls else None,
        end="fin",
    )
    said = Verdict(
        flow.id,
        verdict,
        "open" if verdict == "unknown" else "confirmed",
        "the far end never saw the SYN" if verdict == "blocked.drop.outbound" else "",
        DEVICE if icmp else "",
        "both ends agree" if passed else "SYN never arrived",
    )
    judged = Judged(flow, near, said, "http", tag, "tag" if arrives else "", (number,) if arrives else ())
    return judged, receipt if arrives else None
