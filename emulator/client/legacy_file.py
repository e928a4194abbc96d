"""MSNFTP: a file by the oldest way, offered in `text/x-msmsgsinvite`, fetched by a connection on TCP 6891 to 6900.

Not P2P (`transfer`). Who offers listens and who accepts connects; the other way round when the one who offers says that
nobody can connect to it (Connectivity: N). Source: media.md 5, msnp.md 3.4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from twisted.internet.defer import CancelledError, Deferred

from emulator.client import legacy_file_words as words
from emulator.client.board import Board, Heard
from emulator.client.direct_ways import Guest, PeerStream, Ways
from emulator.client.legacy_file_line import Line
from emulator.client.network import ClientError, Network, StreamEnded, Unexpected
from emulator.client.peers import expected
from emulator.wire import msnftp
from emulator.wire.msnp import message as mime

PORTS = tuple(range(6891, 6901))
GUID = "{5D3E02AB-6190-11d3-BBBB-00C04F795683}"
OFFERS = 32  # that may be open at once
CANDIDATES = 4  # connections to one listener
T = TypeVar("T")


class LegacyLimits(msgspec.Struct, frozen=True):
    """Seconds: `answer` to an invitation, `connect` from the address to the first word (30 official), `silence`."""

    answer: float = 60.0
    connect: float = 30.0
    silence: float = 30.0


class LegacyFile(msgspec.Struct, frozen=True):
    """A file that went by MSNFTP in so many `seconds`. `listened`: this end did. `data` is b"" for the sender."""

    name: str
    size: int
    sha1: str
    port: int
    listened: bool
    seconds: float
    data: bytes = b""


class LegacyOffer:
    """A file that somebody offers. Accept or decline it, once."""

    def __init__(self, files: LegacyFiles, sender: str, cookie: str, name: str, size: int, passive: bool) -> None:
        self._files = files
        self.sender = sender
        self.cookie = cookie
        self.name = name
        self.size = size
        self.passive = passive  # nobody can connect to the sender

    def accept(self) -> Deferred[LegacyFile]:
        """Take it. Fails with ClientError: the reason of the other's CANCEL, no connection, broken off."""
        return Deferred.fromCoroutine(self._files._take(self))

    def decline(self) -> None:
        """CANCEL, REJECT."""
        self._files._say(
            ("Invitation-Command", "CANCEL"), ("Invitation-Cookie", self.cookie), ("Cancel-Code", "REJECT")
        )


