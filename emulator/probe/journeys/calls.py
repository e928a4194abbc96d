"""Journey `call`: a call to the voice contact through TLS 443 with voice and pictures over UDP, then one by 5061.

The telephone part is emulated (the dialect of Windows Live Call is not known). Source: dossier media.md 4.1, 4.2, 7.
"""

from __future__ import annotations

from msgspec.structs import replace

from emulator.catalog.model import Path
from emulator.client import call_stream
from emulator.client.call_dialog import Call
from emulator.client.call_relay import Credentials, allocated
from emulator.client.call_telephone import Telephone
from emulator.client.network import Unexpected
from emulator.net.route import source_for
from emulator.probe.journeys.call_leg import ANY, PEER, Media, MediaLeg, any_port, opened
from emulator.probe.journeys.legs import LinkStream
from emulator.probe.journeys.travel import Travel
from emulator.wire import sdp, shared_secret, tags
from emulator.wire.receipt import Endpoint

VOICE = "voice@example.com"
NUMBER = "sip:+14255550100@call.example.test;user=phone"
SECONDS = 0.4  # of media in each stream: twenty packets each way


async def travel(journey: Travel) -> None:
    """Take every step. Raises StepFailed where a required one fails."""
    person = _Caller(journey)
    try:
        await _to_the_contact(journey, person)
    finally:  # a telephone call needs nothing of the other one
        try:
            if await journey.step("dial", person.dial):
                await journey.step("phone-media", person.phone_media)
                await journey.step("phone-hang-up", person.hang_up)
        finally:
            person.close()


async def _to_the_contact(journey: Travel, person: _Caller) -> None:
    await journey.step("register", person.register)
    await journey.step("relay", person.relay)
    await journey.step("ring", person.ring)
    try:
        try:
            await journey.step("media", person.media)
        finally:  # pictures have ports of their own
            await journey.step("picture", person.picture)
    finally:  # it rings, and is silent: whoever called hangs up
        await journey.step("hang-up", person.hang_up)


class _Caller:
    """What one step leaves for the next."""

    def __init__(self, journey: Travel) -> None:
        self._journey = journey
        self._telephones: list[Telephone] = []
        self._call: Call | None = None
        self._media: dict[str, Media] = {}  # of the call under way, by kind
        self._relay: Credentials | None = None
        self._opened: list[Media] = []

    async def register(self, path: Path) -> str:
        telephone, expires = await self._registered(path, self._journey.port(path), self._journey.tag)
        seen = telephone.mapped
        return f"registered for {expires} s" + (f", seen from {seen.address}:{seen.port}" if seen else "")

    async def relay(self, path: Path) -> str:
        """Credentials, and a port at the relay for each component."""
        journey, place = self._journey, self._journey.place
        exchange = journey.exchange(path)
        leg = await journey.open(exchange.host, journey.port(path), journey.new_tag(), tls=True, raw=False)
        found = await leg.talk(shared_secret.client)
        leg.end()
        username, relay = bytes.fromhex(str(found["username"])), found["relay"]
        assert isinstance(relay, list)
        password = shared_secret.derive_password(place.relay_key, username)
        self._relay = Credentials(Endpoint(*relay), username, password)
        audio = self._media["audio"] = self._open(call_stream.AUDIO)
        ports = await allocated(
            self._relay, audio.line, lambda receive: any_port(place, receive), place.reactor.callLater, place.entropy
        )
        audio.line.relay(ports)
        audio.relayed = ports[0]
        return f"relayed at {', '.join(f'{one.address.address}:{one.address.port}' for one in ports)}"

    async def ring(self, path: Path) -> str:
        """Offer voice and pictures, and be taken. The ports are open before, because the offer names them."""
        for kind in (call_stream.AUDIO, call_stream.VIDEO):
            if kind.name not in self._media:
                self._media[kind.name] = self._open(kind)
        return await self._called(VOICE, checks=True)

    async def media(self, path: Path) -> str:
        return await self._talk(path, "audio", self._relay if path.by == "relay" else None)

    async def picture(self, path: Path) -> str:
        return await self._talk(path, "video")

    async def dial(self, path: Path) -> str:
        await self._registered(path, self._journey.port(path), self._journey.new_tag())
        self._media = {"audio": self._open(call_stream.AUDIO, checks=False)}
        return await self._called(NUMBER, checks=False)

    async def phone_media(self, path: Path) -> str:
        return await self._talk(path, "audio")

    async def hang_up(self, path: Path) -> str:
        assert self._call is not None
        for media in self._media.values():
            media.line.stop()
        await self._call.hang_up()
        for media in self._media.values():
            media.line.close()
        self._media = {}
        self._telephones[-1].rest()
        return "BYE was answered"

    def close(self) -> None:
        """The journey is over: ports and connections that are still open are closed."""
        for media in self._opened:
            media.line.close()
        for telephone in self._telephones:
            telephone.rest()

    def _open(self, kind: call_stream.Kind, *, checks: bool = True) -> Media:
        self._opened.append(opened(self._journey.place, kind, checks=checks))
        return self._opened[-1]

    async def _registered(self, path: Path, port: int, tag: bytes) -> tuple[Telephone, int]:
        exchange, place = self._journey.exchange(path), self._journey.place
        leg = await self._journey.open(exchange.host, port, tag, tls=True, raw=False)
        telephone = Telephone(
            LinkStream(leg),
            tags.account(tag),
            leg.local or Endpoint(ANY, port),
            call_later=place.reactor.callLater,
            entropy=place.entropy,
        )
        self._telephones.append(telephone)
        return telephone, await telephone.register(tags.ticket(tag), tag.hex())

    async def _called(self, to: str, *, checks: bool) -> str:
        place = self._journey.place
        there = place.join.address(PEER)
        here = place.source or source_for(there) or ANY
        lines = tuple(media.line.description(here, checks=checks) for media in self._media.values())
        call = await self._telephones[-1].call(to, sdp.encode(sdp.Session(here, lines)), place.entropy(16).hex())
        self._call = call
        answer = sdp.decode(call.answer)
        for name, media in self._media.items():
            remote = answer.line(name)
            if remote is None or (checks and remote.candidate(1) is None):
                raise Unexpected(f"the call was taken without {'candidates' if remote else name}")
            media.line.connect(replace(remote, address=there), there, send=False)
            media.port = remote.port
        return f"{', '.join(call.heard)}; " + ", ".join(f"{name} at {one.port}" for name, one in self._media.items())

    async def _talk(self, path: Path, kind: str, relay: Credentials | None = None) -> str:
        leg = MediaLeg(self._journey, self._media[kind], self._journey.exchange(path).host, relay)
        self._journey.adopt(leg)
        return await leg.talk(SECONDS)
