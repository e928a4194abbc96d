"""Lists and visibility: the tables of msnp.md 2.7, 2.9 and http.md 4.4, written out by hand."""

from __future__ import annotations

import pytest
from worlds_made import Clock, made, people

from emulator.world import errors, limits
from emulator.world.records import MAIL, MOBILE

# (A in B.FL, B in A.BL, A.BLP, B in A.AL) -> may B see A?
SEES = [
    ((True, False, "AL", False), True),
    ((True, False, "AL", True), True),
    ((True, False, "BL", True), True),
    ((True, False, "BL", False), False),
    ((True, True, "AL", False), False),
    ((True, True, "BL", False), False),
    ((False, False, "AL", False), False),
    ((False, False, "AL", True), False),
    ((False, False, "BL", True), False),
    ((False, True, "AL", False), False),
]


@pytest.mark.parametrize(("facts", "expected"), SEES)
def test_who_sees_whom(facts: tuple[bool, bool, str, bool], expected: bool) -> None:
    listed, blocked, blp, allowed = facts
    world = made()
    alice, bob = people(world, "alice", "bob")
    if listed:
        world.books.add_contact(bob, alice)
    if blocked:
        world.lists.add_member(alice, "Block", bob)
    if allowed:
        world.lists.add_member(alice, "Allow", bob)
    if blp == "BL":
        world.accounts.set_privacy(alice, "BL")
    assert world.sees("BOB@example.com", "Alice@Example.com") is expected
    assert not world.sees("nobody@example.com", alice)


def test_an_invitation_from_beginning_to_end() -> None:
    world = made()
    alice, bob = people(world, "alice", "bob")
    world.books.add_contact(alice, bob, invite="Met you at the crag", allow=True)
    assert [one.address for one in world.lists.members(bob, "Reverse")] == [alice]
    (pending,) = world.lists.members(bob, "Pending")
    assert (pending.address, pending.invite, pending.name) == (alice, "Met you at the crag", "alice")
    assert world.lists.bits(alice, bob) == 1 + 2
    assert world.lists.bits(bob, alice) == 8 + 16
    with pytest.raises(errors.MemberExists):  # what clients do when they accept; papyon takes it as done
        world.lists.add_member(bob, "Reverse", alice)
    world.lists.add_member(bob, "Allow", alice)
    assert world.lists.bits(bob, alice) == 2 + 8
    with pytest.raises(errors.NoSuchMember):
        world.lists.remove_member(bob, "Pending", alice)
    contact = world.books.contact_of(alice, "BOB@EXAMPLE.COM")
    world.books.remove_contact(alice, contact.id)
    assert world.lists.bits(bob, alice) == 2
    assert world.lists.bits(alice, bob) == 2, "Allow stays when a contact goes"


def test_who_is_known_already_is_not_asked() -> None:
    for role in ("Allow", "Block"):
        world = made()
        alice, bob = people(world, "alice", "bob")
        world.lists.add_member(bob, role, alice)  # type: ignore[arg-type]
        world.books.add_contact(alice, bob)
        assert not world.lists.members(bob, "Pending")
        assert world.lists.members(bob, "Reverse")


def test_listing_somebody_is_an_answer() -> None:
    world = made()
    alice, bob = people(world, "alice", "bob")
    world.books.add_contact(alice, bob)
    seen = world.memberships_since(bob, 0).changed
    world.books.add_contact(bob, alice)
    assert not world.lists.members(bob, "Pending")
    assert not world.lists.members(alice, "Pending")
    delta = world.memberships_since(bob, seen)
    assert [one.role for one in delta.gone] == ["Pending"]
    assert delta.members == ()


def test_a_removal_that_was_undone_is_no_removal() -> None:
    world = made()
    alice, bob = people(world, "alice", "bob")
    world.lists.add_member(alice, "Allow", bob)
    seen = world.memberships_since(alice, 0).changed
    world.lists.remove_member(alice, "Allow", bob)
    world.lists.add_member(alice, "Allow", bob)
    delta = world.memberships_since(alice, seen)
    assert (delta.gone, [one.address for one in delta.members]) == ((), [bob])


