"""What journeys would find where flows have these verdicts: every open path carries its steps. Not a test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from emulator.catalog.model import Catalog, Journey, Path
from emulator.judge.flow import Flow
from emulator.judge.journey import DeadPath, JourneyRecord, StepRecord, concluded, settled
from emulator.judge.verdicts import Verdict
from emulator.probe.journeys import dead_needs


def travelled(
    catalog: Catalog, flows: Iterable[Flow], verdicts: Mapping[str, Verdict], *, failing: frozenset[str] = frozenset()
) -> tuple[tuple[Flow, ...], dict[str, Verdict], dict[str, JourneyRecord]]:
    """Flows and verdicts with those of the journeys, and their records. `failing`: ids of steps' flows that fail."""
    planned = tuple(flows)
    dead = dead_needs(catalog, planned, verdicts)
    made: list[Flow] = []
    records = {}
    for journey in catalog.journeys:
        steps, own = _journey(catalog, journey, dead, failing)
        made += own
        records[journey.id] = concluded(journey.id, steps, 0.0)
    known = {flow.id: Verdict(flow.id, "blocked.rst" if flow.id in failing else "pass", "confirmed") for flow in made}
    verdicts = {**verdicts, **known}
    return (*planned, *made), verdicts, {name: settled(record, verdicts) for name, record in records.items()}


def _journey(
    catalog: Catalog, journey: Journey, dead: Mapping[str, tuple[str, str]], failing: frozenset[str]
) -> tuple[tuple[StepRecord, ...], list[Flow]]:
    steps: list[StepRecord] = []
    made: list[Flow] = []
    taken: dict[str, Path] = {}
    over = False
    for step in journey.step:
        state = "not-run" if over else "failed"
        by = ""
        paths = () if over else (taken[step.carried],) if step.carried in taken else step.way
        cited: list[DeadPath] = []
        for path in paths:
            reason = next((dead[need] for need in path.needs if need in dead), None)
            if reason is not None:
                cited.append(DeadPath(path.by, *reason))
                continue
            made.append(_flow(catalog, journey.id, step.id, path))
            if made[-1].id not in failing:
                state, by = "done", "" if step.carried else path.by
                taken[step.id] = path
                break
        steps.append(
            StepRecord(id=step.id, state=state, by=by, optional=step.optional, dead=tuple(cited))  # type: ignore[arg-type]
        )
        over = over or (state == "failed" and not step.optional)
    return tuple(steps), made


def _flow(catalog: Catalog, journey: str, step: str, path: Path) -> Flow:
    exchange = catalog.exchanges[path.speaks]
    return Flow(
        id=f"{journey}/{step}/{path.speaks}",
        uid="00" * 16,
        row=journey,
        row_kind="journey",
        exchange=path.speaks,
        transport="tcp",
        host=exchange.host,
        port=catalog.port_of(path.needs[0]),
        tls=exchange.tls,
    )
