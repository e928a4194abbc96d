"""Journey `webcam`: shown to the contact and seen of it, directly; then as where nothing but the reflector is reached.

Source: dossier media.md 4.5, 4.6.
"""

from __future__ import annotations

from emulator.catalog.model import Path
from emulator.client import camera
from emulator.client.camera import Camera, Shown, shown
from emulator.client.network import Unexpected
from emulator.client.transfer import Transfers
from emulator.probe.journeys.company import Company
from emulator.probe.journeys.direct import JourneyWays, journey_ways
from emulator.probe.journeys.legs import LinkWeb
from emulator.probe.journeys.travel import Travel
from emulator.wire import reflector, reflector_http, webcam
from emulator.wire.webcam_words import Role

CONTACT = "voice@example.com"  # the contact of the default cast that looks at webcams, and has one
PATIENCE = 6.0  # time-outs: connections that do not come up are waited for


async def travel(journey: Travel) -> None:
    """Take every step. Raises StepFailed where a required one fails."""
    person = _Person(journey)
    await journey.step("ticket", person.ticket)
    await journey.step("sign-in", person.sign_in)
    await journey.step("show", person.show, patience=PATIENCE)
    await journey.step("look", person.look, patience=PATIENCE)
    await journey.step("reflector", person.reflector, patience=PATIENCE)
    await journey.step("sign-out", person.sign_out)


class _Person(Company):
    """What one step leaves for the next."""

    def __init__(self, journey: Travel) -> None:
        super().__init__(journey, CONTACT)
        self._cameras: list[Camera] = []
        self._transfers: Transfers | None = None

    async def show(self, path: Path) -> str:
        frames = webcam.frames(self.journey.place.entropy(8))
        mine = await self._invited("producer", self._ways())
        told = self.board.heard()
        seen = await mine.direct(self.journey.place.timeout, frames)
        return await self._compared(seen, (await told).message.text, mine)

    async def look(self, path: Path) -> str:
        mine = await self._invited("viewer", self._ways())
        told = self.board.heard()
        seen = await mine.direct(self.journey.place.timeout)
        return await self._compared(seen, (await told).message.text, mine)

    async def reflector(self, path: Path) -> str:
        """A producer to whom nothing direct came up: two HTTP calls, a word to the viewer, frames for credits."""
        journey = self.journey
        frames = webcam.frames(journey.place.entropy(8))
        mine = await self._invited("producer", None)
        calls = await journey.open(reflector_http.HOST, journey.port(path), b"", tls=False, raw=False)
        tunnel = await camera.tunnel(LinkWeb(calls))
        calls.end()
        journey.put_aside(calls, forget=True)  # no field of theirs holds a tag; the tunnel that they made does
        told = self.board.heard()
        await mine.tell(tunnel)
        leg = await journey.open(
            journey.exchange(path).host, journey.port(path), bytes.fromhex(tunnel.tid), tls=False, raw=True
        )
        await leg.talk(lambda context: reflector.producer(tunnel.tid, frames))
        leg.linger()
        return await self._compared(shown(frames, "through the reflector"), (await told).message.text, mine)

    async def sign_out(self, path: Path) -> str:
        for one in self._cameras:
            one.close()
        return await super().sign_out(path)

    def _ways(self) -> JourneyWays:
        return journey_ways(self.journey, self.me.seen)

    async def _invited(self, role: Role, ways: JourneyWays | None) -> Camera:
        if self._transfers is None:
            self._transfers = Transfers(self.board, self.me.network)
        mine = await camera.invite(self._transfers, self.me.network, CONTACT, role, ways)
        self._cameras.append(mine)
        await mine.agree()
        return mine

    async def _compared(self, seen: Shown, told: str, mine: Camera) -> str:
        mine.close()
        if seen.sha1 not in told:
            raise Unexpected(f"the frames are others at the other end: {told[:120]}")
        return f"{seen.frames} frames, {seen.size} bytes, {seen.way}; the same SHA-1 at both ends"
