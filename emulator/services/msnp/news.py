"""What a session is told: the world's notices, calls and messages of others, as lines of its dialect.

Not who must be told what: that is the world's and the house's. Source: protocols/msnp.md 2.7, 2.9, 2.12, 2.16 to 2.20.
"""

from __future__ import annotations

from emulator.services.msnp import profile
from emulator.services.msnp.bands import Bands
from emulator.services.msnp.person import Person
from emulator.wire.msnp import lists, presence, principals
from emulator.wire.msnp.lines import line
from emulator.world.names import fold
from emulator.world.notices import BookChanged, MailArrived, Notice, PlacesChanged, PresenceChanged, ReverseChanged
from emulator.world.rendezvous import Invitation

BETWEEN_NETWORKS = 14  # first dialect that knows UBM


class News:
    """Lines for one person; "" where its dialect has no words for something, or it is none of its business."""

    __slots__ = ("_person",)

    def __init__(self, person: Person) -> None:
        self._person = person

    def notice(self, notice: Notice) -> bytes:
        """One notice of the world."""
        match notice:
            case PresenceChanged():
                return self._presence(notice)
            case ReverseChanged():
                return self._reverse(notice)
            case PlacesChanged(look=look):
                return self._places(notice) if look.endpoints else b""
            case BookChanged(origin=origin):
                return self._changed() if self._by_another_place(origin) else b""
            case MailArrived(message=message):
                account = self._person.world.account(self._person.address)
                return profile.mail_arrived(account, message, self._person.dialect)
        return b""

    def _presence(self, notice: PresenceChanged) -> bytes:
        person, look = self._person, notice.look
        account = person.world.account(person.address)
        if not person.world.rosters.forward(account, fold(look.address), person.place):
            return b""  # another place of the account has it listed
        if not look.online:
            return presence.offline(person.dialect, look.address)
        out = presence.online(person.dialect, profile.shown(look)) if notice.line else b""
        if notice.personal and person.dialect.personal:
            out += presence.personal(person.dialect, look.address, profile.personal(look, person.dialect))
        return out

    def _places(self, notice: PlacesChanged) -> bytes:
        if not self._person.dialect.places:
            return b""
        return presence.personal(
            self._person.dialect, notice.look.address, profile.personal(notice.look, self._person.dialect, own=True)
        )

    def _reverse(self, notice: ReverseChanged) -> bytes:
        person = self._person
        if person.dialect.lists != "soap":
            return Bands(person.world, person.address, person.dialect).pushed(notice)
        name = presence.encode(notice.name) if notice.added else ""
        item = lists.Item(notice.by, lists.REVERSE, 1, name)
        return line("ADL" if notice.added else "RML", 0, payload=lists.write((item,))) + self._changed()

    def _by_another_place(self, origin: int) -> bool:
        """A SOAP call names no place: with one place it was its own; with several, all are told."""
        if origin:
            return origin != self._person.place
        return len(self._person.world.presence.places(self._person.address)) > 1

    def _changed(self) -> bytes:
        """NOT: fetch what changed in the address book. Older clients keep their lists in band."""
        if self._person.dialect.lists != "soap":
            return b""
        return line("NOT", payload=profile.book_changed(self._person.world.account(self._person.address)))

    def ring(self, invitation: Invitation) -> bytes:
        """RNG."""
        return line(
            "RNG",
            invitation.session,
            self._person.switchboard,
            "CKI",
            invitation.cookie,
            invitation.caller,
            presence.encode(invitation.caller_name),
            *self._person.transfer,
        )

    def handed(self, sender: str, kind: int, payload: bytes) -> bytes:
        """UBN; a place of the sender is named to those that know places."""
        dialect, who = self._person.dialect, principals.read(sender)
        if dialect.lists != "soap":
            return b""
        name = principals.written(who.address, who.endpoint if dialect.places else "")
        return line("UBN", dialect.account(name), kind, payload=payload)

    def carried(self, sender: str, kind: int, payload: bytes) -> bytes:
        """UBM: from, its network, to, its network, kind."""
        if self._person.dialect.number < BETWEEN_NETWORKS:
            return b""
        return line("UBM", sender, 1, self._person.address, 1, kind, payload=payload)
