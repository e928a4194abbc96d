"""Lists of a session from MSNP13 on: ADL, RML, FQY; and BLP, PRP of all dialects.

What ADL and RML say ends with the session; what lasts goes through the address book service (msnp.md 2.6 to 2.8, 2.13).
"""

from __future__ import annotations

from collections.abc import Callable

from emulator.services.msnp import profile
from emulator.services.msnp.person import PersonsPart, Row
from emulator.services.msnp.presenting import introduced
from emulator.wire.errors import WireError
from emulator.wire.msnp import lists
from emulator.wire.msnp.lines import Command, line
from emulator.world.errors import ListFull, SameMode, WorldError
from emulator.world.limits import PHONE

PHONES = ("PHH", "PHW", "PHM")


class Membership(PersonsPart):
    """List and settings commands of one session."""

    __slots__ = ()

    @classmethod
    def rows(cls) -> tuple[Row, ...]:
        return (
            ("ADL", 13, 18, cls._adl),
            ("RML", 13, 18, cls._rml),
            ("FQY", 14, 18, cls._fqy),
            ("BLP", 2, 18, cls._blp),
            ("PRP", 5, 18, cls._prp),
        )

    def _adl(self, command: Command) -> bytes:
        person = self._person

        def add(item: lists.Item, initial: bool) -> None:
            person.world.rosters.add(
                person.place, person.address, item.address, item.network or 1, item.bits, initial=initial
            )

        out, done = self._carried_out(command, add)
        listed = [one.address for one in done if one.bits & lists.FORWARD and one.network in (0, 1)]
        if person.announced and listed:
            out += introduced(person, person.world.telling.introduce(person.address, listed))
        return out

    def _rml(self, command: Command) -> bytes:
        person = self._person

        def remove(item: lists.Item, initial: bool) -> None:
            person.world.rosters.remove(person.place, person.address, item.address, item.network or 1, item.bits)

        return self._carried_out(command, remove)[0]

    def _carried_out(
        self, command: Command, change: Callable[[lists.Item, bool], None]
    ) -> tuple[bytes, list[lists.Item]]:
        """The answer, and what was done.

        A document that is broken ends the session. In the initial upload the contacts that cannot be taken are listed
        in the payload of 241 and the others are taken; later, the first that cannot ends the command with its number.
        """
        trid = command.arg(0)
        try:
            upload = lists.read_upload(command.payload)
        except lists.ListError as error:
            self._person.over = True
            return line(str(error.number), trid), []
        offences = [*upload.offences]
        done: list[lists.Item] = []
        if upload.offences and not upload.initial:
            return self._refused(trid, offences), done
        for item in upload.items:
            try:
                if not item.bits:
                    raise WorldError("no list is named")
                change(item, upload.initial)
                done.append(item)
            except WorldError as error:
                if isinstance(error, ListFull) or not (upload.initial or not item.bits):
                    return self._person.refusal(error, trid), done
                offences.append(lists.Offence(item, 241, str(error)))
        return (self._refused(trid, offences) if offences else line(command.verb, trid, "OK")), done

    @staticmethod
    def _refused(trid: str, offences: list[lists.Offence]) -> bytes:
        """241 names the contacts; the other numbers stand alone. Several reasons make it 241."""
        numbers = {one.number for one in offences}
        if len(numbers) == 1 and 241 not in numbers and len(offences) == 1:
            return line(str(offences[0].number), trid)
        return line("241", trid, payload=lists.write(tuple(one.item for one in offences)))

    def _fqy(self, command: Command) -> bytes:
        try:
            items, _ = lists.read(command.payload)
        except lists.ListError as error:
            return line(str(error.number), command.arg(0))
        world = self._person.world
        answers = tuple(lists.Item(item.address, 0, 1 if world.find(item.address) else 32) for item in items)
        return line("FQY", command.arg(0), payload=lists.write(answers))

    def _blp(self, command: Command) -> bytes:
        person, trid, value = self._person, command.arg(0), command.arg(1)
        if value not in ("AL", "BL"):
            raise WireError(f"BLP {value[:20]!r}")
        try:
            person.world.accounts.set_privacy(person.address, "AL" if value == "AL" else "BL")
        except SameMode as error:
            if person.dialect.lists != "soap":  # later clients say it at every sign-in
                return person.refusal(error, trid)
        if person.dialect.lists in ("each", "numbered"):  # with the list's version, as of old
            return line("BLP", trid, person.world.account(person.address).version, value)
        return line("BLP", *command.args)

    def _prp(self, command: Command) -> bytes:
        person, trid, kind = self._person, command.arg(0), command.arg(1)
        value = profile.decode(command.args[2]) if len(command.args) > 2 else ""
        if person.too_fast(person.house.renamings):
            return line("800", trid)
        if kind == "MFN" and value:
            person.world.accounts.set_name(person.address, value)
        elif kind in PHONES and person.dialect.lists != "soap":
            if len(value.encode()) > PHONE:
                raise WireError(f"a phone number of {len(value.encode())} bytes, limit {PHONE}")
            before = dict(person.world.account(person.address).phones)
            person.world.accounts.set_phones(person.address, tuple((before | {kind: value}).items()))
        if person.dialect.lists in ("each", "numbered"):
            return line("PRP", trid, person.world.account(person.address).version, *command.args[1:])
        return line("PRP", *command.args)
