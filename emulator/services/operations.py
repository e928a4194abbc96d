"""What the control channel can do with a running emulator. Not HTTP: `control.py` is the door, this is the room."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import LoopingCall

from emulator import __version__
from emulator.catalog import Catalog
from emulator.net.dial import DialFailed, dial
from emulator.net.linux.halfopen import TABLE as HALF_OPEN
from emulator.net.linux.halfopen import half_open
from emulator.net.route import is_ours
from emulator.services.journal import Journal
from emulator.services.listeners import Listeners
from emulator.services.runs import DialsBack, Runs
from emulator.services.surroundings import Surroundings
from emulator.wire.control import (
    Announce,
    Check,
    Dial,
    Dialled,
    Dialling,
    Receipts,
    RunStart,
    RunStarted,
    SelfCheck,
    Status,
)
from emulator.wire.receipt import Endpoint

WATCH_EVERY = 0.1  # seconds between two looks at half-open connections
WATCH_FOR = 30.0  # seconds after the last news of a run
SELFCHECK_TIMEOUT = 2.0  # seconds
MOST_DIALS = 4_000  # flows that one request may open


class Operations:
    """The running emulator as the control channel sees it.

    Several runs may go on at once. `make_back` makes what opens flows to the vantage of one; None where nobody dials.
    Observed addresses are dialled only, and those in the networks `known`, which the operator named. `forget` is
    called when a run begins: what runs that are long over left may go.
    """

    def __init__(
        self,
        reactor: Any,
        catalog: Catalog,
        journal: Journal,
        listeners: Listeners,
        surroundings: Surroundings,
        make_back: Callable[[], DialsBack] | None = None,
        known: Sequence[IPv4Network] = (),
        forget: Callable[[], object] = lambda: None,
    ) -> None:
        self._forget = forget
        self._known = tuple(known)
        self._reactor = reactor
        self._catalog = catalog
        self._journal = journal
        self._listeners = listeners
        self._surroundings = surroundings
        self._started = surroundings.now()
        self._runs = Runs(surroundings.now, make_back)
        self._watch = LoopingCall(self._look)
        self._watch.clock = reactor
        self._news = 0.0

    def start_run(self, start: RunStart, observed: str) -> RunStarted:
        """Forget the former run of this vantage, open what this one needs."""
        source = (start.vantage, observed)
        self._runs.forget(source)
        serial = self._journal.begin(self._runs.oldest())
        name = f"{start.vantage}-{self._surroundings.entropy(4).hex()}"
        self._runs.add(name, source, serial)
        self._forget()
        self._listeners.open_samples(bytes.fromhex(start.seed), start.samples)
        if start.leaks:
            self._listeners.open_leaks()
        self._keep_watching()
        return RunStarted(name, self._surroundings.now(), observed, serial, HALF_OPEN.exists(), self._listeners.table)

    def announce(self, announced: Announce) -> None:
        """Remember what is about to come of a run (the latest announcement)."""
        run = self._runs.find(announced.run)
        if run is not None:
            run.expected = {item.flow: item for item in announced.flows}
        self._keep_watching()

    def receipts(self, after: int, run: str = "") -> Receipts:
        """News since a serial; asking for them is the heartbeat of a run."""
        self._runs.find(run)
        self._keep_watching()
        receipts, serial = self._journal.since(after)
        return Receipts(receipts, serial, self._surroundings.now())

    def selfcheck(self) -> Deferred[SelfCheck]:
        """Dial our own TCP listeners, one per fixed port: is the far end itself in order?"""
        return Deferred.fromCoroutine(self._selfcheck())

    def dial(self, wanted: Dial, observed: str) -> Dialling:
        """Open flows to the vantage at its observed address. `observed`: where its control connection comes from."""
        run = self._runs.find(wanted.run)
        if run is None:
            return Dialling("", f"run {wanted.run[:40]} is over: another one began there, or it was silent for long")
        if run.back is None:
            return Dialling("", "this emulator opens no flows of its own")
        if len(wanted.flows) > MOST_DIALS:
            return Dialling("", f"{len(wanted.flows)} flows at once, at most {MOST_DIALS}: ask for fewer samples")
        seen = self._journal.peers({(item.protocol, item.tag) for item in run.expected.values() if item.tag})
        address = wanted.address if wanted.address in seen else max(seen, key=lambda one: seen[one], default="")
        known = wanted.address == observed or (wanted.anyway and self._operator_knows(wanted.address))
        if not address and known:
            address = wanted.address
        if not address:
            return Dialling("", "no flow of this run has arrived yet: where from is not known", later=True)
        if is_ours(address):
            return Dialling("", "the vantage is on the emulator's machine")
        run.back.start(address, wanted.timeout, wanted.flows)
        return Dialling(address)

    def dialled(self, name: str = "") -> Dialled:
        """What became of the flows that the emulator opened for a run."""
        run = self._runs.find(name)
        return run.back.dialled if run is not None and run.back is not None else Dialled(done=True)

    def _operator_knows(self, address: str) -> bool:
        try:
            return any(IPv4Address(address) in network for network in self._known)
        except AddressValueError:
            return False

    def status(self) -> Status:
        """State for people."""
        return Status(
            f"messenger-lab {__version__}",
            self._started,
            self._surroundings.now(),
            ", ".join(self._runs.names),
            self._listeners.table,
            len(self._journal),
            {"python": sys.version.split()[0]},
        )

    def stop(self) -> None:
        """Stop watching and dialling."""
        self._runs.end_all()
        if self._watch.running:
            self._watch.stop()

    async def _selfcheck(self) -> SelfCheck:
        """All ports at once: the answer must come before the near end gives the control channel up."""
        ports = self._catalog.fixed_ports("tcp")
        return SelfCheck(tuple(await gatherResults([Deferred.fromCoroutine(self._check(port)) for port in ports])))

    async def _check(self, port: int) -> Check:
        bound = self._surroundings.ports.bound(port)
        try:
            link = await dial(self._reactor, self._surroundings.addresses["peer"], bound, SELFCHECK_TIMEOUT)
        except DialFailed as problem:
            return Check(f"tcp/{port}", False, problem.detail)
        link.close()
        return Check(f"tcp/{port}", True)

    def _keep_watching(self) -> None:
        self._news = self._surroundings.now()
        if not self._watch.running:
            self._watch.start(WATCH_EVERY)

    def _look(self) -> None:
        for local, peer in half_open():
            public = self._surroundings.ports.public(local.port)
            self._journal.half_open(Endpoint(local.address, public), peer)
        if self._surroundings.now() - self._news > WATCH_FOR:
            self._watch.stop()
