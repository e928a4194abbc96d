"""One MSNFTP connection: a talk driven over a stream, with a limit to silence, and an end that has a name.

Not what is said on it (`wire.msnftp`).
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from emulator.client.direct_ways import PeerStream
from emulator.client.network import CallLater, ClientError, StreamEnded, Unexpected
from emulator.wire import msnftp
from emulator.wire.talk import Conversation, Talk


class Line:
    """A transfer under way. `known`: the peer said the right cookie; `done`: the received bytes (b"" for a sender)."""

    def __init__(self, stream: PeerStream, talk: Talk[bytes], call_later: CallLater, silence: float) -> None:
        self._stream = stream
        self._call_later = call_later
        self._silence = silence
        self._over = False
        self.known: Deferred[None] = Deferred()
        self.done: Deferred[bytes] = Deferred()
        self._timer: Any = call_later(silence, self._late)
        self._talk: Conversation[bytes] = Conversation(talk, output=stream.send)
        stream.send(self._talk.start())
        stream.attach(self._data, self._ended)

    async def over(self) -> bytes:
        """Wait for the end. Raises Unexpected (`code`: a BYE code), StreamEnded when the peer vanished."""
        return await self.done

    def cancel(self) -> None:
        """Say that it is over (a receiver its BYE, a sender CCL), and close."""
        self._stream.send(msnftp.CANCEL)
        self.stop(Unexpected("cancelled here", code=str(msnftp.CANCELLED)))

    def stop(self, problem: ClientError) -> None:
        """Close now; whoever waits gets the problem."""
        self._finish(problem)

    def _data(self, data: bytes) -> None:
        if self._over:
            return
        self._timer.reset(self._silence)
        self._stream.send(self._talk.feed(data))
        if self._talk.sightings and not self.known.called:
            self.known.callback(None)
        if self._talk.finished:
            self._finish(self._talk.error)

    def _ended(self, error: Exception) -> None:
        if not self._over:
            where = self._talk.notes.get("so_far", 0)
            self._finish(StreamEnded(f"the peer vanished after {where} bytes: {error}"))

    def _late(self) -> None:
        self._finish(StreamEnded(f"the peer said nothing for {self._silence:g} s"))

    def _finish(self, problem: Exception | None) -> None:
        if self._over:
            return
        self._over = True
        if self._timer.active():
            self._timer.cancel()
        self._stream.close()
        if problem is None:
            self.done.callback(self._talk.result or b"")
            return
        failed = problem if isinstance(problem, ClientError) else _named(problem)
        for one in (self.known, self.done):
            if not one.called:
                one.errback(failed)


def _named(problem: Exception) -> ClientError:
    code = str(problem.code) if isinstance(problem, msnftp.Broken) and problem.code else ""
    return Unexpected(str(problem), code=code)
