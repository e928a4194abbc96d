"""The cast: accounts that are there from the start, read from TOML and put into a world.

Not a scenario. Reads no file but the pictures it names, and those through `read`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import msgspec

from emulator.problems import BadInput
from emulator.wire import oim
from emulator.wire.addressbook import CONTACT
from emulator.world import limits, names, picture
from emulator.world.errors import WorldError
from emulator.world.records import Account, Privacy, Prompt
from emulator.world.world import World

GENERATED = "generated"


class CastError(BadInput):
    """The cast cannot be used; the text names the file, the key and the remedy."""


class Person(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[account]]`: who somebody is and whom they list.

    `contacts` come on the forward list and, unless blocked, on Allow; names of `groups` go with contacts in them.
    `resident`: played by the emulator, nobody signs in from outside. `tile`: a file beside the cast, or "generated".
    """

    address: str
    password: str = ""
    name: str = ""
    psm: str = ""
    tile: str = GENERATED
    blp: Privacy = "AL"
    gtc: Prompt = "A"
    country: str = "US"
    language: int = 1033
    verified: bool = True
    hidden: bool = False
    resident: bool = False
    contacts: tuple[str, ...] = ()
    groups: dict[str, tuple[str, ...]] = {}
    nicknames: dict[str, str] = {}
    invites: dict[str, str] = {}
    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()


