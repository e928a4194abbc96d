"""Which ports are tested: both ends, the known ones, and a sample that both machines draw alike."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.catalog import Clause, load
from emulator.derive import sample
from emulator.derive.sample import MOST, inside, sampled_ports
from emulator.probe.plan import plan

CATALOG = load()
WIDE = [clause for clause in CATALOG.clauses if clause.wide]
NARROW = [clause for clause in CATALOG.clauses if not clause.wide]

clauses = st.sampled_from(WIDE)


@given(clauses, st.binary(min_size=1, max_size=16), st.integers(0, 64))
def test_wide_clauses(clause: Clause, seed: bytes, samples: int) -> None:
    ports = sample.tested_ports(clause, CATALOG, seed, samples)
    assert list(ports) == sorted(set(ports))
    assert {clause.low, clause.high} <= set(ports) <= set(range(clause.low, clause.high + 1))
    known = set(inside(clause, CATALOG))
    assert known <= set(ports)
    assert len(ports) == len({clause.low, clause.high} | known) + samples
    assert CATALOG.ports.control not in ports
    assert ports == sample.tested_ports(clause, CATALOG, seed, samples)


@pytest.mark.parametrize("clause", NARROW, ids=lambda clause: clause.id)
def test_narrow_clauses_are_tested_port_by_port(clause: Clause) -> None:
    assert sample.tested_ports(clause, CATALOG, b"x", 0) == tuple(range(clause.low, clause.high + 1))


@given(clauses, st.binary(min_size=1, max_size=16), st.integers(0, 20), st.integers(1, 20))
def test_more_samples_keep_the_ones_before(clause: Clause, seed: bytes, samples: int, more: int) -> None:
    assert set(sample.tested_ports(clause, CATALOG, seed, samples)) < set(
        sample.tested_ports(clause, CATALOG, seed, samples + more)
    )


def test_another_seed_draws_other_ports() -> None:
    clause = WIDE[0]
    assert sample.tested_ports(clause, CATALOG, b"one", 8) != sample.tested_ports(clause, CATALOG, b"two", 8)


def test_more_than_the_most_is_the_most() -> None:
    clause = WIDE[0]
    assert sample.tested_ports(clause, CATALOG, b"x", 10 * MOST) == sample.tested_ports(clause, CATALOG, b"x", MOST)
    assert sample.tested_ports(clause, CATALOG, b"x", -1) == sample.tested_ports(clause, CATALOG, b"x", 0)


def test_fixed_ports_of_other_clauses_are_the_known_ones() -> None:
    clause = CATALOG.clause_by_id["file-transfer-tcp-1025-65535"]
    assert set(inside(clause, CATALOG)) == {1503, 1863, 3389, 5061, *range(6891, 6901), 7001}
    assert inside(CATALOG.clause_by_id["remote-assistance-tcp-49152-65535"], CATALOG) == ()


@given(st.binary(min_size=1, max_size=16), st.integers(0, 30))
def test_both_ends_draw_the_same(seed: bytes, samples: int) -> None:
    """What the probe plans in the ranges, the emulator opens: fixed or sampled."""
    for transport in ("tcp", "udp"):
        opened = {*sampled_ports(CATALOG, transport, seed, samples), *CATALOG.fixed_ports(transport)}  # type: ignore[arg-type]
        opened |= {CATALOG.ports.relay} if transport == "udp" else set()
        flows = plan(CATALOG, seed=seed, samples=samples, uid=lambda: "")
        assert {flow.port for flow in flows if flow.transport == transport} <= opened


def test_another_process_draws_the_same() -> None:
    """No hash randomisation, no clock: the seed alone."""
    code = (
        "from emulator.catalog import load; from emulator.derive.sample import sampled_ports;"
        "print(sampled_ports(load(), 'tcp', bytes.fromhex('2d74475266212b87'), 8))"
    )
    ports = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout.strip()
        for seed in ("1", "2")
    ]
    assert ports[0] == ports[1] == str(sampled_ports(CATALOG, "tcp", bytes.fromhex("2d74475266212b87"), 8))


def test_clauses_that_share_a_range_share_their_sample() -> None:
    shared = [clause for clause in WIDE if (clause.transport, clause.low, clause.high) == ("tcp", 1025, 65535)]
    assert len(shared) == 3
    assert len({sample.tested_ports(clause, CATALOG, b"x", 8) for clause in shared}) == 1
