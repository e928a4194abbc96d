"""Random operations: the invariants of lists and groups hold, the journal tells all, deltas and notices suffice."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from worlds_made import Clock, dump, made

from emulator.wire import tags
from emulator.world import WorldError
from emulator.world.changes import Change, decode, encode
from emulator.world.errors import FullSyncNeeded
from emulator.world.notices import PresenceChanged, ReverseChanged
from emulator.world.presence import STATUSES
from emulator.world.state import Snapshot

NAMES = [f"{name}@example.com" for name in ("Alice", "bob", "carol")]
PROBES = [tags.account(bytes([number]) * 16) for number in (1,)]
people = st.sampled_from([*NAMES, *PROBES])
roles = st.sampled_from(["Allow", "Block", "Reverse", "Pending"])


class Copy:
    """What a client holds that synchronised once and then lives on deltas."""

    def __init__(self) -> None:
        self.contacts: dict[str, object] = {}
        self.groups: dict[str, object] = {}
        self.members: dict[tuple[str, str], object] = {}
        self.book_at = 0
        self.lists_at = 0


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.world = made(self.clock, open_accounts=True)
        self.journal: list[bytes] = []
        self.copies: dict[str, Copy] = {}
        self.view: dict[tuple[str, str], str] = {}  # what each watcher was told about each subject
        self.reverse: dict[tuple[str, str], bool] = {}

    @initialize(
        listed=st.dictionaries(st.tuples(people, people), st.booleans()), grouped=st.sets(people), away=st.sets(people)
    )
    def begin(self, listed: dict[tuple[str, str], bool], grouped: set[str], away: set[str]) -> None:
        """A society that is under way already, so that short runs find something to change."""
        for name in NAMES[:2]:
            self.world.accounts.create(name, "opal-Kite7")
        for name in PROBES:
            self.world.account(name)
        for one in sorted(grouped - {NAMES[2]}):
            self.world.books.add_group(one, "a")
        for (one, other), allow in listed.items():
            if one != other and NAMES[2] not in (one, other):
                contact = self.world.books.add_contact(one, other, allow=allow)
                for group in self.pick(one, "groups", 0):
                    self.world.books.put_in_group(one, contact.id, group.id)
        for one in sorted(set(NAMES[:2] + PROBES) - away):
            self.world.presence.sign_in(one, 15)
            self.change_status(one, "NLN", "")
        for one in NAMES[:2]:
            self.synchronise(one)

    def attempt(self, operation: Any, *args: Any, **kwargs: Any) -> None:
        before = dump(self.world)
        try:
            operation(*args, **kwargs)
        except WorldError:
            assert dump(self.world) == before, "a refused operation left something behind"

    @rule(seconds=st.sampled_from([0.0, 0.0004, 1.0, 86400.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.at += seconds

    @rule(name=st.sampled_from(NAMES[1:]))
    def create(self, name: str) -> None:
        self.attempt(self.world.accounts.create, name.upper(), "x")

    @rule(one=people, other=people, messenger=st.booleans(), allow=st.booleans())
    def add_contact(self, one: str, other: str, messenger: bool, allow: bool) -> None:
        self.attempt(self.world.books.add_contact, one, other, messenger=messenger, allow=allow, invite="hi")

    @rule(one=people, number=st.integers(0, 3), messenger=st.one_of(st.none(), st.booleans()), name=st.text(max_size=3))
    def update_contact(self, one: str, number: int, messenger: bool | None, name: str) -> None:
        for contact in self.pick(one, "contacts", number):
            self.attempt(self.world.books.update_contact, one, contact.id, messenger=messenger, nickname=name)

    @rule(one=people, number=st.integers(0, 3))
    def remove_contact(self, one: str, number: int) -> None:
        for contact in self.pick(one, "contacts", number):
            self.world.books.remove_contact(one, contact.id)

    @rule(one=people, name=st.sampled_from(["a", "A", "b", ""]))
    def add_group(self, one: str, name: str) -> None:
        self.attempt(self.world.books.add_group, one, name)

    @rule(one=people, number=st.integers(0, 3), name=st.sampled_from(["a", "c", "x" * 62]))
    def rename_group(self, one: str, number: int, name: str) -> None:
        for group in self.pick(one, "groups", number):
            self.attempt(self.world.books.rename_group, one, group.id, name)

    @rule(one=people, number=st.integers(0, 3))
    def remove_group(self, one: str, number: int) -> None:
        for group in self.pick(one, "groups", number):
            self.world.books.remove_group(one, "{" + group.id.upper() + "}")

    @rule(one=people, who=st.integers(0, 3), what=st.integers(0, 3), out=st.booleans())
    def regroup(self, one: str, who: int, what: int, out: bool) -> None:
        for contact in self.pick(one, "contacts", who):
            for group in self.pick(one, "groups", what):
                operation = self.world.books.take_from_group if out else self.world.books.put_in_group
                self.attempt(operation, one, contact.id, group.id)

    @rule(one=people, role=roles, other=people, move=st.booleans())
    def add_member(self, one: str, role: Any, other: str, move: bool) -> None:
        self.attempt(self.world.lists.add_member, one, role, other, move=move)

    @rule(one=people, role=roles, other=people, by_id=st.booleans())
    def remove_member(self, one: str, role: Any, other: str, by_id: bool) -> None:
        account = self.world.find(one)
        member = account.members.get(role, {}).get(other.lower()) if account else None
        if by_id and member is not None:
            self.attempt(self.world.lists.remove_member_by_id, one, role, member.id)
            assert role == "Reverse" or not self.world.account(one).has(role, other.lower())
        else:
            self.attempt(self.world.lists.remove_member, one, role, other)

    @rule(one=people, blp=st.sampled_from(["AL", "BL"]))
    def privacy(self, one: str, blp: Any) -> None:
        self.attempt(self.world.accounts.set_privacy, one, blp)

    @rule(one=people, name=st.text(max_size=4), psm=st.one_of(st.none(), st.text(max_size=4)))
    def profile(self, one: str, name: str, psm: str | None) -> None:
        self.attempt(self.world.accounts.update_profile, one, name=name, psm=psm)

    @rule(one=people, data=st.binary(max_size=4), number=st.integers(0, 3))
    def picture(self, one: str, data: bytes, number: int) -> None:
        self.attempt(self.world.accounts.set_tile, one, data, "image/png")
        for document in self.pick(one, "documents", number):
            self.attempt(self.world.accounts.remove_document, one, document.number)

    @rule(one=people, other=people, text=st.sampled_from(["x", "a\nb"]))
    def write(self, one: str, other: str, text: str) -> None:
        self.attempt(self.world.mail.store, one, other, text)

    @rule(one=people, number=st.integers(0, 3), delete=st.booleans())
    def read(self, one: str, number: int, delete: bool) -> None:
        for message in self.pick(one, "messages", number):
            if delete:
                self.world.mail.delete(one, [message.id, message.id])
            else:
                assert self.world.mail.mark_read(one, message.id).read

    @rule(one=people, dialect=st.sampled_from([8, 15, 16]))
    def sign_in(self, one: str, dialect: int) -> None:
        self.attempt(self.world.presence.sign_in, one, dialect)

    @rule(one=people, status=st.sampled_from([*STATUSES, "HDN"]), psm=st.sampled_from(["", "x"]))
    def change_status(self, one: str, status: str, psm: str) -> None:
        for place in self.world.presence.places(one)[:1]:
            self.world.presence.set_personal(place.id, psm=psm)
            self.world.presence.set_status(place.id, status)
            if not place.announced:
                self.hear()
                for look in self.world.telling.roll_call(one):
                    self.view[one, look.address] = look.status

    @rule(one=people)
    def sign_out(self, one: str) -> None:
        for place in self.world.presence.places(one)[:1]:
            self.world.presence.sign_out(place.id)

    @rule(tag=st.sampled_from(["", "01", "02"]))
    def forget(self, tag: str) -> None:
        before = dump(self.world)
        self.world.forget(tag)
        for name in PROBES:
            assert (self.world.find(name) is None) or not tags.from_account(name).startswith(tag)
            self.copies.pop(name.lower(), None)
        kept = comparable(before)
        assert comparable(dump(self.world)) == kept, "what is kept does not know that probes were there"

    @rule(one=people)
    def synchronise(self, one: str) -> None:
        account = self.world.find(one)
        if account is None:
            return
        copy = self.copies.setdefault(account.key, Copy())
        try:
            book = self.world.contacts_since(one, copy.book_at)
            lists = self.world.memberships_since(one, copy.lists_at)
        except FullSyncNeeded:
            assert account.floor
            copy = self.copies[account.key] = Copy()
            book, lists = self.world.contacts_since(one, 0), self.world.memberships_since(one, 0)
        for gone in book.gone_contacts:
            copy.contacts.pop(gone.id, None)
        for lost in book.gone_groups:
            copy.groups.pop(lost.id, None)
        copy.contacts |= {contact.id: contact for contact in book.contacts}
        copy.groups |= {group.id: group for group in book.groups}
        for member in lists.gone:
            copy.members.pop((member.role, member.key), None)
        copy.members |= {(member.role, member.key): member for member in lists.members}
        assert not {(one.role, one.key) for one in lists.gone} & {(one.role, one.key) for one in lists.members}
        copy.book_at, copy.lists_at = book.changed, lists.changed
        assert copy.contacts == {contact.id: contact for contact in account.contacts.values()}
        assert copy.groups == account.groups
        assert copy.members == {
            (role, key): one for role, members in account.members.items() for key, one in members.items()
        }

    @invariant()
    def lists_are_sound(self) -> None:
        accounts = {name.lower(): self.world.find(name) for name in [*NAMES, *PROBES]}
        there = {key: one for key, one in accounts.items() if one is not None}
        for key, one in there.items():
            for other, two in there.items():
                assert one.on_forward_list(other) == two.has("Reverse", key)
            assert set(one.members.get("Reverse", ())) <= set(there), "Reverse holds accounts that are there"
            allow, block, pending = (set(one.members.get(role, ())) for role in ("Allow", "Block", "Pending"))
            assert not allow & block
            assert not pending & (allow | block | {other for other in there if one.on_forward_list(other)})
            assert pending <= set(one.members.get("Reverse", ()))
            for contact in one.contacts.values():
                assert set(contact.groups) <= set(one.groups)
                assert len(set(contact.groups)) == len(contact.groups)
            assert len({group.number for group in one.groups.values()}) == len(one.groups)
            for members in one.members.values():
                assert len({member.id for member in members.values()}) == len(members)
            assert one.photo in (0, *one.documents)

    @invariant()
    def everybody_was_told(self) -> None:
        self.hear()
        for watcher in (self.world.find(name) for name in [*NAMES, *PROBES]):
            if watcher is None or not self.world.presence.listening(watcher.key):
                continue
            for subject in (self.world.find(name) for name in [*NAMES, *PROBES]):
                if subject is not None and watcher.on_forward_list(subject.key):
                    told = self.view.get((watcher.key, subject.key), "FLN")
                    assert told == self.world.presence.look(watcher.address, subject.address).status

    def hear(self) -> None:
        for notice in self.world.take_notices():
            assert self.world.presence.listening(notice.to.lower())
            if isinstance(notice, PresenceChanged):
                key = (notice.to.lower(), notice.look.address.lower())
                assert notice.line or notice.personal
                assert self.view.get(key, "FLN") != "FLN" or notice.look.online, "told FLN of somebody never seen"
                self.view[key] = notice.look.status
            elif isinstance(notice, ReverseChanged):
                assert not notice.pending or notice.invite in ("hi", "")
        # whoever signs in anew or takes somebody off its list begins from nothing
        for watcher, subject in list(self.view):
            account = self.world.find(watcher)
            listening = account is not None and self.world.presence.listening(watcher.lower())
            if account is None or not listening or not account.on_forward_list(subject.lower()):
                del self.view[watcher, subject]
        self.view = {(one.lower(), two.lower()): status for (one, two), status in self.view.items()}

    @invariant()
    def journal_grows(self) -> None:
        self.journal += [encode(change) for change in self.world.take_changes()]

    def teardown(self) -> None:
        changes: list[Change] = [decode(line) for line in self.journal]
        again = made(self.clock)
        again.restore(Snapshot(()), changes)
        assert comparable(dump(again)) == comparable(dump(self.world))
        middle = made(self.clock)  # a snapshot taken on the way is as good
        middle.restore(Snapshot(()), changes[: len(changes) // 2])
        late = made(self.clock)
        late.restore(middle.snapshot(), changes[len(changes) // 2 :])
        assert dump(late) == dump(again)

    def pick(self, one: str, what: str, number: int) -> list[Any]:
        account = self.world.find(one)
        there = [] if account is None else list(getattr(account, what).values())
        return [there[number % len(there)]] if there else []


def comparable(data: str) -> object:
    """A dump without the counters that volatile accounts move too (later is all that matters about them)."""
    accounts = json.loads(data)["accounts"]
    for account in accounts:
        for name in ("version", "lists_changed", "mail_changed", "floor"):
            account.pop(name, None)
    return accounts


Machine.TestCase.settings = settings(
    max_examples=300, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
TestModel = Machine.TestCase
