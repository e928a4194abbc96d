"""Messages both ways in one session between peers: over the switchboard, or over a direct connection once there is one.

Not what they mean (`games`, `folders`), nor files and pictures (`transfer`). Source: media.md 1.1, 1.5, 8.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

from twisted.internet.defer import CancelledError, Deferred, fail, succeed

from emulator.client.direct_passage import Passage
from emulator.client.direct_session import Session, passage_of
from emulator.client.network import ClientError, StreamEnded, Unexpected
from emulator.client.peers import Kept, Sink
from emulator.wire.errors import WireError
from emulator.wire.p2p import Header
from emulator.wire.slp import Slp

LIMIT = 128 * 1024  # bytes of one message
WAITING = 64  # messages that nobody has asked for yet; one more ends the session


class Channel:
    """One end of an open session. Whoever waits fails with ClientError when the session is over, and `over` says why.

    Either end may ask for a direct connection, which carries everything from then on.
    """

    def __init__(
        self,
        peer: str,
        session: Session,
        send: Callable[[bytes], Awaitable[None]],
        connect: Callable[[], Awaitable[None]],
        close: Callable[[], None],
    ) -> None:
        self.peer = peer
        self._session = session
        self._send = send
        self._connect = connect
        self._close = close
        self._came: deque[bytes] = deque()
        self._wanted: Deferred[bytes] | None = None
        self._sending: set[Deferred[None]] = set()
        self._awaiting_end: list[Deferred[None]] = []
        self._why = ""
        self.answer: Slp | None = None  # what accepted our invitation
        self.over: ClientError | None = None

    async def send(self, data: bytes) -> None:
        """One message; returns when the peer has acknowledged it."""
        if self.over is not None:
            raise self.over
        sending = Deferred.fromCoroutine(_coroutine(self._send(data)))
        self._sending.add(sending)
        try:
            await sending
        except (CancelledError, ClientError) as error:
            if self.over is not None:
                raise self.over from None
            raise error
        finally:
            self._sending.discard(sending)

    def message(self) -> Deferred[bytes]:
        """The oldest message that was not taken yet, else the next. One may wait at a time."""
        if self._came:
            return succeed(self._came.popleft())
        if self.over is not None:
            return fail(self.over)
        self._wanted = Deferred(self._unwanted)
        return self._wanted

    async def connect(self) -> None:
        """Ask the peer for a direct connection. Raises NoWay; messages then go over the switchboard as before."""
        self._why = ""
        try:
            await self._connect()
        except ClientError as none:
            self._why = str(none)
            raise

    @property
    def direct(self) -> bool:
        """Whether messages go between the peers themselves."""
        return self._session.direct is not None and self._session.direct.over is None

    def passage(self, seconds: float) -> Passage:
        """How messages go now, for a record; `seconds` is how long some of them took."""
        return passage_of(self._session.direct if self.direct else None, seconds, self._why)

    def close(self) -> None:
        """BYE."""
        self.end(StreamEnded("this end closed the session"))
        self._close()

    def ended(self) -> Deferred[None]:
        """Fires when the session is over, whoever ended it: to hear a farewell that is on its way."""
        if self.over is not None:
            return succeed(None)
        self._awaiting_end.append(Deferred())
        return self._awaiting_end[-1]

    def end(self, error: ClientError) -> None:
        """The session is over."""
        if self.over is not None:
            return
        self.over = error
        for awaiting in self._awaiting_end:
            if not awaiting.called:
                awaiting.callback(None)
        for sending in tuple(self._sending):
            sending.cancel()
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            wanted.errback(error)

    def sink(self, header: Header) -> Sink:
        """Who takes the next message. One that is too long, or too many, end the session."""
        if header.total > LIMIT or len(self._came) >= WAITING:
            error = Unexpected(
                f"a message of {header.total} bytes in a session, {LIMIT} at most"
                if header.total > LIMIT
                else f"{WAITING} messages that nobody asked for"
            )
            self._session.stop(error)
            self._close()
            return _Refused()
        return Kept(lambda last, data: self._arrived(data))

    def _arrived(self, data: bytes) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            wanted.callback(data)
        elif self.over is None:
            self._came.append(data)

    def _unwanted(self, wanted: Deferred[bytes]) -> None:
        if self._wanted is wanted:
            self._wanted = None


class _Refused:
    """A message that is not taken."""

    def write(self, piece: object) -> None:
        raise WireError("a message that is not taken")

    def done(self, header: Header) -> None:
        """Never: nothing of it was taken."""


async def _coroutine(work: Awaitable[None]) -> None:
    await work
