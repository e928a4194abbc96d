"""What one session sends to another person: UUN, UUM; and invitations, pages and telephones, which lead nowhere.

Not switchboard messages (`board`). Source: protocols/msnp.md 2.17, 2.18. Emulated, as nothing public tells the answers:
pages are refused with 220, mobile numbers take messages when they are on Allow.
"""

from __future__ import annotations

import re

from emulator.services.msnp.house import Carrier, Listener
from emulator.services.msnp.person import PersonsPart, Row
from emulator.wire.msnp import principals
from emulator.wire.msnp.lines import Command, line, number
from emulator.wire.msnp.principals import Principal
from emulator.world.records import BITS, MOBILE, contact_key

MESSAGE_LIMIT = 1664  # bytes of a message between networks, as on the switchboard
MESSAGE_KINDS = range(1, 6)  # text, typing, nudge, emoticon, MSNObject
SIGN_OFF, OTHER_PLACE, EVERYWHERE = 4, b"goawyplzthxbye", b"gtfo"
_TELEPHONE = re.compile(r"tel:\+[0-9]{4,20}")


class Post(PersonsPart):
    """Commands of one session that reach others."""

    __slots__ = ()

    @classmethod
    def rows(cls) -> tuple[Row, ...]:
        return (
            ("UUN", 13, 18, cls._uun),
            ("UUM", 14, 18, cls._uum),
            ("SDC", 2, 18, cls._sdc),
            ("SND", 2, 8, cls._sdc),
            ("PGD", 9, 18, cls._page),
            ("PAG", 2, 8, cls._page),
            ("LKP", 11, 18, cls._lkp),
        )

    def _uun(self, command: Command) -> bytes:
        trid, target, kind = command.arg(0), principals.read(command.arg(1)), number(command.arg(2))
        if kind is None:
            return line("283", trid)
        if target.address.lower() == self._person.address.lower():
            return self._to_self(trid, target, kind, command.payload)
        world = self._person.world
        heard = self._listeners(target)
        if world.presence.reachable(self._person.address, target.address) is None or not heard:
            return line("217", trid)
        self._person.context.push(line("UUN", trid, "OK"))  # before what the others answer
        for listener in heard:
            listener.hand(self._person.name, kind, command.payload)
        return b""

    def _to_self(self, trid: str, target: Principal, kind: int, payload: bytes) -> bytes:
        """To another place of the same account; type 4 signs it off, `gtfo` all others."""
        everywhere = kind == SIGN_OFF and payload == EVERYWHERE
        heard = self._listeners(Principal(target.address) if everywhere else target)
        heard = [one for one in heard if one.place is not None and one.place.id != self._person.place]
        if not heard and not everywhere:
            return line("217", trid)
        self._person.context.push(line("UUN", trid, "OK"))
        if kind == SIGN_OFF and payload in (OTHER_PLACE, EVERYWHERE):
            for place in [one.place for one in heard]:
                if place is not None:
                    self._person.house.oust((place,))
                    self._person.world.presence.sign_out(place.id)
            return b""
        for listener in heard:
            listener.hand(self._person.name, kind, payload)
        return b""

    def _uum(self, command: Command) -> bytes:
        """`UUM n address network type len` (MSNP18 may write `network:address`); silence is success."""
        trid, target = command.arg(0), principals.read(command.arg(1))
        words = command.args[2:-1]
        kind = number(words[-1]) if words else None
        network = target.network or (number(words[0]) if len(words) > 1 else None) or 1
        if kind is None or kind not in MESSAGE_KINDS:
            return line("201", trid)
        if len(command.payload) > MESSAGE_LIMIT:
            return line("285", trid)
        world, heard = self._person.world, self._listeners(target)
        if world.presence.reachable(self._person.address, target.address) is None or not heard:
            return line("217" if network == 1 else "509", trid)
        for listener in heard:
            if isinstance(listener, Carrier):
                listener.carry(self._person.address, kind, command.payload)
        return b""

    def _sdc(self, command: Command) -> bytes:
        return line(command.verb, command.arg(0), "OK")

    def _page(self, command: Command) -> bytes:
        return line("220" if _TELEPHONE.fullmatch(command.arg(1)) else "201", command.arg(0))

    def _lkp(self, command: Command) -> bytes:
        person, trid, telephone = self._person, command.arg(0), command.arg(1)
        if not _TELEPHONE.fullmatch(telephone):
            return line("201", trid)
        allowed = person.world.lists.bits(person.address, telephone, kind="Phone") & BITS["Allow"]
        if allowed or person.world.rosters.said(person.address.lower(), contact_key(telephone, MOBILE), BITS["Allow"]):
            return line("LKP", *command.args)
        return line("235", trid)

    def _listeners(self, target: Principal) -> list[Listener]:
        """Places of somebody, or the one that is meant."""
        found = self._person.house.at(target.address)
        if not target.endpoint:
            return list(found)
        return [one for one in found if one.place is not None and one.place.endpoint == target.endpoint]
