"""Who is signed in where, and how each account looks to each other.

Volatile: nothing of it is kept. Not the telling (`telling`). Source: msnp.md 1.6, 2.9 to 2.12, 2.23.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import msgspec

from emulator.world import limits
from emulator.world.errors import TooManyPlaces
from emulator.world.ledger import Ledger
from emulator.world.names import bare_guid, check_text, fold
from emulator.world.notices import Endpoint, Look
from emulator.world.records import Account, Pairs
from emulator.world.rosters import Rosters

HIDDEN = "HDN"
STATUSES = ("NLN", "BSY", "PHN", "LUN", "BRB", "AWY", "IDL")  # the most reachable first (our order)
MANY_PLACES = 16  # first dialect whose accounts may be at several places


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One signed-in connection of an account. `status` is "" until its first CHG; `id` is never used again."""

    id: int
    address: str
    dialect: int
    since: float
    endpoint: str = ""  # GUID without braces, MSNP16 and later
    machine: str = ""
    status: str = ""
    capabilities: int = 0
    extended: int = 0
    picture: str = ""
    psm: str = ""
    media: str = ""
    extras: Pairs = ()
    name: str = ""
    idle: bool = False
    client_type: int = 1

    @property
    def announced(self) -> bool:
        """True after the first CHG: before, nothing is told to it or about it."""
        return bool(self.status)


class Arrival(msgspec.Struct, frozen=True):
    """The new place, and those that must be told OUT OTH and closed; they are signed out already."""

    place: Place
    ousted: tuple[Place, ...]


