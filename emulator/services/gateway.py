"""The HTTP gateway: MSNP sessions that live in POST bodies of gateway.dll. A poll with Lifespan waits for news.

Not a proxy: the MSNP conversation runs here. The number behind the dot of a SessionID tells which answer a client saw
last: whoever comes back with the number before it lost an answer, and gets its bytes again. Source: protocols/msnp.md
1.5, 4, protocols/http.md 12.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from emulator.services.msnp.session import PingOverGateway
from emulator.wire import http
from emulator.wire.context import ServerContext
from emulator.wire.msnp.lines import number
from emulator.wire.talk import Conversation, Talk

PATH = "/gateway/gateway.dll"
IDLE = 60.0  # seconds without a request, then a session is over
LIFESPAN = 25.0  # seconds that a poll is held at most
SESSIONS = 20_000  # at once; more are refused with 503
BODY_LIMIT = 64 * 1024  # bytes of MSNP in one request
FIRST = 10_000  # numbers behind the dot count from here
BROWSERS = (  # what browser clients ask for before and with their requests
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "POST, OPTIONS"),
    ("Access-Control-Allow-Headers", "X-Requested-With, X-MSN-Host, Content-Type, Pragma, Accept"),
    ("Access-Control-Expose-Headers", "X-MSN-Messenger, X-MSN-Host"),
    ("Access-Control-Max-Age", "86400"),
)

CallLater = Callable[[float, Callable[[], None]], Any]
Server = Callable[[ServerContext], Talk[None]]
Take = Callable[[http.Answered], None]


class _Session:
    """One MSNP conversation behind the gateway.

    `number` changes with every answer, clients send the latest back; `last` is what went with it, until it is seen.
    """

    def __init__(self, key: str, context: ServerContext, server: Server) -> None:
        self.key = key
        self.context = context
        self.queue = bytearray()
        self.over = False
        self.used = context.now()
        self.number = 0
        self.last = b""
        self.asked = b""  # body of the request that `last` answered
        self.waiting: Callable[[], None] | None = None  # answers the poll that is held
        self.alive = context.alive  # is the connection there, on which the poll is held?
        self.timer: Any = None
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

    @property
    def pinged(self) -> bool:
        """True when the conversation ended because of a PNG."""
        return isinstance(self.conversation.error, PingOverGateway)

    def seen(self, number: str, body: bytes) -> bool:
        """Which answer the client saw last; False for a number that it cannot have. A repeated body is not fed twice.

        Clients always send the newest number (http.md 12); the one before means that the last answer was lost.
        """
        if number == str(FIRST + self.number):
            self.last = b""
            self.asked = body
            if body:
                self.queue += self.conversation.feed(body)
            return True
        if number != str(FIRST + self.number - 1):
            return False
        self.queue[:0] = self.last
        self.last = b""
        if body and body != self.asked:
            self.asked = body
            self.queue += self.conversation.feed(body)
        return True

    def end(self) -> None:
        """Nobody asks any more."""
        if not self.conversation.finished:
            self.conversation.end()

    def _push(self, data: bytes) -> None:
        self.queue += data
        if data:
            self._news()

    def _hang_up(self) -> None:
        self.over = True
        self._news()

    def _news(self) -> None:
        """Answer the poll that is held, unless its connection is gone: then the bytes wait for the next one."""
        if self.waiting is not None and self.alive():
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
        if request.method == "OPTIONS":
            return http.Answered(http.Response(200, BROWSERS))
        if request.method != "POST":
            return http.Answered(http.Response(405, (("Allow", "POST, OPTIONS"),)))
        if len(request.body) > BODY_LIMIT:
            return http.Answered(http.Response(413, (("Connection", "close"),)))
        reachable = request.host or context.local.address
        action = request.parameter("Action").lower()
        if action == "open":
            if len(self._sessions) >= SESSIONS:
                return http.Answered(http.Response(503))
            key = str(100_000_000 + int.from_bytes(context.entropy(4), "big"))
            session = self._sessions[key] = _Session(key, context, self._server)
            session.seen(str(FIRST), request.body)
            self._watch(session, context.now, IDLE)
        else:
            key, _, latest = request.parameter("SessionID").partition(".")
            found = self._sessions.get(key)
            if found is None or (found.waiting is not None and found.alive()):
                return http.Answered(http.Response(400))  # unknown, or a second request beside one that is held
            session = found
            session.waiting = None  # held on a connection that is gone
            session.used = context.now()
            if not session.seen(latest, request.body):
                return http.Answered(http.Response(400))
        if session.pinged:
            self._end(session)
            return http.Answered(http.Response(400), session.tag, {"error": str(session.conversation.error)})
        browser = BROWSERS if request.header("Origin") else ()
        hold = _lifespan(request) if action == "poll" else 0.0
        if hold and not session.queue and not session.finished:
            session.alive = context.alive
            return http.Later(lambda take: self._hold(session, hold, lambda: self._answer(session, reachable), take))
        answered = self._answer(session, reachable)
        if not browser:
            return answered
        response = replace(answered.response, headers=(*answered.response.headers, *browser))
        return replace(answered, response=response)

    def _hold(self, session: _Session, seconds: float, answered: Callable[[], http.Answered], take: Take) -> None:
        """Answer when there is news, at the latest after `seconds`."""
        calls: list[Any] = []

        def answer() -> None:
            if session.waiting is not answer:
                return  # answered, or its connection is gone and another request came
            if not session.alive():
                return  # nobody is there to take it
            session.waiting = None
            if calls and calls[0].active():
                calls[0].cancel()
            session.used = session.context.now()
            take(answered())

        session.waiting = answer
        calls.append(self._call_later(seconds, answer))

    def _answer(self, session: _Session, reachable: str) -> http.Answered:
        out = bytes(session.queue)
        session.queue.clear()
        session.last = out
        session.number += 1
        # order and separators as clients parse them: SessionID, GW-IP, then Session=close (http.md 12)
        state = f"SessionID={session.key}.{FIRST + session.number}; GW-IP={reachable}"
        facts: dict[str, object] = {"msnp_bytes": len(out)}
        if session.finished:
            state += "; Session=close"
            self._end(session)
            if session.conversation.error:
                facts["error"] = str(session.conversation.error)
        headers = (
            ("Connection", "Keep-Alive"),
            ("Content-Type", "application/x-msn-messenger"),
            ("X-MSN-Messenger", state),
        )
        return http.Answered(http.Response(200, headers, out), session.tag, facts)

    def _watch(self, session: _Session, now: Callable[[], float], seconds: float) -> None:
        """End a session that nobody asks for any more; looked at once in a while, not at every request."""

        def look() -> None:
            held = session.waiting is not None and session.alive()
            left = IDLE if held else session.used + IDLE - now()
            if session.key not in self._sessions:
                return
            if left <= 0:
                self._end(session)
            else:
                self._watch(session, now, left)

        session.timer = self._call_later(max(seconds, 0.01), look)

    def _end(self, session: _Session) -> None:
        self._sessions.pop(session.key, None)
        if session.timer is not None and session.timer.active():
            session.timer.cancel()
        session.end()


def _lifespan(request: http.Request) -> float:
    text = request.parameter("Lifespan")
    return min(float(number(text) or 0), LIFESPAN)