class Letter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[message]]`: an offline message that waits."""

    sender: str = msgspec.field(name="from")
    to: str
    text: str


class Newcomers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[newcomers]`: whom accounts of probes have in their address book when they are made."""

    contacts: tuple[str, ...] = ()
    groups: dict[str, tuple[str, ...]] = {}


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format: Literal[1]
    account: tuple[Person, ...]
    message: tuple[Letter, ...] = ()
    newcomers: Newcomers = Newcomers()


class Cast(msgspec.Struct, frozen=True):
    """A checked cast: everybody who is named is there. `tiles` holds bytes and MIME type by address."""

    people: tuple[Person, ...]
    letters: tuple[Letter, ...]
    newcomers: Newcomers
    tiles: dict[str, tuple[bytes, str]]

    def populate(self, world: World) -> tuple[str, ...]:
        """Make those accounts that are not there yet; says which. What is there stays as it is, so a store wins.

        From now on the world's newcomers get their contacts, and the one that the probe's flows look for.
        """
        new = [one for one in self.people if world.find(one.address) is None]
        for one in new:
            fields = ("name", "psm", "blp", "gtc", "country", "language", "verified", "hidden", "resident")
            world.accounts.create(one.address, one.password, **{name: getattr(one, name) for name in fields})
            if one.address in self.tiles:
                data, mime = self.tiles[one.address]
                world.accounts.set_tile(one.address, data, mime, name="tile")
        for one in new:
            for other in one.block:
                world.lists.add_member(one.address, "Block", other)
            for other in one.allow:
                world.lists.add_member(one.address, "Allow", other)
        for one in new:  # after all lists, so that nobody asks whom the other side has decided about already
            _fill(world, one)
        for letter in self.letters:
            if any(names.fold(one.address) == names.fold(letter.to) for one in new):
                _deliver(world, letter)
        world.accounts.newcomer = lambda account: self._welcome(world, account)
        return tuple(one.address for one in new)

    def _welcome(self, world: World, account: Account) -> None:
        groups = {name: world.books.add_group(account.address, name).id for name in self.newcomers.groups}
        contacts = self.newcomers.contacts
        if world.find(CONTACT) is not None and CONTACT not in contacts:
            contacts = (*contacts, CONTACT)  # the flows of the probe look for it
        for other in contacts:
            into = [groups[name] for name, inside in self.newcomers.groups.items() if other in inside]
            world.books.add_contact(account.address, other, groups=into, allow=True)


def _fill(world: World, person: Person) -> None:
    groups = {name: world.books.add_group(person.address, name).id for name in person.groups}
    for other in person.contacts:
        into = [groups[name] for name, inside in person.groups.items() if other in inside]
        nickname, invite = person.nicknames.get(other, ""), person.invites.get(other, "")
        world.books.add_contact(person.address, other, nickname=nickname, groups=into, invite=invite, allow=True)


def _deliver(world: World, letter: Letter) -> None:
    run = "{" + names.guid(letter.text.encode().ljust(16, b"\0")[:16]).upper() + "}"
    throttle, world.mail.throttle = world.mail.throttle, None
    try:
        world.mail.store(letter.sender, letter.to, oim.mime(oim.Message(run, 1, letter.text)), run=run)
    finally:
        world.mail.throttle = throttle


def load_cast(text: str, source: Path, *, read: Callable[[Path], bytes] = Path.read_bytes) -> Cast:
    """The cast in `text`; `source` names it in errors and says where its pictures lie.

    Raises CastError: not TOML (with the line), unknown or missing key, an address that is none or stands twice, one
    that is named and not there, too long a name, too many contacts, no such picture.
    """
    try:
        raw = msgspec.toml.decode(text, type=_File)
    except msgspec.ValidationError as error:
        raise CastError(
            f"{source}: {error}. Compare with the cast that ships (scenarios/casts/default.toml)."
        ) from error
    except msgspec.DecodeError as error:
        raise CastError(f"{source}: not TOML: {error}. Mend that line.") from error
    return _Reader(source, raw).cast(read)


class _Reader:
    def __init__(self, source: Path, raw: _File) -> None:
        self._source = source
        self._raw = raw
        self._known = {names.fold(one.address): one.address for one in raw.account}

    def cast(self, read: Callable[[Path], bytes]) -> Cast:
        if len(self._raw.account) > limits.ACCOUNTS:
            raise self._error("account", f"{len(self._raw.account)} accounts", f"keep {limits.ACCOUNTS}")
        seen: set[str] = set()
        tiles: dict[str, tuple[bytes, str]] = {}
        for index, one in enumerate(self._raw.account):
            key = f"account[{index}]"
            self._person(one, key)
            if names.fold(one.address) in seen:
                raise self._error(f"{key}.address", f"{one.address!r} stands twice", "keep one of them")
            seen.add(names.fold(one.address))
            if one.tile:
                tiles[one.address] = self._tile(one, key, read)
        newcomers = self._raw.newcomers
        self._everybody("newcomers.contacts", newcomers.contacts)
        self._groups("newcomers", newcomers.groups, newcomers.contacts)
        for index, letter in enumerate(self._raw.message):
            self._letter(letter, f"message[{index}]")
        return Cast(self._raw.account, self._raw.message, newcomers, tiles)

    def _person(self, one: Person, key: str) -> None:
        with _Checked(self, f"{key}.address", "write name@example.com"):
            names.check_address(one.address)
        if names.is_volatile(one.address):
            raise self._error(f"{key}.address", f"{one.address!r} is a probe's account", "choose another name")
        if not one.password and not one.resident:
            raise self._error(f"{key}.password", "no password", "give one, or write `resident = true`")
        if one.password and one.resident:
            raise self._error(f"{key}.password", "nobody signs in to a resident", "leave the password out")
        with _Checked(self, f"{key}.name", "shorten it"):
            names.check_name(one.name)
        with _Checked(self, f"{key}.psm", "shorten it"):
            names.check_text(one.psm, limits.STATUS_MESSAGE, "status message")
        for field in ("contacts", "allow", "block"):
            self._everybody(f"{key}.{field}", getattr(one, field), but=one.address)
        if len(one.contacts) > limits.CONTACTS:
            raise self._error(f"{key}.contacts", f"{len(one.contacts)} contacts", f"keep {limits.CONTACTS}")
        for both in set(map(names.fold, one.allow)) & set(map(names.fold, one.block)):
            raise self._error(f"{key}.block", f"{both!r} is allowed too", "take it off one of the lists")
        for both in set(map(names.fold, one.allow)) & set(map(names.fold, one.contacts)):
            raise self._error(f"{key}.allow", f"{both!r} is a contact, which is allowed anyway", "leave it out here")
        self._groups(key, one.groups, one.contacts)
        for field in ("nicknames", "invites"):
            for other, words in getattr(one, field).items():
                self._among(f"{key}.{field}", other, one.contacts, "contact")
                with _Checked(self, f"{key}.{field}", "shorten it"):
                    names.check_text(words, limits.INVITATION, field.removesuffix("s"))

    def _groups(self, key: str, groups: dict[str, tuple[str, ...]], contacts: tuple[str, ...]) -> None:
        if len(groups) > limits.GROUPS:
            raise self._error(f"{key}.groups", f"{len(groups)} groups", f"keep {limits.GROUPS}")
        if len({names.fold(one) for one in groups}) < len(groups):
            raise self._error(f"{key}.groups", "two names differ in case only", "rename one")
        for name, inside in groups.items():
            if not 0 < len(name) <= limits.GROUP_NAME:
                raise self._error(f"{key}.groups", f"a name of {len(name)} characters", f"use 1 to {limits.GROUP_NAME}")
            for other in inside:
                self._among(f"{key}.groups.{name}", other, contacts, "contact")

    def _everybody(self, key: str, addresses: Iterable[str], but: str = "") -> None:
        seen: set[str] = set()
        for address in addresses:
            self._among(key, address, self._known.values(), "account")
            folded = names.fold(address)
            if folded == names.fold(but):
                raise self._error(key, f"{address!r} is the account itself", "leave it out")
            if folded in seen:
                raise self._error(key, f"{address!r} stands twice", "keep one of them")
            seen.add(folded)

    def _letter(self, letter: Letter, key: str) -> None:
        self._among(f"{key}.from", letter.sender, self._known.values(), "account")
        self._among(f"{key}.to", letter.to, self._known.values(), "account")
        if len(letter.text.encode()) > oim.TEXT_LIMIT:
            raise self._error(f"{key}.text", f"over {oim.TEXT_LIMIT} bytes", "shorten it")
        to = next(one for one in self._raw.account if names.fold(one.address) == names.fold(letter.to))
        sender = names.fold(letter.sender)
        allowed = {names.fold(one) for one in (*to.allow, *to.contacts)}
        if sender in map(names.fold, to.block) or (to.blp == "BL" and sender not in allowed):
            raise self._error(f"{key}.to", f"{letter.to} takes nothing from {letter.sender}", "choose another sender")

    def _tile(self, one: Person, key: str, read: Callable[[Path], bytes]) -> tuple[bytes, str]:
        if one.tile == GENERATED:
            return picture.generate(names.fold(one.address)), picture.MIME
        if Path(one.tile).name != one.tile:
            raise self._error(
                f"{key}.tile", f"{one.tile!r} is not a plain file name", "put the picture beside the cast"
            )
        path = self._source.parent / one.tile
        try:
            data = read(path)
        except OSError as error:
            problem = f"{path}: {error.strerror or error}"
            raise self._error(f"{key}.tile", problem, 'add the file, or write "generated"') from error
        if not picture.kind(data) or len(data) > limits.DOCUMENT:
            remedy = f"use a PNG, JPEG or GIF of at most {limits.DOCUMENT} bytes"
            raise self._error(f"{key}.tile", f"{one.tile!r} has {len(data)} bytes, or is no picture", remedy)
        return data, picture.kind(data)

    def _among(self, key: str, name: str, known: Iterable[str], what: str) -> None:
        there = tuple(known)
        if name not in there:
            close = get_close_matches(name, there, n=3, cutoff=0.4) or there[:6]
            raise self._error(key, f"unknown {what} {name!r}", f"did you mean {', '.join(close) or 'none'}?")

    def _error(self, key: str, problem: str, remedy: str) -> CastError:
        return CastError(f"{self._source}: {key}: {problem}: {remedy}")

    def refused(self, key: str, error: WorldError, remedy: str) -> CastError:
        return self._error(key, str(error), remedy)


class _Checked:
    """Turns a refusal of the world into an error that names file and key."""

    def __init__(self, reader: _Reader, key: str, remedy: str) -> None:
        self._reader, self._key, self._remedy = reader, key, remedy

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, WorldError):
            raise self._reader.refused(self._key, error, self._remedy) from error
