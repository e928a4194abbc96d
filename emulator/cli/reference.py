"""Runs over a cable, kept as a reference, and what a device did beside one. For `run`."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from emulator.catalog import Catalog
from emulator.cli.results import stored
from emulator.cli.terminal import BAD_INPUT, complain
from emulator.judge.compare import compare
from emulator.judge.record import PassRecord, RunRecord
from emulator.scenario.model import Pass


def read(path: Path, catalog: Catalog) -> RunRecord:
    """A reference. Raises BadInput when the file is none, or of another catalog."""
    record = stored(path, catalog)
    if not record.passes:
        complain(f"{path}: holds no pass: make it again with `run --reference FILE`", BAD_INPUT)
    return record


def no_proxy(one: Pass) -> str:
    """Why a pass is no reference; "" when it is one."""
    return "a reference goes over a cable, and this pass through a proxy" if one.proxy else ""


def as_reference(record: RunRecord) -> RunRecord:
    """The run without expectations: they speak of a device, and there was none."""
    return replace(record, passes=tuple(replace(one, expectations=()) for one in record.passes))


def against(record: RunRecord, reference: RunRecord) -> RunRecord:
    """The run with what the device did in each pass."""
    return replace(record, passes=tuple(_against(one, reference) for one in record.passes))


def _against(one: PassRecord, reference: RunRecord) -> PassRecord:
    cable = next((other for other in reference.passes if other.vantage == one.vantage), reference.passes[0])
    return replace(
        one,
        device=compare(
            [(item.flow, item.verdict) for item in cable.judged],
            [(item.flow, item.verdict) for item in one.judged],
            at=cable.started,
            outcomes=(cable.outcomes, one.outcomes),
            networks=(cable.network, one.network),
        ),
    )
