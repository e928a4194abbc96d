"""Who may register with the call service, by ticket or by Digest, and on which connection each account then is.

Not calls (`phone`), and not the way between two accounts (`phone_exchange`). Source: media.md 4.1, 7; RFC 3261 10.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from emulator.wire import sip, sip_digest
from emulator.wire.errors import WireError
from emulator.wire.sip import Message
from emulator.world.errors import BadTicket, NoSuchAccount
from emulator.world.lists import admits
from emulator.world.names import fold
from emulator.world.world import World

NONCES = 4  # of one connection at once; an older one is stale
ACCOUNTS = 4096  # registered at once
Desk = TypeVar("Desk")
Headers = tuple[tuple[str, str], ...]


class People:
    """Those whom the call service knows: here only probes, by tickets of their own."""

    def holds(self, request: Message) -> bool:
        """True when the ticket of a REGISTER is good for the account that it is for."""
        return sip.authorized(request)

    def password(self, account: str) -> str:
        """Password of an account; "" where there is none, and then no proof of it is right."""
        return ""

    def admits(self, callee: str, caller: str) -> bool:
        """True when `callee` may be rung by `caller`."""
        return True


class Residents(People):
    """The accounts of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def holds(self, request: Message) -> bool:
        if super().holds(request):
            return True
        try:
            owner = self._world.tickets.owner(sip.ticket_of(request))
        except BadTicket:
            return False
        return fold(owner.address) == fold(sip.address(request.need("To")))

    def password(self, account: str) -> str:
        found = self._world.find(account)
        return found.password if found is not None else ""

    def admits(self, callee: str, caller: str) -> bool:
        try:
            return admits(self._world.account(callee), self._world.account(caller))
        except NoSuchAccount:
            return False


class Guard:
    """What one connection has been asked to prove. Nonces are its own, and every count of one is good once."""

    def __init__(self, people: People, entropy: Callable[[int], bytes]) -> None:
        self._people = people
        self._entropy = entropy
        self._nonces: dict[str, int] = {}

    def refusal(self, request: Message) -> Headers | None:
        """Challenges for a REGISTER that proves nothing; None when it does. WireError for a broken Digest."""
        proof = sip_digest.read(request.header("Authorization"))
        if proof is None:
            return None if self._people.holds(request) else self._challenges(stale=False)
        account = sip.address(request.need("To"))
        password = self._people.password(account)
        named = fold(proof.username) in (fold(account), fold(account.partition("@")[0]))
        if not (named and password and sip_digest.right(proof, "REGISTER", password)):
            return self._challenges(stale=False)
        last = self._nonces.get(proof.nonce)
        if last is None or (proof.count or 1) <= last:
            return self._challenges(stale=True)
        self._nonces[proof.nonce] = proof.count or 1
        return None

    def _challenges(self, *, stale: bool) -> Headers:
        nonce = self._entropy(16).hex()
        self._nonces[nonce] = 0
        while len(self._nonces) > NONCES:
            del self._nonces[next(iter(self._nonces))]
        asked = (sip_digest.challenge(nonce, stale=stale), f'Basic realm="{sip_digest.REALM}"')
        return tuple(("WWW-Authenticate", one) for one in asked)


class Registrar(Generic[Desk]):
    """On which desk an account is; the latest registration counts. `seconds`: a monotonic clock."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._places: dict[str, _Place[Desk]] = {}

    def register(self, account: str, desk: Desk, seconds: int) -> bool:
        """An account is at a desk for so long, 0: no more. False when too many are registered."""
        key = fold(account)
        if seconds <= 0:
            if self._at(key, desk):
                del self._places[key]
            return True
        if key not in self._places and len(self._places) >= ACCOUNTS:
            return False
        self._places[key] = _Place(desk, self._seconds() + seconds)
        return True

    def find(self, account: str) -> Desk | None:
        """Where an account is; None when it is not, or not any more."""
        place = self._places.get(fold(account))
        return place.desk if place is not None and place.until > self._seconds() else None

    def forget(self, desk: Desk) -> None:
        """A connection is over."""
        for key in [key for key in self._places if self._at(key, desk)]:
            del self._places[key]

    def _at(self, key: str, desk: Desk) -> bool:
        place = self._places.get(key)
        return place is not None and place.desk is desk


class _Place(msgspec.Struct, Generic[Desk]):
    desk: Desk
    until: float


def asked_for(request: Message) -> int:
    """Seconds of a registration: what was asked for, at most 900; 0 ends it. WireError for no number."""
    text = sip.parameters(request.header("Contact")).get("expires") or request.header("Expires") or str(sip.EXPIRES)
    if not text.isdigit() or len(text) > 10:
        raise WireError(f"Expires: {text[:20]!r}")
    return min(int(text), sip.EXPIRES)