class LegacyFiles:
    """Such files of one account on one board. `take` must get every invitation heard there; `on_offer` has offers."""

    def __init__(self, board: Board, network: Network, ways: Ways, limits: LegacyLimits = LegacyLimits()) -> None:
        self._board = board
        self._network = network
        self._ways = ways
        self._limits = limits
        self._waiting: dict[str, Deferred[mime.Fields]] = {}  # by cookie: the peer's next word
        self._awaited: dict[str, Deferred[Any]] = {}  # by cookie: the peer's connection
        self._lines: dict[str, Line] = {}
        self.on_offer: Callable[[LegacyOffer], None] = LegacyOffer.decline
        board.at_end(self._end)

    async def send(self, name: str, data: bytes, *, listen: bool = True) -> LegacyFile:
        """Offer a file, listen on the first free port, send it; where none is free, connect to the receiver.

        `listen` False: say that nobody can connect to this end. Raises Unexpected (`code`: Cancel-Code or BYE code),
        StreamEnded when the peer vanishes.
        """
        cookie = self._number()
        passive = () if listen and await self._can_listen() else (("Connectivity", "N"),)
        try:
            self._say(
                ("Application-Name", "File Transfer"),
                ("Application-GUID", GUID),
                ("Invitation-Command", "INVITE"),
                ("Invitation-Cookie", cookie),
                ("Application-File", name),
                ("Application-FileSize", str(len(data))),
                *passive,
            )
            told = await self._word(cookie, self._limits.answer)
            if passive:
                return await self._bring(cookie, name, data, told)
            return await self._serve(cookie, name, data)
        finally:
            self._forget(cookie)

    def cancel(self, cookie: str) -> None:
        """Break a transfer off, offered or under way: CANCEL beside the CCL or BYE on its connection."""
        line = self._lines.get(cookie)
        if line is not None:
            line.cancel()
        self._cancelled(cookie, "OUTBANDCANCEL")

    @property
    def open(self) -> tuple[str, ...]:
        """Cookies of what is under way."""
        return tuple({**self._waiting, **self._awaited, **self._lines})

    def take(self, heard: Heard) -> bool:
        """A message; True when it was about a file of this kind."""
        if heard.kind != mime.INVITATION:
            return False
        fields = mime.read(heard.message.body + b"\r\n\r\n").fields
        command, cookie = fields.get("Invitation-Command", "").upper(), fields.get("Invitation-Cookie", "")
        if command == "INVITE" and fields.get("Application-GUID", "").upper() == GUID.upper():
            size = fields.get("Application-FileSize", "")
            if size.isascii() and size.isdigit() and int(size) <= msnftp.FILE_LIMIT and len(self.open) < OFFERS:
                offer = LegacyOffer(
                    self, heard.sender, cookie, fields.get("Application-File", ""), int(size), words.passive(fields)
                )
                self.on_offer(offer)
            else:
                self._cancelled(cookie, "REJECT")
            return True
        if command == "CANCEL" and cookie in self._lines:
            self._lines[cookie].stop(words.refused(fields))
            return True
        if command == "CANCEL" and cookie in self._awaited:
            self._awaited.pop(cookie).errback(words.refused(fields))
            return True
        waiting = self._waiting.pop(cookie, None)
        if waiting is None:
            return False
        if command == "ACCEPT":
            waiting.callback(fields)
        else:
            waiting.errback(words.refused(fields))
        return True

    # the one who offers

    async def _serve(self, cookie: str, name: str, data: bytes) -> LegacyFile:
        auth, account = int.from_bytes(self._network.entropy(4), "little"), self._peer()
        winner: Deferred[Line] = Deferred()
        candidates: list[Line] = []

        def accept(stream: PeerStream) -> None:
            if winner.called or len(candidates) >= CANDIDATES:
                stream.abandon(Unexpected("a connection too many"))
                return
            line = Line(stream, msnftp.sending(data, account, auth), self._network.call_later, self._limits.silence)
            candidates.append(line)
            line.known.addCallbacks(lambda _: came(line), _ignored)

        def came(line: Line) -> None:
            if not winner.called:
                winner.callback(line)

        place = await self._ways.listen(accept, PORTS, Guest(account, auth))
        try:
            self._say(*words.accepts(cookie), *words.where(place.address, place.port, self._ways.standing.public, auth))
            line = await self._arrival(winner, cookie)
            self._lines[cookie] = line
        finally:
            place.close()
            for one in candidates:
                if one is not self._lines.get(cookie):
                    one.done.addErrback(_ignored)
                    one.stop(StreamEnded("another one was first, or nobody came"))
        _, seconds = await self._over(line, cookie)
        return LegacyFile(name, len(data), hashlib.sha1(data).hexdigest(), place.port, True, seconds)

    async def _bring(self, cookie: str, name: str, data: bytes, told: mime.Fields) -> LegacyFile:
        """The receiver listens: connect to it. It still says VER and USR first."""
        account, auth = self._peer(), words.auth(told)
        stream, port = await self._reach(account, cookie, told)
        talk = msnftp.sending(data, account, auth, connects=True)
        line = self._lines[cookie] = Line(stream, talk, self._network.call_later, self._limits.silence)
        _, seconds = await self._over(line, cookie)
        return LegacyFile(name, len(data), hashlib.sha1(data).hexdigest(), port, False, seconds)

    async def _can_listen(self) -> bool:
        try:
            place = await self._ways.listen(lambda stream: stream.close(), PORTS, Guest(self._peer(), 0))
        except ClientError:
            return False
        place.close()
        return True

    # the one who accepts

    async def _take(self, offer: LegacyOffer) -> LegacyFile:
        try:
            if offer.passive:
                return await self._await_sender(offer)
            self._say(*words.accepts(offer.cookie), ("Request-Data", "IP-Address:"))
            told = await self._word(offer.cookie, self._limits.answer)
            auth = words.auth(told)
            stream, port = await self._reach(offer.sender, offer.cookie, told)
            return await self._receive(offer, stream, port, auth, listened=False)
        finally:
            self._forget(offer.cookie)

    async def _await_sender(self, offer: LegacyOffer) -> LegacyFile:
        came: Deferred[PeerStream] = Deferred()

        def accept(stream: PeerStream) -> None:
            if came.called:
                stream.abandon(Unexpected("a connection too many"))
            else:
                came.callback(stream)

        auth = int.from_bytes(self._network.entropy(4), "little")
        try:
            place = await self._ways.listen(accept, PORTS, Guest(offer.sender, auth, brings=True))
        except ClientError:
            self._cancelled(offer.cookie, "FAIL")  # the sender waits for a word
            raise
        try:
            where = words.where(place.address, place.port, self._ways.standing.public, auth)
            self._say(*words.accepts(offer.cookie), ("Sender-Connect", "TRUE"), *where)
            stream = await self._arrival(came, offer.cookie)
        finally:
            place.close()
        return await self._receive(offer, stream, place.port, auth, listened=True)

    async def _receive(
        self, offer: LegacyOffer, stream: PeerStream, port: int, auth: int, *, listened: bool
    ) -> LegacyFile:
        talk = msnftp.receiving(self._board.me.partition(";")[0], auth, offer.size)
        line = self._lines[offer.cookie] = Line(stream, talk, self._network.call_later, self._limits.silence)
        data, seconds = await self._over(line, offer.cookie)
        return LegacyFile(offer.name, len(data), hashlib.sha1(data).hexdigest(), port, listened, seconds, data)

    async def _over(self, line: Line, cookie: str) -> tuple[bytes, float]:
        """What came, and the seconds since both ends had introduced themselves.

        The peer may not have noticed that the connection is dead: it is told.
        """
        began: list[float] = []
        line.known.addCallbacks(lambda _: began.append(self._network.now()), _ignored)
        try:
            data = await line.over()
        except StreamEnded:
            self._cancelled(cookie, "FAIL")
            raise
        return data, self._network.now() - began[0]

    async def _reach(self, peer: str, cookie: str, told: mime.Fields) -> tuple[PeerStream, int]:
        problem: ClientError = Unexpected("the peer named no address")
        for address, port in words.places(told):
            try:
                return await self._ways.dial(peer, address, port, self._limits.connect), port
            except ClientError as failed:
                problem = failed
        self._cancelled(cookie, "FAIL")
        raise problem

    # words in the conversation

    async def _word(self, cookie: str, seconds: float) -> mime.Fields:
        waiting: Deferred[mime.Fields] = Deferred()
        self._waiting[cookie] = waiting
        return await self._within(seconds, waiting, "TIMEOUT", cookie)

    async def _arrival(self, waiting: Deferred[T], cookie: str) -> T:
        """The connection for which this end listens, unless the peer cancels."""
        self._awaited[cookie] = waiting
        try:
            return await self._within(self._limits.connect, waiting, "FTTIMEOUT", cookie)
        finally:
            self._awaited.pop(cookie, None)

    async def _within(self, seconds: float, waiting: Deferred[T], code: str, cookie: str) -> T:
        timer = self._network.call_later(seconds, waiting.cancel)
        try:
            return await _await(waiting)
        except CancelledError:
            self._cancelled(cookie, code)
            raise Unexpected(f"nothing came within {seconds:g} s", code=code) from None
        finally:
            if timer.active():
                timer.cancel()

    def _cancelled(self, cookie: str, code: str) -> None:
        self._say(("Invitation-Command", "CANCEL"), ("Invitation-Cookie", cookie), ("Cancel-Code", code))

    def _say(self, *fields: tuple[str, str]) -> None:
        if self._board.over is None:
            head = (("MIME-Version", "1.0"), ("Content-Type", f"{mime.INVITATION}; charset=UTF-8"))
            self._board.message(mime.compose(head, mime.compose(fields) + b"\r\n")).addErrback(expected)

    def _peer(self) -> str:
        guests = self._board.guests
        if len(guests) != 1:
            raise Unexpected(f"{len(guests)} others in the conversation: such a file is for one")
        return guests[0].address

    def _number(self) -> str:
        return str(int.from_bytes(self._network.entropy(4), "little") or 1)

    def _forget(self, cookie: str) -> None:
        self._waiting.pop(cookie, None)
        self._lines.pop(cookie, None)

    def _end(self, error: ClientError) -> None:
        waiting: list[Deferred[Any]] = [*self._waiting.values(), *self._awaited.values()]
        self._waiting.clear()
        self._awaited.clear()
        for one in waiting:
            if not one.called:
                one.errback(error)
        for line in tuple(self._lines.values()):
            line.stop(error)


def _ignored(failure: object) -> None:
    """Whoever waits for the line is told; nobody does for those that were turned away."""


async def _await(waiting: Awaitable[T]) -> T:
    return await waiting