class Presence:
    """Places by account. `touched` is called with the folded address whose look may have changed."""

    def __init__(self, ledger: Ledger, rosters: Rosters) -> None:
        self._ledger = ledger
        self.rosters = rosters
        self._places: dict[int, Place] = {}
        self._at: dict[str, tuple[int, ...]] = {}  # oldest first; nearly always one
        self._numbers = count(1)
        self.touched: Callable[[str], None] = lambda key: None
        self.left: Callable[[str], None] = lambda key: None  # its last place is gone

    def sign_in(self, address: str, dialect: int, *, endpoint: str = "", machine: str = "") -> Arrival:
        """A connection signed in. Up to MSNP15 an account is at one place, and the newest wins.

        From MSNP16 on only places of the same machine (or endpoint) and of older dialects give way.
        Raises NoSuchAccount, TooManyPlaces (16).
        """
        account = self._ledger.account(address)
        endpoint, machine = bare_guid(endpoint), bare_guid(machine)
        ousted = tuple(one for one in self.places(address) if _gives_way(one, dialect, endpoint, machine))
        if len(self._at.get(account.key, ())) - len(ousted) >= limits.PLACES:
            raise TooManyPlaces(f"{account.address} is signed in {limits.PLACES} times")
        place = Place(
            id=next(self._numbers),
            address=account.address,
            dialect=dialect,
            since=self._ledger.now(),
            endpoint=endpoint,
            machine=machine,
        )
        self._places[place.id] = place
        self._at[account.key] = (*self._at.get(account.key, ()), place.id)
        for one in ousted:
            self.sign_out(one.id)
        return Arrival(place, ousted)

    def sign_out(self, place: int) -> Place | None:
        """The connection is over; None when it was ousted before."""
        gone = self._places.pop(place, None)
        if gone is None:
            return None
        key = fold(gone.address)
        self.rosters.drop(place, key)
        left = tuple(one for one in self._at.pop(key) if one != place)
        if left:
            self._at[key] = left
        else:
            self.left(key)
        self.touched(key)
        return gone

    def place(self, place: int) -> Place | None:
        """A place by its id, as it is now; None when it is signed out."""
        return self._places.get(place)

    def places(self, address: str) -> tuple[Place, ...]:
        """All places of an account, oldest first."""
        return tuple(self._places[one] for one in self._at.get(fold(address), ()))

    def set_status(
        self, place: int, status: str, *, capabilities: int = 0, extended: int = 0, picture: str = ""
    ) -> Place | None:
        """CHG: one of NLN BSY PHN LUN BRB AWY IDL HDN. Raises ValueError for another; TooLong for the picture."""
        if status not in STATUSES and status != HIDDEN:
            raise ValueError(f"no status {status!r}")
        check_text(picture, 4 * limits.DETAIL, "picture's description")
        return self._set(place, status=status, capabilities=capabilities, extended=extended, picture=picture)

    def set_personal(
        self, place: int, *, psm: str = "", media: str = "", machine: str = "", extras: Pairs = ()
    ) -> Place | None:
        """UUX, the Data document: all of it at once. An empty `machine` leaves the one of the sign-in."""
        for text in (psm, media, machine, *(value for _, value in extras)):
            check_text(text, 4 * limits.DETAIL, "personal message")
        fields: dict[str, Any] = {"psm": psm, "media": media, "extras": extras[: limits.DETAILS]}
        if machine:
            fields["machine"] = bare_guid(machine)
        return self._set(place, **fields)

    def set_endpoint(
        self,
        place: int,
        *,
        capabilities: int | None = None,
        extended: int | None = None,
        name: str | None = None,
        idle: bool | None = None,
        client_type: int | None = None,
    ) -> Place | None:
        """UUX of MSNP16 and later, the EndpointData and PrivateEndpointData documents; None leaves a value."""
        given = {
            "capabilities": capabilities,
            "extended": extended,
            "name": None if name is None else check_text(name, limits.DETAIL, "name of a place"),
            "idle": idle,
            "client_type": client_type,
        }
        return self._set(place, **{key: value for key, value in given.items() if value is not None})

    def _set(self, place: int, **fields: Any) -> Place | None:
        before = self._places.get(place)
        if before is None:
            return None
        self._places[place] = after = msgspec.structs.replace(before, **fields)
        if after != before:
            self.touched(fold(after.address))
        return after

    def online(self, address: str) -> bool:
        """Signed in somewhere with a status that is not hidden."""
        return self.outward(self._ledger.state.accounts.get(fold(address))) is not None

    def listening(self, key: str) -> bool:
        """True when some place of the account has had its first CHG, so that it can be told things."""
        return any(self._places[one].announced for one in self._at.get(key, ()))

    def signed_in(self, address: str) -> bool:
        """True when the account has a place, announced or not."""
        return fold(address) in self._at

    def outward(self, account: Account | None) -> Look | None:
        """How an account looks to those who may see it; None: offline or hidden everywhere."""
        if account is None or account.hidden:
            return None
        shown = [self._places[one] for one in self._at.get(account.key, ())]
        shown = [one for one in shown if one.announced and one.status != HIDDEN]
        if not shown:
            return None
        first = min(reversed(shown), key=lambda one: STATUSES.index(one.status))  # of equals, the newest
        return Look(
            address=account.address,
            name=account.name,
            status=first.status,
            capabilities=first.capabilities,
            extended=first.extended,
            picture=first.picture,
            psm=first.psm,
            media=first.media,
            machine=first.machine,
            extras=first.extras,
            endpoints=tuple(_endpoint(one) for one in shown if one.endpoint),
        )

    def own(self, account: Account) -> Look | None:
        """How an account looks to itself: every announced place, hidden ones too; None: none of MSNP16 or later."""
        here = [self._places[one] for one in self._at.get(account.key, ())]
        here = [one for one in here if one.announced]
        if not any(one.dialect >= MANY_PLACES for one in here):
            return None
        newest = here[-1]
        return Look(
            address=account.address,
            name=account.name,
            status=newest.status,
            psm=newest.psm,
            media=newest.media,
            machine=newest.machine,
            extras=newest.extras,
            endpoints=tuple(_endpoint(one) for one in here if one.endpoint),
        )

    def look(self, watcher: str, subject: str) -> Look:
        """How `subject` looks to `watcher` (FLN when it may not see it). Raises NoSuchAccount."""
        one, other = self._ledger.account(watcher), self._ledger.account(subject)
        seen = self.outward(other) if self.rosters.sees(one, other) else None
        return seen or Look(address=other.address, name=other.name)

    def reachable(self, caller: str, callee: str) -> Look | None:
        """How `callee` looks if `caller` may write to it; None when it is offline, hidden or has blocked the caller."""
        one, other = self._ledger.account(caller), self._ledger.account(callee)
        return self.outward(other) if self.rosters.admits(other, one) else None

    def audience(self, subject: str) -> Iterator[str]:
        """Folded addresses of those who are signed in, have `subject` listed and may see it."""
        account = self._ledger.account(subject)
        accounts = self._ledger.state.accounts
        for key in self.rosters.watchers(account.key):
            if key in accounts and self.rosters.admits(account, accounts[key]) and self.listening(key):
                yield key


def _gives_way(place: Place, dialect: int, endpoint: str, machine: str) -> bool:
    if dialect < MANY_PLACES or place.dialect < MANY_PLACES:
        return True
    return bool(machine and machine == place.machine) or bool(endpoint and endpoint == place.endpoint)


def _endpoint(place: Place) -> Endpoint:
    return Endpoint(
        place.endpoint, place.capabilities, place.extended, place.name, place.idle, place.client_type, place.status
    )
