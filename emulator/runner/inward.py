"""The other direction of a pass: this vantage listens, the emulator dials it as a contact would, both ends are judged.

Runs beside the survey, over the same control channel. Needs an emulator that is not on this machine.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec
from msgspec.structs import replace
from twisted.internet.task import LoopingCall, deferLater

from emulator.catalog import Catalog
from emulator.client.shared_ports import SharedPorts
from emulator.judge import classify, evidence
from emulator.judge.flow import Flow
from emulator.judge.observation import Observation
from emulator.judge.record import Judged
from emulator.net.route import is_ours, source_for
from emulator.pki.tls import client_context
from emulator.probe.control import Control, ControlLost, ControlRefused
from emulator.probe.plan import plan_inward
from emulator.probe.recorder import not_started
from emulator.probe.tags import Tags
from emulator.services.vantage import Vantage
from emulator.wire.control import Dial, Inward
from emulator.wire.join import Join
from emulator.wire.receipt import Receipt

LOOK = 0.1  # seconds between two looks at half-open connections
ASK = 0.25  # seconds between two questions whether the emulator knows where to dial, and whether it has done
ANYWAY = 2  # questions after which the emulator may dial where its operator allows it, although nothing has arrived
MORE = 5.0  # seconds beyond two time-outs that the emulator may take for all flows
NUMBERS = 1_000_000  # receipts of this end have numbers from here, so that none is mistaken for the far end's


class InwardPass:
    """One pass's inward flows. `control` is open; `run` is the emulator's name for the run."""

    def __init__(
        self,
        reactor: Any,
        catalog: Catalog,
        join: Join,
        control: Control,
        run: str,
        *,
        seed: str,
        samples: int,
        timeout: float,
        now: Callable[[], float],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._reactor = reactor
        self._catalog = catalog
        self._control = control
        self._run = run
        self._timeout = timeout
        self._address = source_for(join.address("peer"))
        self.note = ""
        self._flows: tuple[Flow, ...] = ()
        if not self._address:
            self.note = "no way to the contact from here: nothing was opened from outside"
        elif is_ours(join.address("peer")):
            self.note = "the emulator is on this machine: nothing can be opened from outside"
        else:
            self._flows = plan_inward(catalog, seed=bytes.fromhex(seed), samples=samples, uid=lambda: entropy(16).hex())
        tags = Tags(entropy(32))
        fields = {flow.id: catalog.exchanges[flow.exchange].tag for flow in self._flows}
        self._tags = {name: tags.allocate(field.protocol, field.bits) for name, field in fields.items()}
        self._vantage = Vantage(reactor, join, self._address, client_context(), now=now, entropy=entropy)
        self._dialled = False
        self._failed: dict[str, str] = {}
        self._seen: dict[str, Observation] = {}
        self._why = ""
        self._over = False
        self._halted = False
        self._watch = LoopingCall(self._vantage.look)
        self._watch.clock = reactor

    @property
    def shared(self) -> SharedPorts:
        """The ports that it listens on, for transfers of the journeys that await their peer there."""
        return self._vantage.shared

    def open(self) -> None:
        """Listen on every port that will be dialled; before the first flow goes out, which might take one of them."""
        failed = self._vantage.open(sorted({(flow.transport, flow.port) for flow in self._flows}))
        for flow in self._flows:
            if (flow.transport, flow.port) in failed:
                self._failed[flow.id] = f"this machine cannot listen there: {failed[(flow.transport, flow.port)]}"

    def stop(self, why: str) -> None:
        """The flows of this pass are over: if nothing is dialled yet, nothing will be."""
        self._over = True
        self._why = self._why or why

    def halt(self, why: str) -> None:
        """Interrupted: what is dialled now is not waited for either."""
        self._halted = True
        self.stop(why)

    async def dial(self) -> None:
        """Have the emulator dial, and wait for what it saw. Never raises for what happens on the way."""
        wanted = [flow for flow in self._flows if flow.id not in self._failed]
        try:
            if wanted:
                self._watch.start(LOOK)
                await self._dial(wanted)
        except (ControlLost, ControlRefused) as lost:
            self._why = f"the emulator could not be asked to dial: {lost}"
        finally:
            if self._watch.running:
                self._watch.stop()

    async def judged(self) -> tuple[tuple[Judged, ...], tuple[Receipt, ...]]:
        """Verdicts of all inward flows and this end's receipts; none when nothing was dialled. Closes the listeners."""
        receipts = tuple(replace(one, id=one.id + NUMBERS) for one in self._vantage.receipts())
        await self._vantage.close()
        if not self._dialled:
            self.note = self.note or f"nothing was opened from outside: {self._why or 'the emulator was not asked'}"
            return (), ()
        index = evidence.Index(receipts)
        found = []
        for flow in self._flows:
            seen = self._seen.get(flow.id)
            if seen is None:
                why = self._failed.get(flow.id) or self._why or "the emulator did not say what it saw"
                seen = not_started(flow, why)
            protocol = self._catalog.exchanges[flow.exchange].tag.protocol
            tag = self._tags[flow.id].hex()
            known = index.evidence(flow, seen, protocol, tag, "up", watched=self._vantage.watched)
            ids = tuple(receipt.id for receipt in known.receipts)
            found.append(Judged(flow, seen, classify.classify(known), protocol, tag, known.joined_by, ids))
        return tuple(found), receipts

    async def _dial(self, wanted: list[Flow]) -> None:
        asked = Dial(
            self._run,
            self._address,
            self._timeout,
            tuple(
                Inward(flow.id, flow.exchange, self._tags[flow.id].hex(), flow.transport, flow.port) for flow in wanted
            ),
        )
        for patience in count():
            answer = await self._control.dial(replace(asked, anyway=patience >= ANYWAY))
            if answer.address:
                break
            if not answer.later or self._over:
                self._why = answer.why
                return
            await deferLater(self._reactor, ASK, lambda: None)
        self._dialled = True
        deadline = self._reactor.seconds() + 2 * self._timeout + MORE
        while True:
            dialled = await self._control.dialled()
            if dialled.done or self._halted or self._reactor.seconds() > deadline:
                break
            await deferLater(self._reactor, ASK, lambda: None)
        for raw in dialled.observations:
            seen = msgspec.convert(raw, Observation)
            self._seen[seen.flow] = seen
        if not dialled.done and not self._halted:
            self._why = "the emulator was not done in time"
