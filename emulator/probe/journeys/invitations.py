"""Journey `invitation`: a contact is invited as clients before P2P did it: to a call, to draw, to share, to be helped.

The whiteboard's own drawings and the desktop are not original (`wire.t120`, `wire.rdp`). Source: media.md 4.4, 6.
"""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from emulator.catalog.model import Path
from emulator.client import call_stream, invitations
from emulator.client.call_dialog import Call
from emulator.client.call_plain import PlainCall
from emulator.client.invitations import Invitation, Program
from emulator.client.network import StreamEnded, Unexpected
from emulator.net.route import source_for
from emulator.probe.journeys.call_leg import ANY, PEER, Media, MediaLeg, any_port, opened
from emulator.probe.journeys.company import Company
from emulator.probe.journeys.direct import InwardLeg
from emulator.probe.journeys.travel import Pointless, Travel
from emulator.wire import rdp, sdp, t120
from emulator.wire.msnp import message as mime
from emulator.wire.receipt import Endpoint

CONTACT = "voice@example.com"  # the contact of the default cast that takes such invitations
SECONDS = 0.4  # of voice: twenty packets each way


async def travel(journey: Travel) -> None:
    """Take every step. Raises StepFailed where a required one fails."""
    person = _Person(journey, CONTACT)
    await journey.step("ticket", person.ticket)
    await journey.step("sign-in", person.sign_in)
    await journey.step("voice", person.voice)
    await journey.step("whiteboard", lambda path: person.meeting(path, invitations.WHITEBOARD))
    await journey.step("sharing", lambda path: person.meeting(path, invitations.SHARING))
    await journey.step("assist", person.assist)
    await journey.step("assist-vista", person.assist)
    visits = (("drawn-upon", "whiteboard"), ("shown", "share"), ("helped", "help"), ("helped-vista", "help"))
    for step, word in visits:
        await journey.step(step, partial(person.visited, word))
    await journey.step("sign-out", person.sign_out)


class _Person(Company):
    """Every step invites anew."""

    async def voice(self, path: Path) -> str:
        """The ACCEPT names a SIP listener: a plain call to it, voice both ways, BYE."""
        place = self.journey.place
        there = place.join.address(PEER)
        here = place.source or source_for(there) or ANY
        listener = _named(await self._invited(invitations.VOICE, here), there)
        media = opened(place, call_stream.AUDIO, checks=False)
        try:
            caller = PlainCall(
                lambda receive: any_port(place, receive),
                self.me.address,
                here,
                (there, listener.port),
                call_later=place.reactor.callLater,
                entropy=place.entropy,
            )
            try:
                offer = sdp.encode(sdp.Session(here, (media.line.description(here, checks=False),)))
                call = await caller.invite(offer, place.entropy(16).hex())
                return await self._spoken(path, call, media, there)
            finally:
                caller.close()
        finally:
            media.line.close()

    async def _spoken(self, path: Path, call: Call, media: Media, there: str) -> str:
        remote = sdp.decode(call.answer).audio
        media.line.connect(replace(remote, address=there), there, send=False)
        media.port = remote.port
        leg = MediaLeg(self.journey, media, self.journey.exchange(path).host, None)
        self.journey.adopt(leg)
        words = await leg.talk(SECONDS)
        await call.hang_up()
        return f"{', '.join(call.heard)}; {words}; BYE was answered"

    async def meeting(self, path: Path, program: Program) -> str:
        """The ACCEPT names the place: T.120 there, to the board's channel."""
        place = await self._place(path, program)
        leg = await self.journey.open(PEER, place.port, self.journey.place.entropy(t120.TAG_SIZE), tls=False, raw=True)
        facts = await leg.talk(t120.client)
        leg.linger()
        return f"at {place.address}:{place.port}, user {facts['user']}, {facts['bytes']} bytes drawn upon"

    async def assist(self, path: Path) -> str:
        """Help is offered; the answer names the places, of XP and of Vista: RDP at the one of this path."""
        place = await self._place(path, invitations.OFFER)
        leg = await self.journey.open(PEER, place.port, self.journey.place.entropy(rdp.TAG_SIZE), tls=False, raw=True)
        facts = await leg.talk(rdp.client)
        leg.linger()
        return f"at {place.address}:{place.port}, user {facts['user']}, standard security"

    async def visited(self, word: str, path: Path) -> str:
        """The contact is asked in a word to invite and to come: the answer names this end, where it is awaited."""
        place, port = self.journey.place, self.journey.port(path)
        here = place.source or source_for(place.join.address(PEER))
        if place.shared is None or not place.shared.held(port):
            raise Pointless(f"nothing listens on {port} here: nobody can come")
        if here != self.me.seen:
            raise Pointless(f"the contact sees this end at {self.me.seen}, which is not where it listens")
        told = self.board.heard()
        await self.board.say(word)
        while (asked := invitations.read(await self.board.heard(mime.INVITATION))).program is None:
            pass  # an answer that came late
        tag = asked.tag(rdp.TAG_SIZE if asked.program is invitations.OFFER else t120.TAG_SIZE)
        over = place.shared.meetings.awaited(tag, InwardLeg(self.journey))
        over.addErrback(lambda failure: failure.trap(StreamEnded))  # the contact tells
        try:
            self.board.post(invitations.accepted(asked, Endpoint(here, port)))
            text = (await told).message.text
        finally:
            place.shared.meetings.forget(tag)
        if not text.startswith("I came"):
            raise Unexpected(text[:120])
        return f"at {here}:{port}; {text}"

    async def _place(self, path: Path, program: Program) -> Endpoint:
        there = self.journey.place.join.address(PEER)
        here = self.journey.place.source or source_for(there) or ANY
        return _named(await self._invited(program, here), there, self.journey.port(path))

    async def _invited(self, program: Program, here: str) -> Invitation:
        return await invitations.invite(self.board, self.me.network, program, here)


def _named(answer: Invitation, address: str, port: int = 0) -> Endpoint:
    """The place at the contact's address that an answer names, with that port where one is wanted."""
    for one in answer.places:
        if one.address == address and port in (0, one.port):
            return one
    wanted = f"{address}:{port}" if port else address
    raise Unexpected(
        f"the answer names {', '.join(f'{one.address}:{one.port}' for one in answer.places)}, not {wanted}"
    )
