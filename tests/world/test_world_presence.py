"""Presence: one place or several, who is told what, and what it costs. Source: msnp.md 1.6, 2.9, 2.23."""

from __future__ import annotations

import pytest
from worlds_made import made, people

from emulator.world import World, errors
from emulator.world.notices import BookChanged, MailArrived, PresenceChanged, ReverseChanged
from emulator.world.presence import Place


def arrive(world: World, address: str, dialect: int = 15, status: str = "NLN", **where: str) -> Place:
    place = world.presence.sign_in(address, dialect, **where).place
    world.presence.set_status(place.id, status, capabilities=28)
    world.telling.roll_call(address)
    world.take_notices()
    return place


def befriended(world: World, *names: str) -> tuple[str, ...]:
    addresses = people(world, *names)
    for one in addresses:
        for other in addresses:
            if one != other:
                world.books.add_contact(one, other, allow=True)
    world.take_notices()
    return addresses


def told(world: World) -> list[tuple[str, str, str, bool, bool]]:
    notices = [one for one in world.take_notices() if isinstance(one, PresenceChanged)]
    return [(one.to, one.look.address, one.look.status, one.line, one.personal) for one in notices]


def test_a_second_sign_in_ends_the_first_up_to_msnp15() -> None:
    world = made()
    (alice,) = people(world, "alice")
    first = world.presence.sign_in(alice, 15).place
    again = world.presence.sign_in(alice.upper(), 8)
    assert [one.id for one in again.ousted] == [first.id]
    assert [one.id for one in world.presence.places(alice)] == [again.place.id]
    assert world.presence.sign_out(first.id) is None, "it was signed out already"
    assert world.presence.signed_in(alice)


def test_several_places_from_msnp16_on() -> None:
    world = made()
    alice, bob = befriended(world, "alice", "bob")
    arrive(world, bob)
    home = arrive(world, alice, 16, "AWY", endpoint="{AA}", machine="{11}")
    work = arrive(world, alice, 16, "BSY", endpoint="{BB}", machine="{22}")
    look = world.presence.look(bob, alice)
    assert (look.status, [one.id for one in look.endpoints]) == ("BSY", ["aa", "bb"])
    same = world.presence.sign_in(alice, 16, endpoint="{CC}", machine="{11}")
    assert [one.id for one in same.ousted] == [home.id]
    world.presence.sign_out(work.id)
    assert world.presence.look(bob, alice).status == "FLN", "the newest place has not announced itself"
    old = world.presence.sign_in(alice, 15)
    assert [one.id for one in old.ousted] == [same.place.id]


def test_places_are_limited() -> None:
    world = made()
    (alice,) = people(world, "alice")
    for number in range(16):
        world.presence.sign_in(alice, 16, endpoint=f"{number}")
    with pytest.raises(errors.TooManyPlaces) as many:
        world.presence.sign_in(alice, 16, endpoint="x")
    assert many.value.msnp == 734
    assert len(world.presence.sign_in(alice, 16, endpoint="3").ousted) == 1


def test_presence_waits_for_the_first_status_and_goes_both_ways() -> None:
    world = made()
    alice, bob = befriended(world, "alice", "bob")
    place = world.presence.sign_in(alice, 15).place
    assert not world.online(alice)
    other = world.presence.sign_in(bob, 15).place
    world.presence.set_status(other.id, "NLN", capabilities=1)
    assert told(world) == [], "alice has not announced herself, nobody else is there"
    world.presence.set_status(place.id, "BSY", capabilities=2)
    assert [look.address for look in world.telling.roll_call(alice)] == [bob]
    assert told(world) == [(bob, alice, "BSY", True, True)]
    assert told(world) == []
    world.presence.set_personal(place.id, psm="hello & bye")
    assert told(world) == [(bob, alice, "BSY", False, True)]
    world.presence.set_personal(place.id, psm="hello & bye")
    assert told(world) == []
    world.accounts.set_name(alice, "Alice A")
    assert told(world) == [(bob, alice, "BSY", True, False)]
    world.presence.set_status(place.id, "HDN")
    assert told(world) == [(bob, alice, "FLN", True, False)]
    world.presence.sign_out(place.id)
    assert told(world) == []
    with pytest.raises(ValueError, match="FLN"):
        world.presence.set_status(other.id, "FLN")


def test_blocking_looks_like_going_offline() -> None:
    world = made()
    alice, bob, carol = befriended(world, "alice", "bob", "carol")
    for one in (alice, bob, carol):
        arrive(world, one)
    world.lists.add_member(alice, "Block", bob, move=True)
    assert told(world) == [(bob, alice, "FLN", True, False)]
    assert world.presence.reachable(bob, alice) is None
    world.lists.add_member(alice, "Allow", bob, move=True)
    assert told(world) == [(bob, alice, "NLN", True, True)]
    world.lists.remove_member(alice, "Allow", bob)
    assert told(world) == []
    world.lists.add_member(alice, "Block", bob)
    assert told(world) == [(bob, alice, "FLN", True, False)]
    world.lists.remove_member(alice, "Block", bob)
    assert told(world) == [(bob, alice, "NLN", True, True)]
    world.accounts.set_privacy(alice, "BL")
    assert told(world) == [(bob, alice, "FLN", True, False)]
    assert [*world.presence.audience(alice)] == [carol]


def test_a_contact_that_is_added_appears_and_one_that_is_removed_is_not_told_of() -> None:
    world = made()
    alice, bob = people(world, "alice", "bob")
    arrive(world, alice)
    arrive(world, bob)
    contact = world.books.add_contact(alice, bob, invite="hi")
    notices = world.take_notices()
    assert ReverseChanged(bob, alice, "alice", True, True, "hi") in notices
    assert BookChanged(alice) in notices
    assert [one.look.address for one in notices if isinstance(one, PresenceChanged)] == [bob]
    world.books.remove_contact(alice, contact.id)
    notices = world.take_notices()
    assert ReverseChanged(bob, alice, "alice", False, False, "") in notices
    assert not [one for one in notices if isinstance(one, PresenceChanged)]


def test_hidden_accounts_and_mail() -> None:
    world = made()
    (alice,) = people(world, "alice")
    world.accounts.create("shy@example.com", "", hidden=True, resident=True)
    world.books.add_contact(alice, "shy@example.com")
    arrive(world, alice)
    arrive(world, "shy@example.com")
    assert told(world) == []
    assert not world.online("shy@example.com")
    message = world.mail.store("shy@example.com", alice, "x")
    assert world.take_notices() == [MailArrived(alice, message.id)]
    world.mail.store(alice, "shy@example.com", "x")
    (waiting,) = world.mail.messages("shy@example.com")
    assert world.take_notices() == [MailArrived("shy@example.com", waiting.id)]


def test_five_hundred_watchers_cost_five_hundred_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    from emulator.world.rosters import Rosters

    world = made()
    (star,) = people(world, "star")
    strangers = people(world, *(f"s{number}" for number in range(1500)))
    fans = people(world, *(f"f{number}" for number in range(500)))
    for fan in fans:
        world.books.add_contact(fan, star)
    for one in (*fans, *strangers):
        place = world.presence.sign_in(one, 15).place
        world.presence.set_status(place.id, "NLN")
    place = world.presence.sign_in(star, 15).place
    world.take_notices()
    asked = 0
    real = Rosters.sees

    def counted(*args: object) -> bool:
        nonlocal asked
        asked += 1
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(Rosters, "sees", counted)
    world.presence.set_status(place.id, "NLN")
    assert {one.to for one in world.take_notices() if isinstance(one, PresenceChanged)} == set(fans)
    assert asked == 500
