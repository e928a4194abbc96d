"""How a session shows itself: CHG, UUX, the challenge, and the burst after the first CHG.

Not what it hears of others later (`news`). Source: protocols/msnp.md 2.9, 2.12, 2.15.
"""

from __future__ import annotations

from collections.abc import Iterable

from emulator.services.msnp import profile
from emulator.services.msnp.deadlines import CHALLENGE, Patience
from emulator.services.msnp.person import Person, Row
from emulator.wire import challenge
from emulator.wire.errors import WireError
from emulator.wire.msnp import presence
from emulator.wire.msnp.lines import Command, line
from emulator.world.notices import Look

ANSWERS = {"short": lambda asked, product, key: challenge.old_answer(asked, key), "long": challenge.answer}


class Presenting:
    """Presence commands of one session. `patience` is the connection's: a challenge must be answered in time."""

    __slots__ = ("_challenge", "_patience", "_person")

    def __init__(self, person: Person, patience: Patience) -> None:
        self._person = person
        self._patience = patience
        self._challenge = ""

    @classmethod
    def rows(cls) -> tuple[Row, ...]:
        return (("CHG", 2, 18, cls._chg), ("UUX", 11, 18, cls._uux), ("QRY", 6, 18, cls._qry))

    def _chg(self, command: Command) -> bytes:
        person = self._person
        trid, status = command.arg(0), command.arg(1)
        if status == "FLN":
            return line("201", trid)
        if status not in presence.STATUSES:
            raise WireError(f"CHG to {status[:20]!r}")
        if person.too_fast(person.house.changes):
            return line("800", trid)
        capabilities, extended = presence.read_capabilities(command.args[2] if len(command.args) > 2 else "")
        picture = command.args[3] if len(command.args) > 3 else ""
        person.world.presence.set_status(
            person.place,
            status,
            capabilities=capabilities,
            extended=extended,
            picture="" if picture == "0" else picture,
        )
        words = command.args
        if person.dialect.lists == "numbered" and len(words) == 2:
            words = (*words, "0")  # MSNP8 programs count the words (Twisted's does)
        out = line("CHG", *words)
        return out if person.announced else out + self._first(trid)

    def _first(self, trid: str) -> bytes:
        """After the first CHG: who is online, waiting mail, the challenge."""
        person = self._person
        person.announced = True
        account = person.world.account(person.address)
        rosters = person.world.rosters
        looks = person.world.telling.roll_call(person.address)
        here = (look for look in looks if rosters.forward(account, look.address.lower(), person.place))
        out = introduced(person, here, trid) + profile.mail_notification(account, person.dialect)
        if not person.dialect.challenge:
            return out
        self._challenge = challenge.digits(person.context.entropy(8), person.address)
        self._patience.touch(CHALLENGE)
        return out + line("CHL", 0, self._challenge)

    def _uux(self, command: Command) -> bytes:
        if command.payload:
            profile.read_personal(command.payload, self._person.place, self._person.world.presence)
        else:  # `UUX n 0`: nothing to show any more
            self._person.world.presence.set_personal(self._person.place)
        return line("UUX", command.arg(0), 0)

    def _qry(self, command: Command) -> bytes:
        product = command.arg(1)
        key = challenge.PRODUCTS.get(product, "")
        wanted = ANSWERS[self._person.dialect.challenge](self._challenge, product, key)
        if not self._challenge or not key or command.payload.decode("ascii", "replace") != wanted:
            self._person.over = True
            return line("540", command.arg(0))
        self._challenge = ""
        self._patience.rest(CHALLENGE)
        return line("QRY", command.arg(0))


def introduced(person: Person, looks: Iterable[Look], trid: str = "") -> bytes:
    """Presence lines of people who become known now: ILN with the id of CHG, else NLN; UBX behind each."""
    dialect, out = person.dialect, b""
    for look in looks:
        shown = profile.shown(look)
        out += presence.initial(dialect, trid, shown) if trid else presence.online(dialect, shown)
        if dialect.personal:
            out += presence.personal(dialect, look.address, profile.personal(look, dialect))
    return out
