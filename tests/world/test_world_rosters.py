"""Lists that last as long as a place: laid over what is kept, and gone with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds_made import dump, made, people

from emulator.world.errors import (
    ContactExists,
    ListFull,
    MemberExists,
    NoSuchAccount,
    NoSuchContact,
    NoSuchMember,
    Opposite,
)
from emulator.world.notices import PlacesChanged, PresenceChanged
from emulator.world.world import World

FL, AL, BL = 1, 2, 4


def place(world: World, address: str, dialect: int = 15, endpoint: str = "") -> int:
    """Signed in and online."""
    arrival = world.presence.sign_in(address, dialect, endpoint=endpoint)
    world.presence.set_status(arrival.place.id, "NLN")
    world.take_notices()
    return arrival.place.id


def test_a_session_s_forward_list_brings_presence_and_ends_with_the_place():
    world = made()
    alice, bob = people(world, "alice", "bob")
    here = place(world, alice)
    world.rosters.add(here, alice, bob, 1, FL)
    there = place(world, bob)
    world.presence.set_status(there, "BSY")
    (notice,) = world.take_notices()
    assert isinstance(notice, PresenceChanged)
    assert (notice.to, notice.look.status) == (alice, "BSY")
    world.presence.sign_out(here)
    assert not world.sees(alice, bob)
    assert not world.lists.everybody(alice)


@pytest.mark.parametrize("kept", [True, False])
def test_one_place_says_yes_and_that_is_enough(kept):
    world = made()
    alice, bob = people(world, "alice", "bob")
    if kept:
        world.lists.add_member(alice, "Block", bob)
    one, two = place(world, alice, 18, "a" * 8), place(world, alice, 18, "b" * 8)
    if kept:
        world.rosters.remove(one, alice, bob, 1, BL)
        assert world.admits(alice, bob)
    world.rosters.add(two, alice, bob, 1, BL)
    assert not world.admits(alice, bob)
    world.rosters.remove(two, alice, bob, 1, BL)
    assert world.admits(alice, bob)


def test_what_cannot_be():
    world = made()
    alice, bob, _ = people(world, "alice", "bob", "carol")
    here = place(world, alice)
    world.rosters.add(here, alice, bob, 1, FL | AL)
    with pytest.raises(Opposite):
        world.rosters.add(here, alice, bob, 1, BL)
    with pytest.raises(MemberExists):
        world.rosters.add(here, alice, bob, 1, AL)
    with pytest.raises(NoSuchAccount):
        world.rosters.add(here, alice, "nobody@example.com", 1, FL)
    with pytest.raises(NoSuchMember):
        world.rosters.remove(here, alice, "carol@example.com", 1, FL)


def test_the_lists_of_a_session_are_limited(monkeypatch):
    from emulator.world import limits

    monkeypatch.setattr(limits, "MEMBERS", 3)
    world = made()
    (alice,) = people(world, "alice")
    here = place(world, alice)
    for number in range(3):
        world.rosters.add(here, alice, f"p{number}@example.com", 1, AL, initial=True)
    with pytest.raises(ListFull):
        world.rosters.add(here, alice, "more@example.com", 1, AL, initial=True)


def test_places_of_2009_hear_of_each_other_once_per_change():
    world = made()
    (alice,) = people(world, "alice")
    place(world, alice, 18, "a" * 8)
    second = world.presence.sign_in(alice, 18, endpoint="b" * 8).place
    world.presence.set_status(second.id, "AWY")
    (notice,) = world.take_notices()
    assert isinstance(notice, PlacesChanged)
    assert [one.status for one in notice.look.endpoints] == ["NLN", "AWY"]
    world.presence.set_status(second.id, "AWY")
    assert world.take_notices() == []


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("add", "remove", "block", "unblock", "list", "unlist")), st.sampled_from((FL, AL, BL, 3, 5))
    ),
    max_size=12,
)


@given(STEPS)
def test_nothing_said_is_kept_and_the_end_leaves_no_trace(steps):
    world, other = made(), made()
    for one in (world, other):
        people(one, "alice", "bob")
    alice, bob = "alice@example.com", "bob@example.com"
    here = place(world, alice)
    for step, bits in steps:
        for one in (world, other):
            try:
                match step:
                    case "add" if one is world:
                        one.rosters.add(here, alice, bob, 1, bits)
                    case "remove" if one is world:
                        one.rosters.remove(here, alice, bob, 1, bits)
                    case "block":
                        one.lists.add_member(alice, "Block", bob)
                    case "unblock":
                        one.lists.remove_member(alice, "Block", bob)
                    case "list":
                        one.books.add_contact(alice, bob)
                    case "unlist":
                        one.books.remove_contact(alice, one.books.contact_of(alice, bob).id)
            except (MemberExists, Opposite, NoSuchMember, ContactExists, NoSuchContact):
                pass
    world.presence.sign_out(here)
    assert world.sees(alice, bob) == other.sees(alice, bob)
    assert world.admits(alice, bob) == other.admits(alice, bob)
    assert dump(world) == dump(other)
    assert world.rosters.watchers(bob) == other.rosters.watchers(bob)
