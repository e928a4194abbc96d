"""The HTTP gateway: MSNP sessions that live in POST bodies of gateway.dll. A poll with Lifespan waits for news.

Not a proxy: the MSNP conversation runs here. Source: protocols/msnp.md 4, protocols/http.md 12.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from emulator.wire import http
from emulator.wire.context import ServerContext
from emulator.wire.talk import Conversation, Talk

PATH = "/gateway/gateway.dll"
IDLE = 60.0  # seconds without a request, then a session is over
LIFESPAN = 25.0  # seconds that a poll is held at most
SESSIONS = 20_000  # at once; more are refused with 503
BODY_LIMIT = 64 * 1024  # bytes of MSNP in one request

CallLater = Callable[[float, Callable[[], None]], Any]
Server = Callable[[ServerContext], Talk[None]]
Take = Callable[[http.Answered], None]


class _Session:
    """One MSNP conversation behind the gateway. `number` changes with every answer, clients send the latest back."""

    def __init__(self, key: str, context: ServerContext, server: Server) -> None:
        self.key = key
        self.queue = bytearray()
        self.over = False
        self.used = context.now()
        self.number = 0
        self.waiting: Callable[[], None] | None = None  # answers the poll that is held
        inside = replace(context, push=self._push, hang_up=self._hang_up)
        self.conversation: Conversation[Any] = Conversation(server(inside))
        self.queue += self.conversation.start()

    @property
    def tag(self) -> str:
        """Hex tag of the account that signed in, as far as known."""
        sightings = self.conversation.sightings
        return sightings[-1].tag if sightings else ""

    @property
    def finished(self) -> bool:
        return self.over or self.conversation.finished

    def feed(self, data: bytes) -> None:
        """MSNP bytes from the client; what is answered joins the queue."""
        self.queue += self.conversation.feed(data)

    def end(self) -> None:
        """Nobody asks any more."""
        if not self.conversation.finished:
            self.conversation.end()

    def _push(self, data: bytes) -> None:
        self.queue += data
        if data and self.waiting is not None:
            self.waiting()

    def _hang_up(self) -> None:
        self.over = True
        if self.waiting is not None:
            self.waiting()


class Gateway:
    """All gateway sessions of one emulator. `server` is the MSNP conversation, told that it runs over a gateway."""

    def __init__(self, server: Server, call_later: CallLater) -> None:
        self._server = server
        self._call_later = call_later
        self._sessions: dict[str, _Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def handle(self, request: http.Request, context: ServerContext) -> http.Answered | http.Later:
        """Answer one request to gateway.dll, or hold it."""
        self._forget(context.now())
        if request.method != "POST":
            return http.Answered(http.Response(405, (("Allow", "POST"),)))
        if len(request.body) > BODY_LIMIT:
            return http.Answered(http.Response(413, (("Connection", "close"),)))
        reachable = request.host or context.local.address
        action = request.parameter("Action").lower()
        if action == "open":
            if len(self._sessions) >= SESSIONS:
                return http.Answered(http.Response(503))
            key = str(100_000_000 + int.from_bytes(context.entropy(4), "big"))
            session = self._sessions[key] = _Session(key, context, self._server)
        else:
            found = self._sessions.get(request.parameter("SessionID").partition(".")[0])
            if found is None or found.waiting is not None:  # unknown, or a second request beside one that is held
                return http.Answered(http.Response(400))
            session = found
        session.used = context.now()
        if request.body:
            session.feed(request.body)
        hold = _lifespan(request) if action == "poll" else 0.0
        if hold and not session.queue and not session.finished:
            return http.Later(lambda take: self._hold(session, hold, reachable, take))
        return self._answer(session, reachable)

    def _hold(self, session: _Session, seconds: float, reachable: str, take: Take) -> None:
        """Answer when there is news, at the latest after `seconds`."""
        calls: list[Any] = []

        def answer() -> None:
            if session.waiting is None:
                return
            session.waiting = None
            if calls and calls[0].active():
                calls[0].cancel()
            take(self._answer(session, reachable))

        session.waiting = answer
        calls.append(self._call_later(seconds, answer))

    def _answer(self, session: _Session, reachable: str) -> http.Answered:
        out = bytes(session.queue)
        session.queue.clear()
        session.number += 1
        # order and separators as clients parse them: SessionID, GW-IP, then Session=close (http.md 12)
        state = f"SessionID={session.key}.{10_000 + session.number}; GW-IP={reachable}"
        facts: dict[str, object] = {"msnp_bytes": len(out)}
        if session.finished:
            state += "; Session=close"
            self._sessions.pop(session.key, None)
            session.end()
            if session.conversation.error:
                facts["error"] = str(session.conversation.error)
        headers = (
            ("Connection", "Keep-Alive"),
            ("Content-Type", "application/x-msn-messenger"),
            ("X-MSN-Messenger", state),
        )
        return http.Answered(http.Response(200, headers, out), session.tag, facts)

    def _forget(self, now: float) -> None:
        for key in [key for key, one in self._sessions.items() if one.waiting is None and now - one.used > IDLE]:
            self._sessions.pop(key).end()


def _lifespan(request: http.Request) -> float:
    text = request.parameter("Lifespan")
    return min(float(text), LIFESPAN) if text.isdigit() else 0.0
