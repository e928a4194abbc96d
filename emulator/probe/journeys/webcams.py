"""Journey `webcam`: shown to the contact and seen of it, directly; then as where nothing but the reflector is reached.

Source: dossier media.md 4.5, 4.6.
"""

from __future__ import annotations

from emulator.catalog.model import Path
from emulator.client import camera
from emulator.client.account import Tickets
from emulator.client.board import Board
from emulator.client.camera import Camera, Shown, shown
from emulator.client.messenger import Messenger
from emulator.client.network import Unexpected
from emulator.client.transfer import Transfers
from emulator.probe.journeys.direct import JourneyWays, journey_ways
from emulator.probe.journeys.legs import LinkWeb
from emulator.probe.journeys.person import Person, call
from emulator.probe.journeys.travel import Pointless, Travel
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


class _Person:
    """What one step leaves for the next."""

    def __init__(self, journey: Travel) -> None:
        self._journey = journey
        self._me = Person(journey, journey.tag)
        self._tickets: Tickets
        self._messenger: Messenger
        self._signing: Path
        self._board: Board | None = None
        self._cameras: list[Camera] = []
        self._transfers: Transfers

    async def ticket(self, path: Path) -> str:
        self._tickets = await self._me.tickets(secure=self._journey.exchange(path).tls)
        return f"{len(self._tickets.tokens)} tickets"

    async def sign_in(self, path: Path) -> str:
        """Signed in, and in a conversation with the contact: invitations travel there."""
        self._messenger, words = await self._me.sign_in(path, self._tickets)
        await self._messenger.present()
        board, _ = await self._me.board(self._messenger, path)
        try:
            await call(board, CONTACT)
        except Pointless as nobody:
            await board.leave()
            return f"{words}; {nobody}"
        self._board, self._transfers = board, Transfers(board, self._me.network)
        return words

    async def show(self, path: Path) -> str:
        frames = webcam.frames(self._journey.place.entropy(8))
        mine = await self._invited("producer", self._ways())
        told = self._there().heard()
        seen = await mine.direct(self._journey.place.timeout, frames)
        return await self._compared(seen, (await told).message.text, mine)

    async def look(self, path: Path) -> str:
        mine = await self._invited("viewer", self._ways())
        told = self._there().heard()
        seen = await mine.direct(self._journey.place.timeout)
        return await self._compared(seen, (await told).message.text, mine)

    async def reflector(self, path: Path) -> str:
        """A producer to whom nothing direct came up: two HTTP calls, a word to the viewer, frames for credits."""
        journey = self._journey
        frames = webcam.frames(journey.place.entropy(8))
        mine = await self._invited("producer", None)
        calls = await journey.open(reflector_http.HOST, journey.port(path), b"", tls=False, raw=False)
        tunnel = await camera.tunnel(LinkWeb(calls))
        calls.end()
        journey.put_aside(calls, forget=True)  # no field of theirs holds a tag; the tunnel that they made does
        told = self._there().heard()
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
        if self._board is not None:
            await self._board.leave()
        await self._messenger.leave()
        return "left"

    def _ways(self) -> JourneyWays:
        return journey_ways(self._journey, self._me.seen)

    def _there(self) -> Board:
        if self._board is None:
            raise Pointless(f"{CONTACT} is not there: the emulator's cast has no such contact")
        return self._board

    async def _invited(self, role: Role, ways: JourneyWays | None) -> Camera:
        self._there()
        mine = await camera.invite(self._transfers, self._me.network, CONTACT, role, ways)
        self._cameras.append(mine)
        await mine.agree()
        return mine

    async def _compared(self, seen: Shown, told: str, mine: Camera) -> str:
        mine.close()
        if seen.sha1 not in told:
            raise Unexpected(f"the frames are others at the other end: {told[:120]}")
        return f"{seen.frames} frames, {seen.size} bytes, {seen.way}; the same SHA-1 at both ends"
