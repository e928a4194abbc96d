"""T.120 and RDP connections that are awaited where somebody listens anyway, told from others by the tag they show.

Not a listener, and no talk of its own: it overhears those of the listener. MSNFTP has its own way (`shared_ports`).
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from emulator.client.direct_sockets import Watch
from emulator.client.network import StreamEnded
from emulator.wire.context import ServerContext
from emulator.wire.errors import WireError
from emulator.wire.talk import Effect, Exactly, Send, Sighting, Some, Talk, Until

Server = Callable[[ServerContext], Talk[None]]


class Meetings:
    """Who is awaited, by tag. Whoever waits forgets it again."""

    def __init__(self) -> None:
        self._awaited: dict[str, tuple[Watch, Deferred[None]]] = {}

    def awaited(self, tag: bytes, watch: Watch) -> Deferred[None]:
        """Done when the connection that shows this tag is over; fails with StreamEnded when it ended badly."""
        over: Deferred[None] = Deferred()
        self._awaited[tag.hex()] = watch, over
        return over

    def forget(self, tag: bytes) -> None:
        """It is awaited no more."""
        self._awaited.pop(tag.hex(), None)

    def server(self, serve: Server) -> Server:
        """The same talk, overheard."""
        return lambda context: self._overheard(serve(context), context)

    def _overheard(self, talk: Talk[None], context: ServerContext) -> Talk[None]:
        heard = _Heard(context)
        effect: Effect = next(talk)
        try:
            while True:
                if isinstance(effect, Send):
                    heard.said(effect.data, mine=True)
                elif isinstance(effect, Sighting) and effect.tag in self._awaited:
                    heard.known(*self._awaited.pop(effect.tag))
                try:
                    value = yield effect
                except WireError as problem:
                    effect = talk.throw(problem)
                    continue
                if isinstance(effect, Exactly | Until | Some):
                    heard.said(value, mine=False)
                effect = talk.send(value)
        except StopIteration:
            heard.over("")
        except WireError as problem:
            heard.over(str(problem))
            raise
        finally:
            talk.close()
            heard.over("the listener was closed")


class _Heard:
    """One connection: what was said is kept until it is known whose it is, two records at most."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._early: list[tuple[bytes, bool]] = []
        self._watch: Watch | None = None
        self._over: Deferred[None] | None = None

    def known(self, watch: Watch, over: Deferred[None]) -> None:
        """It is the one that was awaited."""
        self._watch, self._over = watch, over
        watch.opened(self._context.local, self._context.observed, dialled=False)
        early, self._early = self._early, []
        for data, mine in early:
            self.said(data, mine=mine)

    def said(self, data: bytes, *, mine: bool) -> None:
        if self._watch is None:
            self._early.append((data, mine))
        elif mine:
            self._watch.sent(data)
        else:
            self._watch.received(data)

    def over(self, problem: str) -> None:
        """Only the first call counts."""
        over, self._over = self._over, None
        if self._watch is not None and over is not None:
            self._watch.ended("closed", problem)
            if problem:
                over.errback(StreamEnded(problem))
            else:
                over.callback(None)
