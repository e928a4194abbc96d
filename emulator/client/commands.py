"""One MSNP connection of a client: commands out with transaction ids, answers to whoever asked, the rest to a handler.

Not the meaning of commands. Source: protocols/msnp.md 1.1, 1.3, 1.8.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail

from emulator.client.network import ClientError, Stream, StreamEnded, Unexpected
from emulator.wire.errors import WireError
from emulator.wire.msnp.lines import FROM_SERVER, Command, line, read
from emulator.wire.talk import Conversation, Talk

Handler = Callable[[Command], None]


class Commands:
    """A conversation with one server.

    `handle` gets every command that answers nothing; `ended` is called once, with the reason, when the stream is over
    or what came breaks the protocol. Nothing else escapes. Numeric errors fail whoever asked with Unexpected.
    """

    def __init__(self, stream: Stream, handle: Handler, ended: Callable[[ClientError], None]) -> None:
        self._stream = stream
        self._handle = handle
        self._ended = ended
        self._trid = 0
        self._asked: dict[str, tuple[tuple[str, ...], Deferred[Command]]] = {}
        self._arrived: deque[Command] = deque()
        self._dispatching = False
        self.over: ClientError | None = None
        self._conversation: Conversation[Any] = Conversation(self._read())
        self._conversation.start()
        stream.attach(self._data, self._end)

    def send(self, verb: str, *args: object, payload: bytes | None = None) -> None:
        """A command without a transaction id: PNG, OUT."""
        if self.over is None:
            self._stream.send(line(verb, *args, payload=payload))

    def tell(self, verb: str, *args: object, payload: bytes | None = None) -> None:
        """A command with the next transaction id, whose answer is not waited for."""
        self.send(verb, self._next(), *args, payload=payload)

    def ask(
        self, verb: str, *args: object, payload: bytes | None = None, answers: tuple[str, ...] = ()
    ) -> Deferred[Command]:
        """A command and its answer: one of `answers`, or of the same verb. Fails with Unexpected or StreamEnded."""
        if self.over is not None:
            return fail(self.over)
        trid = self._next()
        made: Deferred[Command] = Deferred(lambda gone: self._asked.pop(trid, None) and None)
        self._asked[trid] = (answers or (verb,), made)
        self._stream.send(line(verb, trid, *args, payload=payload))
        return made

    def close(self, error: ClientError | None = None) -> None:
        """Close the stream; whoever still waits fails with `error`."""
        if self.over is None:
            self._stream.close()
            self._finish(error or StreamEnded("closed by this end"))

    def _next(self) -> str:
        self._trid += 1
        return str(self._trid)

    def _read(self) -> Talk[None]:
        while True:
            self._arrived.append((yield from read(FROM_SERVER)))

    def _data(self, data: bytes) -> None:
        if self.over is not None:
            return
        self._conversation.feed(data)
        self._dispatch()
        if self._conversation.error is not None and self.over is None and not self._dispatching:
            self._broken(self._conversation.error)

    def _dispatch(self) -> None:
        """In order, also when a handler makes more arrive."""
        if self._dispatching:
            return
        self._dispatching = True
        try:
            while self._arrived and self.over is None:
                self._one(self._arrived.popleft())
        except WireError as error:
            self._broken(error)
        finally:
            self._dispatching = False

    def _one(self, command: Command) -> None:
        trid = command.args[0] if command.args else ""
        answers, waiting = self._asked.get(trid, ((), None))
        if waiting is not None and command.verb.isdigit():
            del self._asked[trid]
            detail = f"the server answered {command.verb}"
            waiting.errback(Unexpected(detail, verb=command.verb, number=int(command.verb)))
        elif waiting is not None and command.verb in answers:
            del self._asked[trid]
            waiting.callback(command)
        else:
            self._handle(command)

    def _broken(self, error: WireError) -> None:
        self.close(error if isinstance(error, Unexpected) else Unexpected(str(error)))

    def _end(self, reason: Exception) -> None:
        if self.over is not None:
            return
        error = reason if isinstance(reason, ClientError) else StreamEnded(str(reason) or "the connection closed")
        if error is not reason:
            error.__cause__ = reason
        self._finish(error)

    def _finish(self, error: ClientError) -> None:
        self.over = error
        asked, self._asked = self._asked, {}
        for _, waiting in asked.values():
            waiting.errback(error)
        self._ended(error)
