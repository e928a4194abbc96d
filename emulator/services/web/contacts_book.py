"""The address book over SOAP: ABFindAll, ABFindContactsPaged, and contacts added, changed and removed.

Not the rules of address books, which are the world's. Source: http.md 4.5, 4.6.
"""

from __future__ import annotations

from emulator.services.web.contacts_reply import cid_of, done, made, owner, refuse, reply, since
from emulator.services.web.soapservice import Asked, Operation, explained
from emulator.wire import addressbook, contactbook, markup, soap
from emulator.wire.contactbook import NICKNAME, ContactEntry, GroupEntry, Wanted
from emulator.world import limits
from emulator.world.errors import NoSuchAccount
from emulator.world.lists import BookDelta
from emulator.world.names import check_name
from emulator.world.records import PASSPORT, Account, Contact, Group, Pairs
from emulator.world.world import World

KINDS = frozenset({"Regular", "LivePending", "LiveAccepted", "LiveDropped", "LiveRejected"})
PENDING, ACCEPTED = "LivePending", "LiveAccepted"
GLEAM = "Gleam"  # dynamicItemView of clients that show whose space has news


def find_all(asked: Asked) -> bytes:
    """Groups, contacts and the Me contact, or what changed of them since a date."""
    payload = asked.payload
    _check_book(asked)
    spaces = markup.text(payload, "dynamicItemView") == GLEAM
    deltas, moment = markup.text(payload, "deltasOnly"), markup.text(payload, "lastChange")
    return _found(asked, deltas, moment, paged=False, spaces=spaces)


def find_paged(asked: Asked) -> bytes:
    """The same for clients of 2009, always in one page. The date has two spellings."""
    options = markup.find(asked.payload, "filterOptions")
    moment = markup.text(options, "LastChanged") or markup.text(options, "LastChange")
    return _found(asked, markup.text(options, "DeltasOnly"), moment, paged=True)


def _found(asked: Asked, deltas: str, moment: str, *, paged: bool, spaces: bool = False) -> bytes:
    account, world = asked.me, asked.world
    when = since(asked, deltas, moment)
    delta = world.contacts_since(account.address, when)
    document = contactbook.find_all(
        owner(account),
        _groups(delta),
        [*([_me(account)] if delta.me or not when else []), *_contacts(world, account, delta)],
        delta.changed,
        paged=paged,
        spaces=spaces,
    )
    return reply(asked, document)


def _groups(delta: BookDelta) -> list[GroupEntry]:
    def entry(one: Group, *, deleted: bool) -> GroupEntry:
        return GroupEntry(one.id, one.name, one.changed, deleted)

    return [
        *(entry(one, deleted=False) for one in delta.groups),
        *(entry(one, deleted=True) for one in delta.gone_groups),
    ]


def _contacts(world: World, account: Account, delta: BookDelta) -> list[ContactEntry]:
    return [
        *(entry(world, account, one, deleted=False) for one in delta.contacts),
        *(entry(world, account, one, deleted=True) for one in delta.gone_contacts),
    ]


def my_id(account: Account) -> str:
    """Id of the account's own entry in its address book."""
    return addressbook.guid("contact " + account.key)


def _me(account: Account) -> ContactEntry:
    own: Pairs = (
        ("MSN.IM.MBEA", "0"),
        ("MSN.IM.GTC", "1" if account.gtc == "A" else "2"),
        ("MSN.IM.BLP", "1" if account.blp == "AL" else "2"),
        ("MSN.IM.RoamLiveProperties", "1"),
    )
    annotations = dict(own) | dict(account.annotations)
    return ContactEntry(
        id=my_id(account),
        kind="Me",
        address=account.address,
        name=account.name,
        changed=max(account.settings_changed, account.name_changed),
        cid=account.cid,
        puid=account.puid,
        annotations=tuple(annotations.items()),
    )


def entry(world: World, account: Account, one: Contact, *, deleted: bool) -> ContactEntry:
    """A contact as answers show it; LivePending turns into LiveAccepted when the other has done the same."""
    passport = one.network == PASSPORT
    other = world.find(one.address) if passport else None
    mutual = other is not None and other.on_forward_list(account.key)
    annotations = dict(one.annotations) | ({NICKNAME: one.nickname} if one.nickname else {})
    return ContactEntry(
        id=one.id,
        kind=ACCEPTED if one.kind == PENDING and mutual else one.kind,
        address=one.address,
        name=world.books.display_name(one),
        changed=one.changed,
        network=one.network,
        cid=cid_of(world, one.address, passport=passport),
        groups=one.groups,
        annotations=tuple(annotations.items()),
        phones=one.phones,
        details=one.details,
        messenger=one.messenger,
        mobile=one.mobile,
        space=other is not None,
        deleted=deleted,
    )


def add_book(asked: Asked) -> bytes:
    """The address book is always there already."""
    raise refuse(asked, "ABAlreadyExists", "The address book exists")


