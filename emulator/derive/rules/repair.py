"""What a run found stopped, as the fewest openings that mend it, and what no rule about ports can mend.

Reads verdicts of a stored record; judges nothing anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from emulator.catalog import Catalog
from emulator.derive.rules.ruleset import Beyond, Opening, RuleSet, domains, merge, needed
from emulator.judge.flow import Flow
from emulator.judge.record import Judged, PassRecord, RunRecord

BLOCKED = "blocked."
PROXY = ("proxy.denied", "proxy.connect-denied", "proxy.auth-required")  # an ACL of the proxy's mends these
# By the beginning of a verdict: what has to be done, by whom; the first that fits.
REMEDIES = (
    ("dpi", "switch off the inspection (application control, IPS signature) that recognises the protocol"),
    ("tls.", "exempt these names from TLS inspection and from rules about TLS versions"),
    ("dns.", "let the resolver answer these names as they are"),
    ("proxy.auth-required", "give the client a name and a password, and force authentication for the noted agent"),
    ("proxy.error", "mend the proxy: it could not reach the far end"),
    ("proxy.", "allow these names and ports in the proxy (`messenger-lab rules squid`)"),
    ("blockpage", "take these names off the block list"),
    ("wrong-server", "look who answers there: a captive portal, a redirect or another machine"),
    ("modified", "switch off what rewrites the traffic (header filter, ALG, compression)"),
    ("", "look at bandwidth, time-outs and loss: no rule stops it"),
)


def repair(catalog: Catalog, record: RunRecord, features: Sequence[str] = ()) -> RuleSet:
    """The smallest additive rule set after which everything that the run found blocked can pass.

    Of a wide range all documented ports are opened when one that decides was blocked, else only the tested port; of a
    narrow one only the blocked ports. `features` limits it to their rows and those of sign-in. Flows of journeys are
    left out: they go where flows went. Raises BadInput for an unknown feature.
    """
    wanted = needed(catalog, features)
    rows = {row for one in wanted.openings for row in one.rows} if features else None
    failed = [item for one in record.passes for item in one.judged if _counts(item, catalog, rows)]
    openings = [_opening(catalog, item.flow) for item in failed if item.verdict.verdict.startswith(BLOCKED)]
    stopped = [item.flow for item in failed if item.verdict.verdict in PROXY]
    by_proxy = [one for one in catalog.endpoints if one.id in {flow.row for flow in stopped}]
    # a client that gets further asks for more names than a flow did
    listed = domains(catalog, by_proxy, {flow.feature for flow in stopped if flow.feature}, observed=bool(stopped))
    names = ", ".join(dict.fromkeys(one.id for one in record.passes))
    return RuleSet(
        title=f"repair of what the run {names} found blocked",
        openings=merge(catalog, openings),
        domains=listed,
        agent=catalog.note.agent,
        additive=True,
        beyond=tuple(_beyond(failed)),
        missing=tuple(_missing(record.passes)),
    )


def _counts(item: Judged, catalog: Catalog, rows: set[str] | None) -> bool:
    flow, verdict = item.flow, item.verdict
    if flow.row_kind in ("leak", "journey") or verdict.passed or not verdict.decided:
        return False
    return rows is None or (flow.feature or flow.row) in rows


def _opening(catalog: Catalog, flow: Flow) -> Opening:
    clause = catalog.clause_by_id.get(flow.row)
    low = high = flow.port
    if clause is not None and clause.wide and flow.decides:
        low, high = clause.low, clause.high
    return Opening(flow.direction, flow.transport, low, high, (flow.feature or flow.row,))


def _beyond(failed: Iterable[Judged]) -> Iterator[Beyond]:
    by_verdict: dict[str, list[str]] = defaultdict(list)
    for item in failed:
        if not item.verdict.verdict.startswith(BLOCKED):
            by_verdict[item.verdict.verdict].append(item.flow.id)
    for verdict, flows in by_verdict.items():
        remedy = next(words for start, words in REMEDIES if verdict.startswith(start))
        yield Beyond(verdict, tuple(dict.fromkeys(flows)), remedy)


def _missing(passes: Iterable[PassRecord]) -> Iterator[tuple[str, str]]:
    for one in passes:
        for outcome in one.outcomes:
            if outcome.outcome in ("broken", "degraded"):
                yield outcome.feature, outcome.words