def test_pending_can_be_declined_by_name_or_number_and_is_withdrawn() -> None:
    for way in ("name", "number", "withdrawn", "messenger off"):
        world = made()
        alice, bob = people(world, "alice", "bob")
        contact = world.books.add_contact(alice, bob)
        (pending,) = world.lists.members(bob, "Pending")
        if way == "name":
            world.lists.remove_member(bob, "Pending", alice)
        elif way == "number":
            world.lists.remove_member_by_id(bob, "Pending", pending.id)
        elif way == "withdrawn":
            world.books.remove_contact(alice, contact.id)
        else:
            world.books.update_contact(alice, contact.id, messenger=False)
        assert not world.lists.members(bob, "Pending")
        assert bool(world.lists.members(bob, "Reverse")) is (way in ("name", "number"))


def test_reverse_is_not_for_clients_to_change() -> None:
    world = made()
    alice, bob = people(world, "alice", "bob")
    with pytest.raises(errors.Forbidden):
        world.lists.add_member(bob, "Reverse", alice)
    world.books.add_contact(alice, bob)
    (entry,) = world.lists.members(bob, "Reverse")
    for remove in (
        lambda: world.lists.remove_member(bob, "Reverse", alice),
        lambda: world.lists.remove_member_by_id(bob, "Reverse", entry.id),
    ):
        with pytest.raises(errors.Forbidden):
            remove()


def test_an_account_that_comes_later_finds_who_waits_for_it() -> None:
    world = made()
    (alice,) = people(world, "alice")
    with pytest.raises(errors.NoSuchAccount):
        world.books.add_contact(alice, "late@example.com")
    contact = world.books.add_contact(alice, "late@example.com", messenger=False)
    (late,) = people(world, "late")
    assert not world.lists.members(late, "Reverse")
    world.books.update_contact(alice, contact.id, messenger=True)
    assert [one.address for one in world.lists.members(late, "Reverse")] == [alice]


def test_allow_and_block_exclude_each_other() -> None:
    world = made()
    alice, bob = people(world, "alice", "bob")
    world.lists.add_member(alice, "Block", bob)
    with pytest.raises(errors.Opposite) as refused:
        world.lists.add_member(alice, "Allow", bob)
    assert refused.value.msnp == 219
    world.lists.add_member(alice, "Allow", bob, move=True)
    assert world.lists.bits(alice, bob) == 2
    world.lists.remove_member(alice, "Allow", bob)
    assert world.lists.bits(alice, bob) == 0


def test_other_networks_stand_beside_people() -> None:
    world = made()
    alice, bob = people(world, "alice", "bob")
    world.books.add_contact(alice, bob)
    world.books.add_contact(alice, bob, network=MAIL, allow=True)
    world.books.add_contact(alice, "tel:+15551112222", network=MOBILE, allow=True)
    everybody = world.lists.everybody(alice)
    listed = {(one.address, one.contact.network if one.contact else 0): one.bits for one in everybody}
    assert listed == {(bob, 1): 1, (bob, MAIL): 3, ("tel:+15551112222", MOBILE): 3}
    assert world.lists.bits(alice, bob, kind="Email") == 3
    assert len(world.lists.members(bob, "Reverse")) == 1
    with pytest.raises(errors.BadAddress):
        world.books.add_contact(alice, "bob", network=MOBILE)
    with pytest.raises(errors.BadAddress):
        world.books.add_contact(alice, "x@example.com", network=256)


NO_ADDRESSES = ["", "bob", "bob@example", "b b@example.com", "bob@ex.com;{1}", "a@b@c.d", "ä@b.cd", "x" * 129 + "@b.cd"]


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_addresses_that_are_none(address: str) -> None:
    world = made()
    (alice,) = people(world, "alice")
    for refuse in (
        lambda: world.accounts.create(address, "x"),
        lambda: world.books.add_contact(alice, address),
        lambda: world.lists.add_member(alice, "Allow", address),
    ):
        with pytest.raises(errors.BadAddress):
            refuse()


