"""The HTTP gateway: MSNP sessions that live in POST bodies of gateway.dll. Polls are answered at once.

Not a proxy: the MSNP conversation runs here. Source: protocols/msnp.md 4, protocols/http.md 12.
"""

from __future__ import annotations

from typing import Any

from emulator.wire import http
from emulator.wire.context import ServerContext
from emulator.wire.msnp import notification
from emulator.wire.talk import Conversation

PATH = "/gateway/gateway.dll"
IDLE = 60.0  # seconds without a request, then a session is forgotten
SESSIONS = 20_000  # at once; more are refused with 503
BODY_LIMIT = 64 * 1024  # bytes of MSNP in one request


class _Session:
    """One MSNP conversation behind the gateway. `number` changes with every answer, clients send the latest back."""

    def __init__(self, key: str, context: ServerContext) -> None:
        self.key = key
        self.conversation: Conversation[Any] = Conversation(notification.server(context, over_gateway=True))
        self.used = context.now()
        self.number = 0

    @property
    def tag(self) -> str:
        """Hex tag of the account that signed in, as far as known."""
        sightings = self.conversation.sightings
        return sightings[-1].tag if sightings else ""


class Gateway:
    """All gateway sessions of one emulator."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def handle(self, request: http.Request, context: ServerContext) -> http.Answered:
        """Answer one request to gateway.dll."""
        self._forget(context.now())
        if request.method != "POST":
            return http.Answered(http.Response(405, (("Allow", "POST"),)))
        if len(request.body) > BODY_LIMIT:
            return http.Answered(http.Response(413, (("Connection", "close"),)))
        action = request.parameter("Action").lower()
        if action == "open":
            if len(self._sessions) >= SESSIONS:
                return http.Answered(http.Response(503))
            session = _Session(str(100_000_000 + int.from_bytes(context.entropy(4), "big")), context)
            self._sessions[session.key] = session
            out = session.conversation.start()
        else:
            found = self._sessions.get(request.parameter("SessionID").partition(".")[0])
            if found is None:
                return http.Answered(http.Response(400))
            session, out = found, b""
        session.used = context.now()
        if request.body:
            out += session.conversation.feed(request.body)
        return self._answer(session, out, request.host or context.local.address)

    def _answer(self, session: _Session, out: bytes, reachable: str) -> http.Answered:
        session.number += 1
        # order and separators as clients parse them: SessionID, GW-IP, then Session=close (http.md 12)
        state = f"SessionID={session.key}.{10_000 + session.number}; GW-IP={reachable}"
        facts: dict[str, object] = {"msnp_bytes": len(out)}
        if session.conversation.finished:
            state += "; Session=close"
            self._sessions.pop(session.key, None)
            if session.conversation.error:
                facts["error"] = str(session.conversation.error)
        headers = (
            ("Connection", "Keep-Alive"),
            ("Content-Type", "application/x-msn-messenger"),
            ("X-MSN-Messenger", state),
        )
        return http.Answered(http.Response(200, headers, out), session.tag, facts)

    def _forget(self, now: float) -> None:
        for key in [key for key, session in self._sessions.items() if now - session.used > IDLE]:
            del self._sessions[key]
