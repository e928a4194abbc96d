"""TCP 7001 as the emulated client uses it: the echo record over two connections from one local port.

Not documented anywhere (dossier media.md 2.6, certainty D), and no judgement.
"""

from __future__ import annotations

from emulator.judge.flow import Flow
from emulator.judge.nat import NetworkSeen, TcpSeen
from emulator.net.dial import Attempt, DialFailed, dial
from emulator.net.link import Link, LinkEnded
from emulator.probe.place import Place
from emulator.wire import echo
from emulator.wire.context import ClientContext
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint

TIMEOUT = 3.0  # seconds for each of connecting and asking


class TcpDetection:
    """Asks both servers where they see one local port. `answered`: a flow already had the first one's answer."""

    def __init__(self, place: Place, flow: Flow, *, answered: bool) -> None:
        self._place = place
        self._flow = flow
        self._answered = answered
        self._dialling = Attempt()
        self._links: list[Link] = []
        self._stopped = ""

    def stop(self, why: str) -> None:
        """End now."""
        self._stopped = why
        self._dialling.give_up()
        for link in self._links:
            link.fail(LinkEnded("cancelled", why))

    async def run(self) -> NetworkSeen:
        """Both connections, open at the same time; what fails is told as `why`."""
        if not self._answered:
            return NetworkSeen(tcp=TcpSeen(why="the flow over TCP 7001 was not answered"))
        seen = TcpSeen()
        first, second = (self._place.join.address(name) for name in (self._flow.host, "second"))
        mapped: Endpoint | None = None
        direct: Endpoint | None = None
        local: Endpoint | None = None
        why = ""
        try:
            mapped, local = await self._ask(first, 0)
            if second != first:
                direct, _ = await self._ask(second, local.port)
        except (DialFailed, LinkEnded, WireError, OSError) as problem:
            why = str(problem)
        finally:
            for link in self._links:
                link.close()
        seen = TcpSeen(local=local, mapped=mapped, direct=direct, compared=second != first, why=self._stopped or why)
        return NetworkSeen(tcp=seen)

    async def _ask(self, address: str, source: int) -> tuple[Endpoint, Endpoint]:
        """The address that a server sees, and the own one."""
        port = self._flow.port
        timeout = min(TIMEOUT, self._place.timeout)
        link = await dial(self._place.reactor, address, port, timeout, self._dialling, source=source)
        self._links.append(link)
        assert link.local is not None
        context = ClientContext(
            tag=self._place.entropy(4),
            host=self._flow.host,
            local=link.local,
            remote=Endpoint(address, port),
            relay_key=self._place.relay_key,
            entropy=self._place.entropy,
            now=self._place.now,
        )
        call = self._place.reactor.callLater(timeout, link.fail, LinkEnded("silence", "no answer to the echo record"))
        try:
            facts = (await link.run(echo.client(context))).result
        finally:
            if call.active():
                call.cancel()
        assert facts is not None
        return Endpoint(*facts["mapped"]), link.local  # type: ignore[misc]
