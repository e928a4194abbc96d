"""Where conversations meet: switchboard sessions, the cookies that open them, who is in them and who was called.

Volatile. Not what is said there. Source: msnp.md 1.7, 2.16, 3.1.
"""

from __future__ import annotations

import msgspec

from emulator.world import limits
from emulator.world.errors import (
    BadCookie,
    InSession,
    ListFull,
    NoSuchAccount,
    NoSuchSession,
    NotOnline,
    Refused,
    TooManySessions,
)
from emulator.world.ledger import Ledger
from emulator.world.names import bare_guid, fold
from emulator.world.presence import Presence


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody in a session; `endpoint` (GUID) is filled in for MSNP16 and later, one participant per place."""

    address: str
    endpoint: str = ""
    name: str = ""
    capabilities: int = 0
    extended: int = 0

    @property
    def key(self) -> str:
        return f"{fold(self.address)};{self.endpoint}"


class Session(msgspec.Struct):
    """A conversation. `id` is 1 to 2^31-1: some clients read it as a signed number."""

    id: int
    participants: dict[str, Participant] = msgspec.field(default_factory=dict)

    def has(self, address: str) -> bool:
        """True when some place of the account is in it."""
        return any(fold(one.address) == fold(address) for one in self.participants.values())


class Invitation(msgspec.Struct, frozen=True):
    """What RNG carries to every place of `callee`; the cookie opens session `session` for it, once."""

    session: int
    cookie: str
    callee: str
    caller: str
    caller_name: str


class _Cookie(msgspec.Struct, frozen=True):
    account: str
    session: int  # 0: opens a new one
    expires: float


class Switchboards:
    """Sessions and cookies. A cookie is used once and lives two minutes; a session ends with its last participant."""

    def __init__(self, ledger: Ledger, presence: Presence) -> None:
        self._ledger = ledger
        self._presence = presence
        self._cookies: dict[str, _Cookie] = {}
        self._sessions: dict[int, Session] = {}

    def transfer(self, address: str) -> str:
        """XFR SB: a cookie that opens a new session. Raises NoSuchAccount. (Hidden: the service decides, 913.)"""
        return self._cookie(self._ledger.account(address).key, 0)

    def open(self, address: str, cookie: str, *, endpoint: str = "") -> tuple[Session, Participant]:
        """USR on the switchboard: a new session with its first participant. Raises BadCookie, TooManySessions."""
        if len(self._sessions) >= limits.SESSIONS:
            raise TooManySessions(f"{limits.SESSIONS} sessions are open")
        self._redeem(address, cookie, 0)
        session = Session(self._new_id())
        self._sessions[session.id] = session
        return session, self._join(session, address, endpoint)

    def call(self, session: int, caller: str, callee: str) -> Invitation:
        """CAL. Raises NoSuchSession (caller not in it), NoSuchAccount, InSession, Refused, NotOnline, ListFull (50)."""
        one, other = self._ledger.account(caller), self._ledger.account(callee)
        found = self.session(session)
        if not found.has(caller):
            raise NoSuchSession(f"{caller} is not in session {session}")
        if found.has(callee) and (other is not one):
            raise InSession(f"{callee} is in this session already")
        if not self._presence.rosters.admits(other, one):
            raise Refused(f"{callee} is not reachable for {caller}")
        if self._presence.outward(other) is None:
            raise NotOnline(f"{callee} is not online")
        _room(found)
        cookie = self._cookie(other.key, session)
        return Invitation(session, cookie, other.address, one.address, one.name)

    def answer(
        self, address: str, cookie: str, session: int, *, endpoint: str = ""
    ) -> tuple[Session, Participant, tuple[Participant, ...]]:
        """ANS: the session, the newcomer, and those who are there already (IRO), in the order in which they came.

        Raises BadCookie, NoSuchSession (it ended meanwhile), InSession, ListFull (50).
        """
        self._redeem(address, cookie, session)
        found = self.session(session)
        there = tuple(found.participants.values())
        return found, self._join(found, address, endpoint), there

    def leave(self, session: int, participant: Participant) -> tuple[Participant, ...]:
        """Somebody left; returns those who stay and must be told BYE. The session ends with its last participant."""
        found = self._sessions.get(session)
        if found is None:
            return ()
        found.participants.pop(participant.key, None)
        if not found.participants:
            del self._sessions[session]
        return tuple(found.participants.values())

    def session(self, session: int) -> Session:
        """By id. Raises NoSuchSession."""
        found = self._sessions.get(session)
        if found is None:
            raise NoSuchSession(f"no session {session}")
        return found

    def sessions_of(self, address: str) -> tuple[Session, ...]:
        """Sessions that an account is in; looks at every session."""
        return tuple(one for one in self._sessions.values() if one.has(address))

    def _join(self, session: Session, address: str, endpoint: str) -> Participant:
        account = self._ledger.account(address)
        endpoint = bare_guid(endpoint)
        place = next((one for one in self._presence.places(address) if one.endpoint == endpoint), None)
        place = place or next(iter(self._presence.places(address)), None)
        participant = Participant(
            address=account.address,
            endpoint=endpoint,
            name=account.name,
            capabilities=place.capabilities if place else 0,
            extended=place.extended if place else 0,
        )
        if participant.key in session.participants:
            raise InSession(f"{address} is in this session already")
        _room(session)
        session.participants[participant.key] = participant
        return participant

    def _cookie(self, key: str, session: int) -> str:
        now = self._ledger.now()
        while self._cookies:  # the oldest come first, and all live equally long
            oldest = next(iter(self._cookies))
            if self._cookies[oldest].expires > now and len(self._cookies) < limits.COOKIES:
                break
            del self._cookies[oldest]
        raw = self._ledger.entropy(12)
        text = ".".join(str(int.from_bytes(raw[at : at + 4], "big")) for at in (0, 4, 8))
        self._cookies[text] = _Cookie(key, session, now + limits.COOKIE_LIFETIME)
        return text

    def _redeem(self, address: str, cookie: str, session: int) -> None:
        found = self._cookies.get(cookie)
        if found is None or found.account != fold(address) or found.session != session:
            raise BadCookie("unknown cookie")
        del self._cookies[cookie]
        if self._ledger.now() >= found.expires:
            raise BadCookie("this cookie is too old")
        if self._ledger.find(address) is None:
            raise NoSuchAccount(f"no account {address!r}")

    def _new_id(self) -> int:
        for _ in range(100):
            number = int.from_bytes(self._ledger.entropy(4), "big") & 0x7FFF_FFFF
            if number and number not in self._sessions:
                return number
        raise TooManySessions("no free session id")


def _room(session: Session) -> None:
    if len(session.participants) >= limits.SESSION_MEMBERS:
        raise ListFull(f"{limits.SESSION_MEMBERS} people are in this session")
