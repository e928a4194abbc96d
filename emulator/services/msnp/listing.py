"""SYN: the whole list in band, as each generation up to MSNP12 reads it.

Not changes (`bands`). MSNP8 to 12 after protocols/msnp.md 2.14. MSNP2 to 7 are emulated after the public draft of that
time: one LST line per person and list, numbered, with version; an empty list is one line with `0 0`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from emulator.wire.errors import WireError
from emulator.wire.msnp.dialects import Dialect
from emulator.wire.msnp.lines import Command, line
from emulator.wire.msnp.presence import encode
from emulator.world.lists import Listed
from emulator.world.records import FORWARD, Account, Contact
from emulator.world.world import World

NO_GROUP = "0"  # MSNP7 to 9: everybody is in group 0 when in no other
OTHERS = "Other Contacts"
EACH = {"FL": 1, "AL": 2, "BL": 4, "RL": 8}  # lists that MSNP2 to 7 know, in the order of their lines


class Listing:
    """The lists of one account as text."""

    def __init__(self, world: World, address: str, dialect: Dialect) -> None:
        self._world = world
        self._address = address
        self._dialect = dialect

    def syn(self, command: Command) -> bytes:
        """The answer to SYN; short when the client's version is the server's."""
        trid, account = command.arg(0), self._world.account(self._address)
        versions = self.versions(account)
        if command.args[1 : 1 + len(versions)] == versions:
            return line("SYN", trid, *versions)
        people = self._world.lists.everybody(self._address)
        match self._dialect.lists:
            case "each":
                return line("SYN", trid, *versions) + self._each(trid, account, people)
            case "numbered":
                return self._numbered(trid, account, people)
        return self._guids(trid, account, people)

    def one(self, command: Command) -> bytes:
        """`LST n FL` of MSNP2 to 7: one list."""
        trid, which = command.arg(0), command.arg(1)
        if which not in EACH:
            raise WireError(f"list {which[:8]!r}")
        account = self._world.account(self._address)
        return self._list(trid, which, account, self._world.lists.everybody(self._address))

    def versions(self, account: Account) -> tuple[str, ...]:
        """What SYN compares: a number up to MSNP9, two dates from MSNP10 on."""
        if self._dialect.lists == "guids":
            return _stamp(account.book_changed or account.created), _stamp(account.settings_changed or account.created)
        return (str(account.version),)

    def _each(self, trid: str, account: Account, people: tuple[Listed, ...]) -> bytes:
        version = account.version
        out = line("GTC", trid, version, account.gtc) + line("BLP", trid, version, account.blp)
        out += b"".join(line("PRP", trid, version, kind, encode(value)) for kind, value in account.phones)
        if self._dialect.groups:
            groups = [(0, OTHERS), *((one.number, one.name) for one in account.groups.values())]
            for at, (number, name) in enumerate(groups, 1):
                out += line("LSG", trid, version, at, len(groups), number, encode(name), 0)
        return out + b"".join(self._list(trid, which, account, people) for which in EACH)

    def _list(self, trid: str, which: str, account: Account, people: tuple[Listed, ...]) -> bytes:
        members = [one for one in people if one.bits & EACH[which]]
        if not members:
            return line("LST", trid, which, account.version, 0, 0)
        out = b""
        for at, one in enumerate(members, 1):
            groups: tuple[str, ...] = ()
            if which == "FL" and self._dialect.groups and one.contact is not None:
                groups = (_numbers(account, one.contact),)
            name = encode(one.name or one.address)
            out += line("LST", trid, which, account.version, at, len(members), one.address, name, *groups)
        return out

    def _numbered(self, trid: str, account: Account, people: tuple[Listed, ...]) -> bytes:
        groups = sorted(account.groups.values(), key=lambda group: group.number)
        out = line("SYN", trid, account.version, len(people), len(groups) + 1)
        out += line("GTC", account.gtc) + line("BLP", account.blp) + _phones(account)
        out += line("LSG", NO_GROUP, encode(OTHERS), 0)
        out += b"".join(line("LSG", group.number, encode(group.name), 0) for group in groups)
        for one in people:
            words = (one.address, encode(one.name or one.address), one.bits)
            contact = one.contact if one.bits & FORWARD else None
            if contact is None:
                out += line("LST", *words)
                continue
            out += line("LST", *words, _numbers(account, contact))
            out += b"".join(line("BPR", kind, encode(number)) for kind, number in contact.phones)
        return out

    def _guids(self, trid: str, account: Account, people: tuple[Listed, ...]) -> bytes:
        groups = sorted(account.groups.values(), key=lambda group: group.number)
        out = line("SYN", trid, *self.versions(account), len(people), len(groups))
        out += line("GTC", account.gtc) + line("BLP", account.blp)
        out += line("PRP", "MFN", encode(account.name)) + _phones(account)
        out += b"".join(line("LSG", encode(group.name), group.id) for group in groups)
        network = ("1",) if self._dialect.number >= 12 else ()
        for one in people:
            contact = one.contact if one.bits & FORWARD else None
            if contact is None:
                out += line("LST", f"N={one.address}", one.bits, *network)
                continue
            inside = (",".join(contact.groups),) if contact.groups else ()
            words = (f"N={one.address}", f"F={encode(one.name or one.address)}", f"C={contact.id}")
            out += line("LST", *words, one.bits, *network, *inside)
        return out


def _phones(account: Account) -> bytes:
    return b"".join(line("PRP", kind, encode(number)) for kind, number in account.phones)


def _numbers(account: Account, contact: Contact) -> str:
    """Numbers of a contact's groups, with commas."""
    found = [str(account.groups[group].number) for group in contact.groups if group in account.groups]
    return ",".join(found) or NO_GROUP


def _stamp(milliseconds: int) -> str:
    """A list version of MSNP10 to 12: seven digits of fraction and an offset, as the live service wrote it."""
    when = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}0000+00:00"
