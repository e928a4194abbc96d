"""Dialogues `contacts` and `contacts-clear`: the lists and the address book belong to the ticket's account.

Not a change of any list.
"""

from __future__ import annotations

from emulator.probe.web import checks
from emulator.probe.web.context import Steps, WebContext
from emulator.probe.web.requests import NOTE_AGENT, account, soap, ticket
from emulator.wire import addressbook
from emulator.wire.addressbook import BOOK_PATH, CONTACT, NAMESPACE, SHARING_PATH


def dialogue(context: WebContext) -> Steps:
    """FindMembership, then ABFindAll."""
    call = addressbook.find_membership(ticket(context))
    response = yield soap(context, SHARING_PATH, NAMESPACE + "/FindMembership", call, agent=NOTE_AGENT)
    owner, roles = addressbook.read_membership(checks.reply(response, "FindMembershipResponse"))
    checks.that(owner == account(context), f"the lists of {owner!r}", response)
    checks.that(tuple(roles) == addressbook.ROLES, f"the lists {list(roles)}", response)
    checks.that(CONTACT in roles["Allow"], "the allow list lacks the emulated contact", response)
    call = addressbook.find_all(ticket(context))
    response = yield soap(context, BOOK_PATH, NAMESPACE + "/ABFindAll", call, agent=NOTE_AGENT)
    people = addressbook.read_book(checks.reply(response, "ABFindAllResponse"))
    own = [person.account for person in people if person.kind == "Me"]
    checks.that(own == [account(context)], f"the address book of {own}", response)
    others = [person.account for person in people if person.kind != "Me"]
    checks.that(CONTACT in others, "the address book lacks the emulated contact", response)
    return {"roles": {role: len(names) for role, names in roles.items()}, "contacts": len(others)}
