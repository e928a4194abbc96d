"""`messenger-lab ping`: does the emulator of a join file answer, and what does not listen there?"""

from __future__ import annotations

import sys
from typing import Any

import rich_click as click
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from emulator.catalog import load
from emulator.cli.joining import read_join
from emulator.cli.terminal import BAD_INPUT, CANNOT_RUN, clear_errors, complain, console
from emulator.probe.control import Control, ControlLost
from emulator.wire.control import Status


@click.command("ping", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--join", "join_from", metavar="FILE|-", help="Join file of the emulator (or MESSENGER_LAB_JOIN).")
@click.option("--timeout", type=click.FloatRange(0.2, 60), default=3.0, show_default=True, help="Seconds to wait.")
def command(join_from: str | None, timeout: float) -> None:
    """Ask the emulator over the control channel whether it is there: before a long run, or as a health check.

    Exit codes: 0 it answers · 2 bad input, or another emulator answers · 3 no answer.
    """
    with clear_errors():
        join = read_join(load(), join_from, expired=True)
        if join is None:
            complain("ping needs --join FILE, the file that serve wrote", BAD_INPUT)
        from twisted.internet import reactor

        control = Control(reactor, join, timeout=timeout)

        async def ask() -> Status:
            await control.open()
            try:
                return await control.status()
            finally:
                control.close()

        try:
            status = _run(reactor, ask())
        except ControlLost as lost:
            complain(f"no answer: {lost}: is it running, and does {', '.join(join.control)} get through?", CANNOT_RUN)
        closed = [one for one in status.listeners if not one.open]
        console.print(f"[green]up[/]  {len(status.listeners) - len(closed)} ports open", highlight=False)
        for one in closed:
            console.print(f"not open: {one.transport} {one.address}:{one.port}: {one.why}", markup=False)
        sys.exit(0)


def _run(reactor: Any, work: Any) -> Any:
    """One piece of work on the reactor, to its end. Raises what it raises, KeyboardInterrupt when there was none."""
    found: list[Any] = []

    def done(result: Any) -> None:
        found.append(result)
        reactor.stop()

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(work).addBoth(done))
    reactor.run()
    if not found:
        raise KeyboardInterrupt
    if isinstance(found[0], Failure):
        found[0].raiseException()
    return found[0]
