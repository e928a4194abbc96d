"""Runs scenarios in the lab: rules and proxy of each pass are loaded, then `run` is started inside, as a process.

Not a survey itself: the child does that, and hands its record back as JSON.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

import msgspec
from msgspec.structs import replace

from emulator.catalog import Catalog
from emulator.judge.record import PassRecord, RunRecord
from emulator.lab.addressing import INSIDE, LabError, host_addresses
from emulator.lab.boxes import Boxes
from emulator.lab.lab import Lab
from emulator.lab.state import serve_command
from emulator.runner.passes import Options
from emulator.scenario.model import Pass, Scenario

READY_LIMIT = 20.0  # seconds until `serve` must have written the join file
PASS_LIMIT = 300.0  # seconds for one pass, then its process is ended
BEYOND = 60.0  # seconds for a pass to end orderly when its own time budget is spent
USER, PASSWORD = "alice", "opal-Kite7"  # the proxy's only account, of this lab alone

Progress = Callable[[int, int], None]


class PassFailed(Exception):
    """The process inside ended without a record; `code` is its exit code, the text what it said last."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


def addresses_file(catalog: Catalog) -> str:
    """The lab's addresses as `serve --addresses` reads them."""
    return "".join(f'"{host}" = "{address}"\n' for host, address in host_addresses(catalog).items())


def serve_arguments(hosts: Path, join: Path, certs: Path | None, seed: str, samples: int) -> list[str]:
    """Arguments of `serve` outside: control and names over the management link only."""
    arguments = ["--addresses", str(hosts), "--control", Lab.mgmt_outside, "--dns", Lab.mgmt_outside]
    arguments += ["--vantages", f"{INSIDE}/32"]
    arguments += ["--join-out", str(join), "--seed", seed, "--samples", str(samples), "--quiet"]
    return arguments + (["--certs", str(certs)] if certs else [])


def start_serve(
    lab: Boxes, catalog: Catalog, options: Options, certs: Path | None, more: tuple[str, ...] = ()
) -> tuple[Path, subprocess.Popen[bytes]]:
    """Start the emulator outside; returns its join file once it is ready. Raises LabError when it does not start.

    `more`: further options of `serve`.
    """
    hosts, join, log = (lab.directory / name for name in ("hosts.toml", "join.toml", "serve.log"))
    hosts.write_text(addresses_file(catalog))
    with log.open("wb") as output:
        process = lab.spawn(
            "outside",
            serve_command([*serve_arguments(hosts, join, certs, options.seed, options.samples), *more]),
            stdout=output,
            stderr=output,
        )
    deadline = monotonic() + READY_LIMIT
    pidfd = os.pidfd_open(process.pid)
    try:
        while not join.exists():
            if select.select([pidfd], [], [], 0.02)[0] or monotonic() > deadline:
                raise LabError(f"the emulator did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")
    finally:
        os.close(pidfd)
    return join, process


class LabRunner:
    """Runs passes in one lab. The emulator is already there; `join` is its join file. `cable`: no rules are loaded."""

    def __init__(self, lab: Boxes, join: Path, options: Options, *, cable: bool = False) -> None:
        self._cable = cable
        self._lab = lab
        self._join = join
        self._options = options
        self._count = 0

    def run(self, file: Path, scenario: Scenario, wanted: Pass, progress: Progress) -> PassRecord:
        """One pass of the scenario in `file`. Raises LabError (rules or proxy do not load) or PassFailed."""
        if self._cable:
            self._lab.apply(self._no_rules())
        elif scenario.firewall_path is not None:
            self._lab.apply(scenario.firewall_path)
        proxy = self._proxy(scenario, wanted)
        self._count += 1
        out = self._lab.directory / f"pass-{self._count}.json"
        argv = [sys.executable, "-m", "emulator", "run", str(file), "--join", str(self._join)]
        argv += ["--json", str(out), "--progress", "lines", "--seed", self._options.seed]
        argv += ["--samples", str(self._options.samples), "--timeout", f"{self._options.timeout:g}"]
        argv += ["--pass", wanted.id]
        if proxy:
            argv += ["--proxy", proxy]
        code, words = self._child(argv, progress, max(PASS_LIMIT, scenario.budget + BEYOND))
        try:
            record = msgspec.json.decode(out.read_bytes(), type=RunRecord)
        except (OSError, msgspec.DecodeError) as error:
            raise PassFailed(code, words or f"no record: {error}") from error
        finally:
            out.unlink(missing_ok=True)
            self._lab.stop_proxy()
        return replace(record.passes[0], firewall="" if self._cable else scenario.firewall)

    def _no_rules(self) -> Path:
        path = self._lab.directory / "cable.nft"
        path.write_text("# a cable: everything passes\n")
        return path

    def _proxy(self, scenario: Scenario, wanted: Pass) -> str:
        configuration = scenario.proxy_path(wanted)
        if configuration is None:
            return ""
        self._lab.start_proxy(configuration, (USER, PASSWORD))
        if wanted.credentials != "right":
            return self._lab.proxy_url
        return self._lab.proxy_url.replace("http://", f"http://{USER}:{PASSWORD}@")

    def _child(self, argv: Sequence[str], progress: Progress, limit: float) -> tuple[int, str]:
        """Run the process inside; its standard output is progress, its standard error is for people."""
        process = self._lab.spawn("inside", argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        deadline = monotonic() + limit
        said = b""
        pending = b""
        pipes = [process.stdout, process.stderr]
        try:
            while pipes:
                ready = select.select(pipes, [], [], max(0.0, deadline - monotonic()))[0]
                if not ready:
                    process.kill()
                    raise PassFailed(3, f"the pass took longer than {limit:.0f} s and was ended")
                for pipe in ready:
                    data = os.read(pipe.fileno(), 65536)
                    if not data:
                        pipes.remove(pipe)
                    elif pipe is process.stderr:
                        said = (said + data)[-4000:]
                    else:
                        *lines, pending = (pending + data).split(b"\n")
                        for line in lines:
                            _report(line, progress)
            words = said.decode("utf-8", "replace").strip()
            return process.wait(), words.removeprefix("messenger-lab: ")  # it is said again, with the name in front
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stdout.close()
            process.stderr.close()


def _report(line: bytes, progress: Progress) -> None:
    try:
        done, total = json.loads(line)
    except (ValueError, TypeError):
        return
    progress(done, total)
