"""`messenger-lab run`: scenarios from here, against the emulator of a join file, or in the lab of this machine."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import rich_click as click
from msgspec.structs import replace

from emulator.catalog import Catalog, load
from emulator.cli import reference
from emulator.cli.joining import read_join
from emulator.cli.results import Sinks, deliver, run_record
from emulator.cli.selection import Todo, apart, name_of, select, todo, without_proxy
from emulator.cli.terminal import (
    BAD_INPUT,
    check_writable,
    checked_seed,
    clear_errors,
    complain,
    entropy,
    now,
    stderr,
)
from emulator.judge.record import PassRecord, RunRecord
from emulator.net.descriptors import raise_limit
from emulator.probe.place import Proxy, parse_proxy
from emulator.report.progress import ProgressLine
from emulator.runner.passes import DEFAULT_TIMEOUT, Options, Runner
from emulator.scenario.model import Pass
from emulator.wire.join import Join


@click.command("run", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO...")
@click.option("--join", "join_from", metavar="FILE|-", help="Join file of the emulator (or MESSENGER_LAB_JOIN).")
@click.option("--lab", "lab_name", metavar="NAME", help="Use the lab that is up under this name (`lab up --name`).")
@click.option("--proxy", metavar="URL", help="HTTP proxy in the path: http://[user:password@]host:port.")
@click.option("--pass", "only", metavar="NAME", help="Only this pass of each scenario.")
@click.option("--samples", type=click.IntRange(0, 512), help="Random ports per range (default: the join file's).")
@click.option("--seed", metavar="HEX", help="Replay the ports of an earlier run.")
@click.option("--timeout", type=click.FloatRange(0.2, 60), default=DEFAULT_TIMEOUT, show_default=True)
@click.option(
    "--vantage",
    "vantages",
    multiple=True,
    metavar="NAME|[NAME=]user@host[:port]",
    help="Name of this place in the report; or another machine, by ssh. May be given again.",
)
@click.option("--ssh-config", type=click.Path(path_type=Path), help="Configuration of ssh for vantages (ssh -F).")
@click.option("--bundle", type=click.Path(path_type=Path), help="What vantages get (default: one for this platform).")
@click.option("--json", "json_out", type=click.Path(path_type=Path), help="Write all evidence as JSON.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML, one test case per expectation.")
@click.option("--html", type=click.Path(path_type=Path), help="Write one self-contained HTML report.")
@click.option(
    "--reference",
    "reference_out",
    type=click.Path(path_type=Path),
    help="The device is replaced by a cable: keep what passes then in this file.",
)
@click.option("--against", type=click.Path(path_type=Path), help="Say what the device did, beside this reference.")
@click.option("--progress", type=click.Choice(["auto", "lines", "none"]), default="auto", show_default=True)
@click.option("--certs", type=click.Path(path_type=Path), help="Certificates of a lab built by this command.")
def command(
    scenarios: tuple[str, ...],
    join_from: str | None,
    lab_name: str | None,
    proxy: str | None,
    only: str | None,
    samples: int | None,
    seed: str | None,
    timeout: float,
    vantages: tuple[str, ...],
    ssh_config: Path | None,
    bundle: Path | None,
    json_out: Path | None,
    junit: Path | None,
    html: Path | None,
    reference_out: Path | None,
    against: Path | None,
    progress: str,
    certs: Path | None,
) -> None:
    """Run scenarios and hold what happens against what they say.

    With a join file the device between here and the emulator is tested, firewall files of the scenarios are ignored.
    `--reference FILE` first, over a cable, then `--against FILE` tells what the device did and what it did not.
    Without a join file, the lab that is up is used, else one is built (Linux; without root in a user namespace).

    Exit codes: 0 all as expected · 1 not met · 2 bad input · 3 undecided · 130 interrupted (reports are written first).
    """
    with clear_errors():
        catalog = load()
        chosen = select(catalog, scenarios)
        sinks = Sinks(json_out, junit, html, lines=progress == "lines")
        for path in (json_out, junit, html, reference_out):
            check_writable(path)
        seed = checked_seed(seed)
        if reference_out is not None and (against is not None or proxy is not None):
            complain("--reference is a run over a cable: leave --against and --proxy out", BAD_INPUT)
        known = reference.read(against, catalog) if against is not None else None
        if known is not None:  # the same ports, so that the same is compared
            seed = seed or known.passes[0].seed
            samples = known.passes[0].samples if samples is None else samples
        cable = reference_out is not None
        here, away = apart(vantages)
        if lab_name is not None and join_from is not None:
            complain("--lab and --join name two emulators: give one of them", BAD_INPUT)
        join = None if lab_name is not None else read_join(catalog, join_from)
        if away and (join is None or cable):
            complain("--vantage elsewhere needs --join, and is none for --reference", BAD_INPUT)
        if join is None:
            if proxy:
                complain("--proxy needs --join: in the lab a scenario names its own proxy", BAD_INPUT)
            from emulator.cli.labrun import run_in_lab  # Linux only; a run with a join file is not

            wanted, skipped = todo(chosen, only, reference.no_proxy if cable else lambda one: "")
            record = run_in_lab(catalog, wanted, samples, seed, timeout, certs, lab_name, cable=cable)
        else:
            options = Options(
                seed=seed or join.seed,
                samples=join.samples if samples is None else samples,
                timeout=timeout,
                vantage=here or "inside",
                proxy=parse_proxy(proxy) if proxy else None,
            )
            wanted, skipped = todo(chosen, only, lambda one: _why_not(one, options.proxy, cable=cable))
            if away:
                from emulator.cli.vantages import Wanted, run_from_all  # a bundle, which is one vantage, has it not

                more = [("--pass", only), ("--proxy", proxy)]
                record = run_from_all(
                    Wanted(catalog, chosen, wanted, options, join, tuple(more), ssh_config, bundle),
                    away,
                    here,
                    lambda: _run_from_here(catalog, join, wanted, options, progress),
                    progress,
                )
            else:
                record = _run_from_here(catalog, join, wanted, options, progress)
        record = replace(record, skipped=tuple(skipped))
        if reference_out is not None:
            record = reference.as_reference(record)
            from emulator.report import json

            json.write(record, reference_out)
        if known is not None:
            record = reference.against(record, known)
        sys.exit(deliver(record, catalog, sinks))


def _why_not(one: Pass, proxy: Proxy | None, *, cable: bool) -> str:
    """Why a pass is skipped from here; "" when it is run."""
    return reference.no_proxy(one) if cable else without_proxy(one, proxy)


def _run_from_here(catalog: Catalog, join: Join, wanted: Todo, options: Options, progress: str) -> RunRecord:
    from twisted.internet import reactor  # the one place (with `serve`) where a reactor is chosen
    from twisted.internet.defer import Deferred

    raise_limit()
    if any(scenario.firewall for _, scenario, _ in wanted) and progress == "auto":
        stderr.print("[dim]firewall and proxy files of the scenarios are ignored: the device here is tested[/]")
    line = ProgressLine(stderr, progress)
    started = now()
    done: list[PassRecord] = []
    refused: list[Exception] = []
    runner = Runner(reactor, catalog, join, now=now, entropy=entropy, progress=line.update)

    async def work() -> None:
        for _, scenario, one in wanted:
            if runner.stopped:
                return
            line.begin(name_of(scenario, one))
            record = await runner.run(scenario, one, options)
            done.append(record)
            if record.control == "lost":
                return

    def interrupt(number: int, frame: object) -> None:
        cast_reactor.callFromThread(runner.stop, "interrupted")

    def finished(result: Any) -> None:
        if result is not None:
            refused.append(result.value)
        cast_reactor.stop()

    cast_reactor: Any = reactor
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    cast_reactor.callWhenRunning(lambda: Deferred.fromCoroutine(work()).addBoth(finished))
    cast_reactor.run(installSignalHandlers=False)
    line.end()
    if refused:
        raise refused[0]
    names = [f"{scenario.id}/{one.id}" for _, scenario, one in wanted[len(done) :]]
    return run_record(catalog, started, done, names, interrupted=bool(runner.stopped))