def test_limits_of_an_address_book() -> None:
    world = made()
    (alice,) = people(world, "alice")
    for number in range(limits.CONTACTS):
        world.books.add_contact(alice, f"x{number}@example.com", messenger=False)
    with pytest.raises(errors.ListFull) as full:
        world.books.add_contact(alice, "more@example.com", messenger=False)
    assert full.value.msnp == 210
    for number in range(limits.GROUPS):
        assert world.books.add_group(alice, f"g{number}").number == number + 1
    with pytest.raises(errors.TooManyGroups) as many:
        world.books.add_group(alice, "more")
    assert many.value.msnp == 223
    world.books.remove_group(alice, world.books.group_numbered(alice, 7).id)
    assert world.books.add_group(alice, "x" * 61).number == 7, "MSNP8 numbers are used again"
    with pytest.raises(errors.GroupNameTooLong):
        world.books.rename_group(alice, world.books.group_numbered(alice, 7).id, "x" * 62)
    with pytest.raises(errors.GroupExists):
        world.books.rename_group(alice, world.books.group_numbered(alice, 7).id, "G3")
    assert world.books.rename_group(alice, world.books.group_numbered(alice, 4).id, "G3").name == "G3", "its own name"


def test_a_contact_in_several_groups() -> None:
    world = made()
    alice, bob = people(world, "alice", "bob")
    one, two = (world.books.add_group(alice, name) for name in ("one", "two"))
    contact = world.books.add_contact(alice, bob, groups=[one.id, "{" + one.id.upper() + "}"])
    assert contact.groups == (one.id,)
    assert world.books.put_in_group(alice, contact.id, two.id).groups == (one.id, two.id)
    with pytest.raises(errors.ContactExists) as there:
        world.books.put_in_group(alice, contact.id, two.id)
    assert there.value.contact == contact.id
    assert world.books.take_from_group(alice, contact.id, one.id).groups == (two.id,)
    with pytest.raises(errors.NotInGroup) as absent:
        world.books.take_from_group(alice, contact.id, one.id)
    assert absent.value.msnp == 225
    world.books.remove_group(alice, two.id)
    assert world.books.contact_of(alice, bob).groups == ()
    with pytest.raises(errors.NoSuchGroup):
        world.books.put_in_group(alice, contact.id, two.id)


def test_friendly_names_count_encoded() -> None:
    world = made()
    (alice,) = people(world, "alice")
    world.accounts.set_name(alice, "Ω" * 193)
    with pytest.raises(errors.TooLong):
        world.accounts.set_name(alice, "Ω" * 194)
    with pytest.raises(errors.TooLong):
        world.accounts.set_name(alice, " " * 130)
    with pytest.raises(errors.BadText):
        world.accounts.set_name(alice, "a\x03b")
    assert world.account(alice).name == "Ω" * 193


def test_forgotten_removals_ask_for_everything() -> None:
    clock = Clock()
    world = made(clock)
    (alice,) = people(world, "alice")
    world.books.add_contact(alice, "first@example.com", messenger=False)
    seen = world.contacts_since(alice, 0).changed
    for number in range(limits.TOMBSTONES + 1):
        made_now = world.books.add_contact(alice, f"x{number}@example.com", messenger=False)
        world.books.remove_contact(alice, made_now.id)
    with pytest.raises(errors.FullSyncNeeded) as refused:
        world.contacts_since(alice, seen)
    assert refused.value.soap == "FullSyncRequired"
    assert [one.address for one in world.contacts_since(alice, 0).contacts] == ["first@example.com"]
    assert len(world.account(alice).gone_contacts) == limits.TOMBSTONES


def test_list_versions_grow_and_fit_31_bits() -> None:
    clock = Clock(2_000_000_000.0)
    world = made(clock)
    alice, bob = people(world, "alice", "bob")
    seen = [world.account(alice).version]
    for number in range(5):
        world.books.add_group(alice, f"g{number}")
        seen.append(world.account(alice).version)
    assert seen == sorted(set(seen))
    assert seen[-1] < 2**31
    before = world.account(bob).version
    world.books.add_contact(alice, bob)
    assert world.account(bob).version > before, "a Reverse entry is a change of bob's list"


def test_numbers_are_those_of_every_other_service() -> None:
    from emulator.wire import passport

    world = made()
    (alice,) = people(world, "alice")
    account, numbers = world.account(alice), passport.numbers(alice)
    assert (account.cid, account.puid, account.cid_hex) == (numbers.cid, numbers.puid, numbers.cid_hex)
    assert account.cid_unsigned == account.cid % 2**64
    assert world.accounts.by_cid(account.cid_unsigned) is account
    assert account.member_id_high << 32 | account.member_id_low == account.puid
    assert account.cache_key.startswith("12r1:")
