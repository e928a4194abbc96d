"""Changes of lists in band, up to MSNP12: GTC, ADD and ADC, REM, groups, renaming.

Not the whole list (`listing`), nor MSNP13 and later, whose lists live in the address book service. Source:
protocols/msnp.md 2.6, 2.14; MSNP2 to 7 as MSNP8 with the version in GTC too (emulated).
"""

from __future__ import annotations

from collections.abc import Callable

from emulator.services.msnp import profile
from emulator.services.msnp.listing import NO_GROUP, Listing
from emulator.wire.errors import WireError
from emulator.wire.msnp.dialects import Dialect
from emulator.wire.msnp.lines import Command, line
from emulator.wire.msnp.lines import number as decimal
from emulator.wire.msnp.presence import encode
from emulator.world.errors import NoSuchAccount, WorldError
from emulator.world.names import bare_guid
from emulator.world.notices import ReverseChanged
from emulator.world.records import Account, Role
from emulator.world.world import World

ROLE_OF: dict[str, Role] = {"AL": "Allow", "BL": "Block", "PL": "Pending"}
GROUP_NAME = 61  # bytes in encoded form

Handler = Callable[[Command], bytes]


class Bands:
    """List commands of one session of an old dialect."""

    def __init__(self, world: World, address: str, dialect: Dialect) -> None:
        self._world = world
        self._address = address
        self._dialect = dialect

    def table(self) -> dict[str, Handler]:
        """Commands by verb, for this dialect's generation."""
        listing = Listing(self._world, self._address, self._dialect)
        common: dict[str, Handler] = {"SYN": listing.syn, "GTC": self._gtc, "REM": self._rem}
        if self._dialect.groups:
            common |= {"ADG": self._adg, "RMG": self._rmg, "REG": self._reg}
        adding: dict[str, dict[str, Handler]] = {
            "each": {"ADD": self._add, "REA": self._rea, "LST": listing.one},
            "numbered": {"ADD": self._add, "REA": self._rea},
            "guids": {"ADC": self._adc, "SBP": self._sbp},
        }
        return common | adding[self._dialect.lists]

    def pushed(self, notice: ReverseChanged) -> bytes:
        """Somebody added us, or took us off."""
        if self._dialect.lists == "guids":
            if notice.added:
                return line("ADC", 0, "RL", f"N={notice.by}", f"F={encode(notice.name)}")
            return line("REM", 0, "RL", notice.by)
        if notice.added:
            return line("ADD", 0, "RL", self._account.version, notice.by, encode(notice.name))
        return line("REM", 0, "RL", self._account.version, notice.by)

    @property
    def _account(self) -> Account:
        return self._world.account(self._address)

    # changes

    def _gtc(self, command: Command) -> bytes:
        value = command.arg(1)
        if value not in ("A", "N"):
            raise WireError(f"GTC {value}")

        def change() -> None:
            self._world.accounts.set_prompt(self._address, "A" if value == "A" else "N")

        if self._dialect.lists in ("each", "numbered"):
            return self._versioned(command, change, value, ())
        return self._answered(command, change, command.args)

    def _add(self, command: Command) -> bytes:
        """MSNP8 and 9: `ADD n FL address name [group]`, `ADD n AL|BL address name`."""
        which, address = command.arg(1), command.arg(2)
        name = profile.decode(command.args[3]) if len(command.args) > 3 else address
        group = command.args[4] if len(command.args) > 4 else ""

        def change() -> None:
            if which == "FL":
                self._add_contact(address, name, self._group_numbered(group))
            else:
                self._add_member(which, address, name)

        return self._versioned(command, change, command.args[1], command.args[2:])

    def _adc(self, command: Command) -> bytes:
        """MSNP10 to 12: `ADC n FL N=address F=name`, `ADC n FL C=guid group`, `ADC n AL N=address`."""
        trid, which = command.arg(0), command.arg(1)
        fields = dict(word.partition("=")[::2] for word in command.args[2:] if "=" in word)
        plain = [word for word in command.args[2:] if "=" not in word]
        try:
            if which != "FL":
                self._add_member(which, fields.get("N", ""), "")
            elif "C" in fields:
                group = plain[0] if plain else ""
                self._world.books.put_in_group(self._address, fields["C"], group)
            else:
                name = profile.decode(fields.get("F", ""))
                contact = self._add_contact(fields.get("N", ""), name, plain[0] if plain else "")
                return line("ADC", *command.args, f"C={contact}")
        except WorldError as error:
            return self._refusal(error, trid)
        return line("ADC", *command.args)

    def _rem(self, command: Command) -> bytes:
        which, who = command.arg(1), command.arg(2)
        group = command.args[3] if len(command.args) > 3 else ""

        def change() -> None:
            if which == "FL":
                self._remove_contact(who, group)
            else:
                self._world.lists.remove_member(self._address, self._role(which), who)

        if self._dialect.lists == "guids":
            return self._answered(command, change, command.args)
        return self._versioned(command, change, which, command.args[2:])

    def _adg(self, command: Command) -> bytes:
        trid, name = command.arg(0), command.arg(1)
        if len(name.encode()) > GROUP_NAME:
            return line("229", trid)
        try:
            group = self._world.books.add_group(self._address, profile.decode(name))
        except WorldError as error:
            return self._refusal(error, trid)
        if self._dialect.lists == "guids":
            return line("ADG", trid, name, group.id, 0)
        return line("ADG", trid, self._account.version, name, group.number, 0)

    def _rmg(self, command: Command) -> bytes:
        group = command.arg(1)
        if self._dialect.lists == "guids":
            return self._answered(
                command,
                lambda: self._world.books.remove_group(self._address, group),
                (command.arg(0), "1", group),
            )
        if group == NO_GROUP:
            return line("230", command.arg(0))
        return self._versioned(
            command, lambda: self._world.books.remove_group(self._address, self._group_numbered(group)), group, ()
        )

    def _reg(self, command: Command) -> bytes:
        group, name = command.arg(1), command.arg(2)
        if len(name.encode()) > GROUP_NAME:
            return line("229", command.arg(0))
        plain = profile.decode(name)
        if self._dialect.lists == "guids":
            return self._answered(
                command,
                lambda: self._world.books.rename_group(self._address, group, plain),
                (command.arg(0), "1", name, group, "0"),
            )
        if group == NO_GROUP:
            return line("230", command.arg(0))
        return self._versioned(
            command,
            lambda: self._world.books.rename_group(self._address, self._group_numbered(group), plain),
            group,
            (name, "0"),
        )

    def _rea(self, command: Command) -> bytes:
        """Rename: oneself, or (MSNP8 and 9) what one calls a contact."""
        address, name = command.arg(1), profile.decode(command.arg(2))

        def change() -> None:
            if address.lower() == self._address.lower():
                self._world.accounts.set_name(self._address, name)
            else:
                contact = self._world.books.contact_of(self._address, address)
                self._world.books.update_contact(self._address, contact.id, name=name)

        return self._versioned(command, change, address, (command.arg(2),))

    def _sbp(self, command: Command) -> bytes:
        contact, key, value = command.arg(1), command.arg(2), command.arg(3)

        def change() -> None:
            if key == "MFN":
                self._world.books.update_contact(self._address, contact, name=profile.decode(value))
            else:
                self._world.books.contact(self._address, contact)

        return self._answered(command, change, command.args)

    # pieces

    def _refusal(self, error: WorldError, trid: str) -> bytes:
        return line(str(self._dialect.unknown if isinstance(error, NoSuchAccount) else error.msnp), trid)

    def _answered(self, command: Command, change: Callable[[], object], reply: tuple[str, ...]) -> bytes:
        """Do it and answer with the same verb, or with the world's number."""
        try:
            change()
        except WorldError as error:
            return self._refusal(error, command.arg(0))
        return line(command.verb, *reply)

    def _versioned(self, command: Command, change: Callable[[], object], first: str, rest: tuple[str, ...]) -> bytes:
        """MSNP8 and 9 put the new list version into the answer: behind the list's name, else first."""
        out = self._answered(command, change, ())
        if out[:3].isdigit():
            return out
        version = str(self._account.version)
        words = (first, version) if command.verb in ("ADD", "REM") else (version, first)
        return line(command.verb, command.arg(0), *words, *rest)

    def _add_contact(self, address: str, name: str, group: str) -> str:
        """Onto the forward list, or into one more group of a contact that is there; returns its id."""
        books = self._world.books
        there = next((one for one in self._account.contacts.values() if one.address.lower() == address.lower()), None)
        if there is not None and group:
            return books.put_in_group(self._address, there.id, group).id
        return books.add_contact(self._address, address, name=name, groups=(group,) if group else ()).id

    def _add_member(self, which: str, address: str, name: str) -> None:
        self._world.lists.add_member(self._address, self._role(which), address, name=name)

    def _remove_contact(self, who: str, group: str) -> None:
        books = self._world.books
        contact = books.contact(self._address, who) if "@" not in who else books.contact_of(self._address, who)
        if not group:
            books.remove_contact(self._address, contact.id)
            return
        wanted = bare_guid(group) if self._dialect.lists == "guids" else self._group_numbered(group)
        books.take_from_group(self._address, contact.id, wanted)

    def _group_numbered(self, number: str) -> str:
        """The id of a numbered group; "" for group 0 and for none."""
        if number in ("", NO_GROUP):
            return ""
        found = decimal(number)
        if found is None:
            raise WireError(f"group {number[:20]!r}")
        return self._world.books.group_numbered(self._address, found).id

    @staticmethod
    def _role(which: str) -> Role:
        role = ROLE_OF.get(which)
        if role is None:
            raise WireError(f"list {which[:8]!r}")
        return role
