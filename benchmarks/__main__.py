"""`python -m benchmarks`: how long a survey takes, beside nmap on the same ports. Printed, never asserted.

Needs root and Linux for the lab; without them it says so. `--readme` writes the table into README.md.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import messenger
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
LOOPBACK = "127.0.0.61"
SIGN_INS, AT_ONCE = 1000, 8
HERE = Path(__file__).parent.parent


def main() -> int:
    """Run all benchmarks; returns an exit code."""
    if sys.platform != "linux" or os.geteuid() != 0:
        print("the lab needs Linux and root: run `sudo make bench`")
        return 3
    catalog = load()
    rows = [("what", "measured", "goal", "peer (survey: nmap -sT, same TCP ports, near end only)")]
    with tempfile.TemporaryDirectory() as certs:
        rows.append(("`serve` ready", _seconds(lambda: _serve_ready(Path(certs), catalog)), "1 s", ""))
        for samples, names in ((8, ("open", "block-all")), (64, ("open", "block-all"))):
            for name in names:
                rows.append(_survey(catalog, Path(certs), name, samples))
        rows.append(_sign_ins(Path(certs)))
    rows.append(("`demo`, 8 scenarios, 11 passes", f"{_demo():.1f} s", "90 s", ""))
    text = "\n".join("| " + " | ".join(row) + " |" for row in (rows[0], ("---",) * 4, *rows[1:]))
    print(text)
    if "--readme" in sys.argv:
        page = HERE / "README.md"
        head, _, rest = page.read_text().partition("<!-- bench -->")
        page.write_text(f"{head}<!-- bench -->\n{text}\n<!-- end bench -->{rest.partition('<!-- end bench -->')[2]}")
    return 0


def _seconds(measure: Callable[[], float]) -> str:
    times = [measure() for _ in range(ROUNDS)]
    return f"{statistics.median(times):.2f} s"


def _survey(catalog: Catalog, certs: Path, name: str, samples: int) -> tuple[str, str, str, str]:
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
    goal = "5 s" if name == "open" else "6.5 s (1.5 time-outs + 2 s)"
    return (f"survey under `{name}`, {samples} samples, {flows} flows", f"{seconds:.1f} s", goal, peer)


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


def _sign_ins(certs: Path) -> tuple[str, str, str, str]:
    """Complete sign-ins per second: the server on one core, the load generator on another where there are two."""
    join, people = certs / "join.toml", certs / "people.toml"
    people.write_text(messenger.cast())
    argv = [sys.executable, "-m", "emulator", "serve", "--address", LOOPBACK, "--samples", "0", "--quiet"]
    argv += ["--control-port", "8761", "--certs", str(certs), "--join-out", str(join), "--cast", str(people)]
    server = subprocess.Popen(argv)
    try:
        deadline = time.monotonic() + 20
        while not join.exists():
            if server.poll() is not None or time.monotonic() > deadline:
                return ("complete MSNP15 sign-ins", "the server did not start", "150 /s", "")
            time.sleep(0.02)
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(server.pid, {cores[0]})
        os.sched_setaffinity(0, {cores[-1]})
        rate = asyncio.run(messenger.sign_ins(LOOPBACK, SIGN_INS, AT_ONCE))
        os.sched_setaffinity(0, cores)
    finally:
        server.terminate()
        server.wait(20)
    peer = f"asyncio server in Python: {messenger.PEER:.0f} /s"
    return (f"complete MSNP15 sign-ins over plain HTTP ({SIGN_INS})", f"{rate:.0f} /s", "150 /s", peer)


def _demo() -> float:
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as output:
        subprocess.run(
            [sys.executable, "-m", "emulator", "demo", "--output", output], check=False, stdout=subprocess.DEVNULL
        )
    return time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
