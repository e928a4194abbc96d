"""Allow, Block, Reverse and Pending over SOAP: FindMembership, AddMember, DeleteMember.

Not the rules of the lists, which are the world's. Source: http.md 4.3, 4.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from xml.etree.ElementTree import Element

import msgspec

from emulator.services.web.contacts_reply import cid_of, done, owner, refuse, reply, since
from emulator.services.web.soapservice import Asked, Operation, explained
from emulator.wire import markup, membership, soap
from emulator.world.errors import BadAddress, MemberExists, NoSuchMember, WorldError
from emulator.world.records import ROLES, Account, Kind, Member, Role, member_key
from emulator.world.world import World

SERVICE = "Messenger"  # the one service whose members are kept
_NAMES: dict[Kind, str] = {"Passport": "PassportName", "Email": "Email", "Phone": "PhoneNumber"}


class Named(msgspec.Struct, frozen=True):
    """A member as a call names it; `id` is 0 when there is none."""

    role: Role
    kind: Kind
    address: str
    id: int
    name: str


def find_membership(asked: Asked) -> bytes:
    """The four lists, or what changed on them since a date."""
    payload, account = asked.payload, asked.me
    kinds = {markup.text(one) for one in markup.every(payload, "serviceFilter/Types/ServiceType")}
    when = since(asked, markup.text(payload, "deltasOnly"), markup.text(payload, "lastChange"))
    delta = asked.world.memberships_since(account.address, when)
    lists: dict[str, list[membership.MemberEntry]] = {}
    for members, deleted in ((delta.members, False), (delta.gone, True)):
        for one in members:
            lists.setdefault(one.role, []).append(_entry(asked.world, one, deleted=deleted))
    document = membership.response(
        owner(account), lists, delta.changed, complete=not when, messenger=not kinds or SERVICE in kinds
    )
    return reply(asked, document)


def add_member(asked: Asked) -> bytes:
    """Onto Allow or Block, whichever side somebody is on; onto Reverse only who is there already."""
    return _each(asked, _add)


def delete_member(asked: Asked) -> bytes:
    """Off Allow, Block or Pending, by name or by MembershipId."""
    return _each(asked, _delete)


def update_member(asked: Asked) -> bytes:
    """Whoever is named must be on the list. What a client writes there about him is not kept: nobody reads it back."""
    return _each(asked, _there)


def _there(world: World, account: Account, one: Named) -> None:
    members = account.members.get(one.role, {})
    if not any(member.id == one.id for member in members.values()) and member_key(one.address, one.kind) not in members:
        raise NoSuchMember(f"{one.address[:60]!r} is not on {one.role}")


def _each(asked: Asked, change: Callable[[World, Account, Named], None]) -> bytes:
    """Change every member that is named. The first refusal is the answer when nothing could be done at all."""
    if markup.text(asked.payload, "serviceHandle/Type", SERVICE) != SERVICE:
        return done(asked)  # profiles and the like have members too, but nobody reads them back
    members = list(_named(asked))
    if not members:
        raise refuse(asked, "Forbidden", "No member")
    refusals: list[soap.Refusal] = []
    for one in members:
        try:
            change(asked.world, asked.me, one)
        except BadAddress as error:
            refusals.append(soap.Refusal(explained(asked.call, error, "UserDoesNotExist")))
        except WorldError as error:
            refusals.append(soap.Refusal(explained(asked.call, error)))
    if len(refusals) == len(members):
        raise refusals[0]
    return done(asked)


def _add(world: World, account: Account, one: Named) -> None:
    try:
        world.lists.add_member(account.address, one.role, one.address, kind=one.kind, name=one.name, move=True)
    except MemberExists:
        if one.role != "Reverse":
            raise  # clients that accept an invitation add it to Reverse, where it is already


def _delete(world: World, account: Account, one: Named) -> None:
    try:
        if one.address:
            world.lists.remove_member(account.address, one.role, one.address, kind=one.kind)
        else:
            world.lists.remove_member_by_id(account.address, one.role, one.id)
    except NoSuchMember:
        key = member_key(one.address, one.kind)
        decided = key in account.contacts or account.has("Allow", key) or account.has("Block", key)
        if one.role != "Pending" or not (decided and one.address):
            raise  # whoever decided about somebody has taken him off Pending with that


def _named(asked: Asked) -> Iterator[Named]:
    for one in markup.every(asked.payload, "memberships/Membership"):
        role = markup.text(one, "MemberRole")
        if role not in ROLES:
            raise refuse(asked, "Forbidden", f"No role {role[:40]!r}")
        for member in markup.every(one, "Members/Member"):
            kind = _kind(member)
            number = markup.text(member, "MembershipId")
            yield Named(
                role,
                kind,
                markup.text(member, _NAMES[kind]),
                int(number) if number.isascii() and number.isdigit() and len(number) < 12 else -1,
                markup.text(member, "DisplayName"),
            )


def _kind(member: Element) -> Kind:
    """By the element that holds the address, else by the type named."""
    named = markup.text(member, "Type")
    for kind, name in _NAMES.items():
        if markup.text(member, name):
            return kind
    return named if named in _NAMES else "Passport"


def _entry(world: World, one: Member, *, deleted: bool) -> membership.MemberEntry:
    return membership.MemberEntry(
        id=one.id,
        kind=one.kind,
        address=one.address,
        changed=one.changed,
        joined=one.joined,
        name=one.name or _name(world, one),
        cid=cid_of(world, one.address, passport=one.kind == "Passport"),
        invite=one.invite,
        deleted=deleted,
    )


def _name(world: World, one: Member) -> str:
    account = world.find(one.address) if one.kind == "Passport" else None
    return "" if account is None else account.name


OPERATIONS: dict[str, Operation] = {
    "FindMembership": find_membership,
    "AddMember": add_member,
    "DeleteMember": delete_member,
    "UpdateMember": update_member,
}
