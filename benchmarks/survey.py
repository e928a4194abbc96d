"""How long a survey and the demo take, beside nmap on the same TCP ports through the same rules.

Not what the Messenger service carries (`loads`). Needs root and Linux for the lab.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.rows import Row, say
from emulator.catalog import Catalog, load
from emulator.derive.sample import sampled_ports
from emulator.judge.record import PassRecord
from emulator.lab.lab import Lab
from emulator.runner.inlab import LabRunner, start_serve
from emulator.runner.passes import Options
from emulator.scenario.load import find
from emulator.scenario.load import load as load_scenario

ROUNDS = 3
SEED = "00112233"
HERE = Path(__file__).parent.parent
GOALS = {"open": "5 s", "block-all": "6.5 s (1.5 time-outs + 2 s)"}


def rows() -> Iterator[Row]:
    """One row after the other, as they are measured."""
    catalog = load()
    with tempfile.TemporaryDirectory() as place:
        certs = Path(place)
        say("serve, until it is ready")
        yield ("`serve` ready", _seconds(lambda: _serve_ready(certs, catalog)), "1 s", "")
        for samples in (8, 64):
            for name in GOALS:
                say(f"survey under {name}, {samples} samples, {ROUNDS} rounds; then nmap")
                yield _survey(catalog, certs, name, samples)
    say("demo")
    yield ("`demo`, 8 scenarios, 11 passes", f"{_demo():.1f} s", "90 s", "")


def _seconds(measure: Callable[[], float]) -> str:
    times = [measure() for _ in range(ROUNDS)]
    return f"{statistics.median(times):.2f} s"


def _survey(catalog: Catalog, certs: Path, name: str, samples: int) -> Row:
    """One scenario's survey in a lab of its own, and nmap on the same TCP ports through the same rules."""
    options = Options(seed=SEED, samples=samples)
    path = find(name, cwd=HERE)
    scenario = load_scenario(name, catalog, cwd=HERE)
    records: list[PassRecord] = []
    with Lab(catalog) as lab:
        join, _ = start_serve(lab, catalog, options, certs)
        runner = LabRunner(lab, join, options)
        for _ in range(ROUNDS):
            records.append(runner.run(path, scenario, scenario.passes[0], lambda done, total: None))
        peer = _nmap(lab, catalog, samples)
    flows = len(records[0].judged)
    seconds = statistics.median(record.seconds for record in records)
    return (f"survey under `{name}`, {samples} samples, {flows} flows", f"{seconds:.1f} s", GOALS[name], peer)


def _nmap(lab: Lab, catalog: Catalog, samples: int) -> str:
    if shutil.which("nmap") is None:
        return "not installed"
    ports = {*catalog.fixed_ports("tcp"), *sampled_ports(catalog, "tcp", bytes.fromhex(SEED), samples)}
    argv = ["nmap", "-sT", "-Pn", "-n", "-T4", "-p", ",".join(map(str, sorted(ports))), lab.addresses["peer"]]
    started = time.monotonic()
    lab.run("inside", argv, 120.0)
    return f"{time.monotonic() - started:.1f} s, {len(ports)} ports"


def _serve_ready(certs: Path, catalog: Catalog) -> float:
    """Seconds from start to join file, certificates there already (the first call makes them, and is not counted)."""
    options = Options(seed=SEED, samples=8)
    with Lab(catalog) as lab:
        if not any(certs.iterdir()):
            start_serve(lab, catalog, options, certs)[1].terminate()
    with Lab(catalog) as lab:
        started = time.monotonic()
        start_serve(lab, catalog, options, certs)
        return time.monotonic() - started


def _demo() -> float:
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as output:
        subprocess.run(
            [sys.executable, "-m", "emulator", "demo", "--output", output], check=False, stdout=subprocess.DEVNULL
        )
    return time.monotonic() - started