def add_contact(asked: Asked) -> bytes:
    """A GUID for a new contact. EnableAllowListManagement puts it on Allow as well, unless it is blocked."""
    elements = markup.every(asked.payload, "contacts/Contact")
    if len(elements) != 1:
        raise refuse(asked, "BadEmailArgument", "Name one contact")
    wanted = contactbook.read_contact(elements[0])
    values, kind = wanted.values, wanted.values.get("contactType", "")
    notes, nickname = _notes(wanted)
    try:
        contact = asked.world.books.add_contact(
            asked.me.address,
            wanted.address,
            network=wanted.network,
            name=values.get("displayName", "") or values.get("quickName", ""),
            nickname=nickname,
            messenger=wanted.messenger is not False,
            mobile=bool(wanted.mobile),
            kind=kind if kind in KINDS else "Regular",
            phones=wanted.phones or (),
            annotations=notes,
            details=tuple((name, values[name]) for name in contactbook.DETAILS if values.get(name)),
            invite=wanted.invite[: limits.INVITATION],
            allow=markup.text(asked.payload, "options/EnableAllowListManagement").lower() == "true",
        )
    except NoSuchAccount as error:
        raise soap.Refusal(explained(asked.call, error, "InvalidPassportUser")) from error
    return made(asked, contact.id)


def _notes(wanted: Wanted) -> tuple[Pairs, str]:
    """Annotations without empty ones, and the nickname among them."""
    given = dict(wanted.annotations or ())
    nickname = given.pop(NICKNAME, "")
    return tuple((name, value) for name, value in given.items() if name and value), nickname


def update_contact(asked: Asked) -> bytes:
    """Changed fields of one contact, or of the Me contact: display name and annotations."""
    elements = markup.every(asked.payload, "contacts/Contact")
    if len(elements) != 1:
        raise refuse(asked, "ContactDoesNotExist", "Name one contact")
    wanted = contactbook.read_contact(elements[0])
    if wanted.me or wanted.id.lower() == my_id(asked.me):
        _update_me(asked, wanted)
        return done(asked)
    before = _contact(asked, wanted)
    try:
        _update(asked, before, wanted)
    except NoSuchAccount as error:
        raise soap.Refusal(explained(asked.call, error, "InvalidPassportUser")) from error
    return done(asked)


def _update_me(asked: Asked, wanted: Wanted) -> None:
    accounts, account = asked.world.accounts, asked.me
    name = wanted.value("displayName", "DisplayName")
    check_name(name or "")  # before anything changes
    if wanted.annotations and (not wanted.tokens or "Annotation" in wanted.tokens):
        accounts.annotate(account.address, wanted.annotations)
    if name:
        accounts.set_name(account.address, name)


def _update(asked: Asked, before: Contact, wanted: Wanted) -> None:
    tokens = wanted.tokens
    details = dict(before.details)
    for field, token in contactbook.DETAILS.items():
        value = wanted.value(field, token)
        if value is not None:
            details[field] = value
    annotations, nickname = None, None
    if wanted.annotations is not None and (not tokens or "Annotation" in tokens):
        given = dict(wanted.annotations)
        nickname = given.pop(NICKNAME, None)
        merged = dict(before.annotations) | given
        annotations = tuple((name, value) for name, value in merged.items() if name and value)
    kind = wanted.value("contactType", "ContactType")
    switch = "ContactEmail" if before.network in contactbook.MAIL_TYPES else "IsMessengerUser"
    asked.world.books.update_contact(
        asked.me.address,
        before.id,
        name=wanted.value("displayName", "DisplayName"),
        nickname=nickname,
        messenger=wanted.messenger if not tokens or switch in tokens else None,
        mobile=wanted.mobile,
        kind=kind if kind in KINDS else None,
        phones=wanted.phones if not tokens or "ContactPhone" in tokens else None,
        annotations=annotations,
        details=tuple((field, value) for field, value in details.items() if value),
        invite=wanted.invite[: limits.INVITATION],
    )


def delete_contact(asked: Asked) -> bytes:
    """Out of the book and all groups; with one that is not there, none goes."""
    wanted = [contactbook.read_contact(one) for one in markup.every(asked.payload, "contacts/Contact")]
    contacts = {one.id: one for one in (_contact(asked, each) for each in wanted)}
    if not contacts:
        raise refuse(asked, "ContactDoesNotExist", "No contact named")
    for identifier in contacts:
        asked.world.books.remove_contact(asked.me.address, identifier)
    return done(asked)


def viewed(asked: Asked) -> bytes:
    """Somebody's space was looked at. Spaces here never have news, so there is nothing to take back."""
    for one in markup.every(asked.payload, "dynamicItems/DynamicItem"):
        name = markup.text(one, "PassportName")
        if name:
            asked.world.books.contact_of(asked.me.address, name)
    return done(asked)


def _contact(asked: Asked, wanted: Wanted) -> Contact:
    """By id, or by address for calls without one."""
    books, address = asked.world.books, asked.me.address
    if wanted.id:
        return books.contact(address, wanted.id)
    return books.contact_of(address, wanted.address, wanted.network)


def _check_book(asked: Asked) -> None:
    """Everybody has the one book; those of circles do not exist."""
    wanted = markup.text(asked.payload, "abId", addressbook.NOBODY).lower()
    if wanted not in ("", addressbook.NOBODY):
        raise refuse(asked, "ABDoesNotExist", "No such address book")


OPERATIONS: dict[str, Operation] = {
    "ABFindAll": find_all,
    "ABFindContactsPaged": find_paged,
    "ABAdd": add_book,
    "ABContactAdd": add_contact,
    "ABContactUpdate": update_contact,
    "ABContactDelete": delete_contact,
    "UpdateDynamicItem": viewed,
    "AddDynamicItem": viewed,
}
