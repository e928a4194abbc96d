"""What the operations of sharing and address book have in common: answers with their header, whose lists, since when.

Not an operation.
"""

from __future__ import annotations

from emulator.services.web.soapservice import Asked
from emulator.wire import addressbook, markup, soap
from emulator.wire.addressbook import NAMESPACE
from emulator.wire.markup import Xml, el
from emulator.wire.membership import Owner
from emulator.wire.webfiles import from_soap_moment
from emulator.world.errors import FullSyncNeeded
from emulator.world.records import Account
from emulator.world.world import World


def reply(asked: Asked, response: Xml) -> bytes:
    """The response under the header that every answer of these services has."""
    echoed = markup.text(asked.call.header, "ABApplicationHeader/CacheKey")
    account = asked.me
    header = addressbook.service_header(account.cache_key, asked.request.host, session=account.key, echoed=echoed)
    return soap.envelope(response, header)


def done(asked: Asked, *content: Xml) -> bytes:
    """An empty response, or one with a result."""
    return reply(asked, el(f"{asked.call.operation}Response", *content, at={"xmlns": NAMESPACE}))


def made(asked: Asked, identifier: str) -> bytes:
    """The response that names what was made."""
    return done(asked, el(f"{asked.call.operation}Result", el("guid", identifier)))


def refuse(asked: Asked, code: str, text: str) -> soap.Refusal:
    """A fault of the service's own."""
    actor = f"{NAMESPACE}/{asked.call.operation}"
    return soap.Refusal(soap.service_fault(NAMESPACE, code, text, actor=actor))


def owner(account: Account) -> Owner:
    """Whose documents they are."""
    return Owner(account.address, account.cid, account.puid, account.created)


def since(asked: Asked, deltas: str, moment: str) -> int:
    """Milliseconds after which changes are wanted, 0 for everything.

    Raises FullSyncNeeded for a time before the account was made: the client knows another emulator's account.
    """
    if deltas.lower() != "true":
        return 0
    when = from_soap_moment(moment)
    if 0 < when < asked.me.created:
        raise FullSyncNeeded("this account is younger than that")
    return when


def cid_of(world: World, address: str, *, passport: bool = True) -> int:
    """CID of whoever has the address; 0 for nobody."""
    account = world.find(address) if passport else None
    return 0 if account is None else account.cid
