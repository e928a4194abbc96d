"""Sessions of the emulated HTTP data relay: two directions of buffered bytes, bounded in number, size and life.

Not the original relay, whose HTTP side nobody described. Source: http.md 18 (own design, labelled emulated).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

SESSIONS = 64  # at once
LIFETIME = 60.0  # seconds after the last use
PUSH_LIMIT = 64 * 1024  # bytes of one push
LAG_LIMIT = 1 << 20  # bytes that may wait for the peer

Side = Literal["a", "b"]
Problem = Literal["unknown", "gone", "forbidden", "offset", "size", "lag"]


class RelayError(Exception):
    """The relay refuses; `problem` names why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


class _Direction:
    """Bytes from one side to the other; `start` is the offset of the first byte that is still held."""

    def __init__(self) -> None:
        self.start = 0
        self.data = bytearray()


class Session:
    """One session; `tokens` open side a and side b."""

    def __init__(self, tokens: dict[Side, str], used: float) -> None:
        self.tokens = tokens
        self.used = used
        self.closed = False
        self.ticket = ""  # by which the second side finds it
        self.met = False  # the second side is there
        self.sent: dict[Side, _Direction] = {"a": _Direction(), "b": _Direction()}
        self.waiting: dict[Side, Callable[[], None]] = {}  # who pulls, and is told when there is something


class RelaySessions:
    """All sessions of one emulator, by id. Closed and expired ones are remembered until the table is full."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, identifier: str, tokens: dict[Side, str], now: float) -> bool:
        """Begin a session; False when 64 others are alive."""
        if len(self._sessions) >= SESSIONS:
            for old in [key for key, one in self._sessions.items() if self._dead(one, now)]:
                del self._sessions[old]
        if len(self._sessions) >= SESSIONS:
            return False
        self._sessions[identifier] = Session(tokens, now)
        return True

    def meet(self, ticket: str, identifier: str, tokens: dict[Side, str], now: float) -> tuple[str, Side, str] | None:
        """Two sides meet by a ticket that both know: the first opens a session as side a, the second joins as side b.

        Returns id, side and that side's token only; None when the table is full. Raises RelayError for a third.
        """
        for key, session in self._sessions.items():
            if session.ticket == ticket and not self._dead(session, now):
                if session.met:
                    raise RelayError("forbidden")
                session.met, session.used = True, now
                return key, "b", session.tokens["b"]
        if not self.open(identifier, tokens, now):
            return None
        self._sessions[identifier].ticket = ticket
        return identifier, "a", tokens["a"]

    def push(self, identifier: str, side: Side, token: str, offset: int, data: bytes, now: float) -> None:
        """Take bytes from one side for the other. Raises RelayError."""
        direction = self._use(identifier, side, token, now).sent[side]
        if len(data) > PUSH_LIMIT:
            raise RelayError("size")
        if offset != direction.start + len(direction.data):
            raise RelayError("offset")
        if len(direction.data) + len(data) > LAG_LIMIT:
            raise RelayError("lag")
        direction.data += data
        self._news(self._sessions[identifier], _other(side))

    def pull(self, identifier: str, side: Side, token: str, offset: int, now: float) -> bytes:
        """What the other side pushed, from `offset` on, at most 64 KiB; what lies before it is dropped."""
        direction = self._use(identifier, side, token, now).sent[_other(side)]
        if not direction.start <= offset <= direction.start + len(direction.data):
            raise RelayError("offset")
        del direction.data[: offset - direction.start]
        direction.start = offset
        return bytes(direction.data[:PUSH_LIMIT])

    def wait(self, identifier: str, side: Side, news: Callable[[], None]) -> Callable[[], None]:
        """Be told once, when something comes for a side of a session that is there, or it ends.

        A side waits once: the wait before is told now. Returns what takes it back.
        """
        session = self._sessions[identifier]
        self._news(session, side)
        session.waiting[side] = news

        def forget() -> None:
            if session.waiting.get(side) is news:
                del session.waiting[side]

        return forget

    def close(self, identifier: str, side: Side, token: str, now: float) -> None:
        """End a session and free its bytes. Raises RelayError."""
        session = self._use(identifier, side, token, now)
        self._end(session)

    def _use(self, identifier: str, side: Side, token: str, now: float) -> Session:
        session = self._sessions.get(identifier)
        if session is None:
            raise RelayError("unknown")
        if self._dead(session, now):
            self._end(session)
            raise RelayError("gone")
        if session.tokens[side] != token:
            raise RelayError("forbidden")
        session.used = now
        return session

    @staticmethod
    def _dead(session: Session, now: float) -> bool:
        return session.closed or now - session.used > LIFETIME

    @classmethod
    def _end(cls, session: Session) -> None:
        session.closed = True
        session.sent = {"a": _Direction(), "b": _Direction()}
        cls._news(session, "a")
        cls._news(session, "b")

    @staticmethod
    def _news(session: Session, side: Side) -> None:
        told = session.waiting.pop(side, None)
        if told is not None:
            told()


def _other(side: Side) -> Side:
    return "b" if side == "a" else "a"
