"""Tries one flow over TCP: dial, proxy tunnel, TLS, the exchange's own talk; every stage has its time-out.

Not a choice of protocol: the exchange names it, `speakers` has it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

from cryptography import x509
from twisted.internet.task import LoopingCall

from emulator.judge.flow import Flow
from emulator.judge.observation import Observation
from emulator.net.dial import Attempt, DialFailed, dial
from emulator.net.link import Link, LinkEnded
from emulator.pki import judge_chain
from emulator.probe.place import Place
from emulator.probe.recorder import Recorder
from emulator.probe.speakers import Refused, Speaker
from emulator.probe.web.requests import PLAIN_AGENT
from emulator.wire import tunnel
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint

T = TypeVar("T")

SILENCE = "silence"
LOOKS = 4  # in one time-out
LONGEST = 10  # time-outs that one stage may take while something still comes


class StreamAttempt:
    """One attempt; `run` never raises, `cancel` ends it at once."""

    def __init__(self, place: Place, flow: Flow, tag: bytes, speaker: Speaker) -> None:
        self._place = place
        self._flow = flow
        self._tag = tag
        self._speaker = speaker
        self._dialling: Attempt | None = None
        self._link: Link | None = None
        self._beside: list[Link] = []
        self._cancelled = ""

    def cancel(self, why: str) -> None:
        """Give up now."""
        self._cancelled = why
        if self._link is not None:
            self._link.fail(LinkEnded("cancelled", why))
        if self._dialling is not None:
            self._dialling.give_up()  # the first connection, or a second one (switchboard)

    async def run(self) -> Observation:
        """Try it and say what was seen."""
        recorder = Recorder(self._flow, self._place.clock)
        try:
            return await self._try(recorder)
        finally:
            for link in (*self._beside, self._link):
                if link is not None:
                    link.close()

    async def _try(self, recorder: Recorder) -> Observation:
        try:
            await self._connect(recorder)
            await self._prepare(recorder)
            recorder.enter("exchange")
            facts = await self._speaker.speak(self, recorder)
            recorder.facts.update(facts)
            self._note(recorder)
            return recorder.finish("completed")
        except DialFailed as failed:
            recorder.icmp = failed.icmp
            if self._cancelled:
                return recorder.finish("cancelled", self._cancelled)
            if self._flow.via:
                return recorder.finish("proxy-failed", f"the proxy cannot be reached: {failed.detail}")
            return recorder.finish(failed.ending, failed.detail)  # type: ignore[arg-type]
        except LinkEnded as ended:
            self._note(recorder)
            return self._ended(recorder, ended)
        except Refused as refused:
            self._note(recorder)
            if refused.proxy:
                recorder.proxy_status = refused.status
                return recorder.finish("proxy-status", refused.reason)
            recorder.http_status = refused.status
            return recorder.finish("differs", refused.reason)
        except WireError as error:
            self._note(recorder)
            closed = self._link is not None and self._link.ended is not None and not recorder.head
            return recorder.finish("closed" if closed else "malformed", str(error))
        except OSError as error:
            return recorder.finish("own-fault", f"this machine: {error}")

    def _ended(self, recorder: Recorder, ended: LinkEnded) -> Observation:
        if self._cancelled:
            return recorder.finish("cancelled", self._cancelled)
        match ended.how:
            case "silence":
                return recorder.finish("silence", ended.detail)
            case "reset":
                return recorder.finish("reset", ended.detail)
            case "fault":
                return recorder.finish("own-fault", ended.detail)
            case "tls":
                return recorder.finish("tls-failed", ended.detail)
        return recorder.finish("closed", ended.detail)

    async def _connect(self, recorder: Recorder) -> None:
        recorder.enter("connect")
        proxy = self._place.proxy if self._flow.via else None
        address = proxy.host if proxy else self._place.join.address(self._flow.host)
        port = proxy.port if proxy else self._flow.port
        recorder.remote = Endpoint(address, port)
        self._link = await self.open(address, port, recorder)
        recorder.local = self._link.local

    async def open(self, address: str, port: int, recorder: Recorder) -> Link:
        """Dial within the time-out; remembers the source of a SYN that was not answered."""
        self._dialling = Attempt()
        call = self._place.reactor.callLater(self._place.timeout * 0.98, self._remember, recorder)
        try:
            place = self._place
            return await dial(place.reactor, address, port, place.timeout, self._dialling, bind=place.source)
        finally:
            if call.active():
                call.cancel()

    def _remember(self, recorder: Recorder) -> None:
        local = self._dialling.local() if self._dialling is not None else None
        if local is not None:
            recorder.local = Endpoint(*local)

    async def _prepare(self, recorder: Recorder) -> None:
        link = self.link
        tunnelled = bool(self._flow.via) and (self._flow.tls or self._speaker.raw)
        if tunnelled:
            assert self._place.proxy is not None
            recorder.enter("proxy")
            recorder.facts["connect"] = True
            talk = tunnel.connect(
                self._flow.host,
                self._flow.port,
                agent=self._flow.agent or PLAIN_AGENT,
                authorization=self._place.proxy.authorization if self._flow.credentials else "",
            )
            answer = (await self.guarded(link, link.run(talk))).result
            assert answer is not None
            if not 200 <= answer.status < 300:
                raise Refused(f"CONNECT answered {answer.status}", status=answer.status, proxy=True)
        if self._flow.tls:
            recorder.enter("tls")
            try:
                await self.guarded(link, link.start_tls(self._place.client_tls, self._flow.host))
            finally:
                self._note_tls(link, recorder)
        link.begin()

    def _note_tls(self, link: Link, recorder: Recorder) -> None:
        if link.tls is None:
            return
        recorder.client_random = (link.tls.client_random() or b"").hex()
        chain = link.tls.get_peer_cert_chain(as_cryptography=True)
        if chain:
            recorder.tls_version = link.tls.get_protocol_version_name()
            recorder.certificate = self._judge(tuple(chain))

    def _judge(self, chain: tuple[x509.Certificate, ...]) -> Any:
        return judge_chain(chain, self._place.root_pem, self._flow.host, self._place.now())

    def _note(self, recorder: Recorder) -> None:
        link = self._link
        if link is not None:
            recorder.sent, recorder.received = link.sent.digest(), link.received.digest()
            recorder.head = link.head

    # what speakers use

    @property
    def place(self) -> Place:
        """Surroundings."""
        return self._place

    @property
    def flow(self) -> Flow:
        """The flow that is tried."""
        return self._flow

    @property
    def tag(self) -> bytes:
        """The flow's tag."""
        return self._tag

    @property
    def link(self) -> Link:
        """The open connection."""
        assert self._link is not None
        return self._link

    def replace(self, link: Link) -> None:
        """Go on over another connection (a switchboard beside its notification server); the first stays open."""
        if self._link is not None:
            self._beside.append(self._link)
        self._link = link

    async def guarded(self, link: Link, work: Awaitable[T]) -> T:
        """Await work on a link; silence for as long as the stage's time-out raises LinkEnded("silence").

        What goes on is given time: a dialogue of many questions may take longer than one time-out, at most ten.
        """
        timeout = self._place.timeout
        ended = LinkEnded(SILENCE, f"nothing came within {timeout:g} s")
        watch = _Watch(link, ended)
        looking = LoopingCall(watch.look)
        looking.clock = self._place.reactor
        looking.start(timeout / LOOKS, now=False)
        try:
            return await work
        finally:
            looking.stop()


class _Watch:
    """Gives a link up once nothing has come for LOOKS looks in a row."""

    def __init__(self, link: Link, ended: LinkEnded) -> None:
        self._link = link
        self._ended = ended
        self._received = link.received.size
        self._quiet = self._looked = 0

    def look(self) -> None:
        """One look."""
        self._looked += 1
        came, self._received = self._link.received.size != self._received, self._link.received.size
        self._quiet = 0 if came else self._quiet + 1
        if self._quiet >= LOOKS or self._looked >= LONGEST * LOOKS:
            self._link.fail(self._ended)
