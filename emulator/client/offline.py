"""Offline messages: left for somebody, listed, read, deleted.

Not the notice that some wait, which comes from the notification server. Source: http.md 14, 15.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

import msgspec

from emulator.client import soap
from emulator.client.account import MESSENGER, SECURE, Tickets
from emulator.client.network import Network, Unexpected
from emulator.wire import challenge, markup, oim, tags
from emulator.wire import soap as envelope
from emulator.wire.errors import WireError
from emulator.wire.markup import el
from emulator.wire.oim import Message

STORE_HOST = "ows.messenger.msn.com"
READ_HOST = "rsi.hotmail.com"


class Waiting(msgspec.Struct, frozen=True):
    """One message that waits: its id, who sent it under which name, whether it was read, bytes of its text."""

    id: str
    sender: str
    name: str
    read: bool
    size: int
    received: str


async def leave(
    network: Network,
    tickets: Tickets,
    sender: str,
    to: str,
    text: str,
    *,
    name: str = "",
    run: str = "",
    number: int = 1,
    secure: bool = True,
    product: str = challenge.CLIENT,
) -> None:
    """Leave a message; the challenge for the lock key is answered. `run` is a GUID in braces, made when not given.

    Raises Unexpected: `code` SystemUnavailable (nobody, or blocked), SenderThrottleLimitExceeded, InvalidContent.
    """
    run = run or tags.guid(network.entropy(16))
    call = oim.Store(
        namespace=oim.W2004,
        sender=sender,
        recipient=to,
        ticket=tickets.for_site(SECURE),
        product=product,
        lock_key="",
        number=number,
        content=oim.mime(Message(run, number, text)),
        nickname=name,
    )
    service = soap.Service(network, STORE_HOST, secure=secure)
    try:
        response = await service.answer(oim.STORE_PATH, oim.STORE2, oim.store(call))
        question = _question(response.body)
        if question:
            call = msgspec.structs.replace(call, lock_key=challenge.lock_key(question, product))
            response = await service.answer(oim.STORE_PATH, oim.STORE2, oim.store(call))
        soap.read(response)
    finally:
        service.close()


async def waiting(network: Network, tickets: Tickets, *, secure: bool = True) -> tuple[Waiting, ...]:
    """What waits, oldest first. Raises ClientError."""
    reply = await _rsi(network, tickets, "GetMetadata", secure=secure)
    return tuple(_waiting(fields) for fields in oim.entries(reply))


async def read(
    network: Network, tickets: Tickets, identifier: str, *, mark: bool = False, secure: bool = True
) -> Message:
    """One message's text, marked as read if `mark`. Raises ClientError."""
    content = (el("messageId", identifier), el("alsoMarkAsRead", mark))
    reply = await _rsi(network, tickets, "GetMessage", *content, secure=secure)
    try:
        return oim.read_mime(markup.text(reply, "GetMessageResult"))
    except WireError as error:
        raise Unexpected(f"the offline message: {error}") from error


async def delete(network: Network, tickets: Tickets, *identifiers: str, secure: bool = True) -> None:
    """Delete messages, all or none. Raises Unexpected when one of them is not there."""
    wanted = el("messageIds", *(el("messageId", one) for one in identifiers))
    await _rsi(network, tickets, "DeleteMessages", wanted, secure=secure)


def announced(data: str) -> tuple[Waiting, ...]:
    """The messages in `Mail-Data` of a notification; () for `too-large`. Raises WireError."""
    if not data.lstrip().startswith("<"):
        return ()
    root = markup.parse(data.encode())
    return tuple(
        _waiting({markup.local(field): markup.text(field) for field in one}) for one in markup.every(root, "M")
    )


async def _rsi(network: Network, tickets: Tickets, operation: str, *content: markup.Xml, secure: bool) -> Element:
    service = soap.Service(network, READ_HOST, secure=secure)
    try:
        body = oim.rsi_call(operation, tickets.for_site(MESSENGER), *content)
        return await service.call(oim.READ_PATH, f"{oim.RSI}/{operation}", body)
    finally:
        service.close()


def _question(body: bytes) -> str:
    try:
        return markup.text(envelope.read_reply(body), "detail/LockKeyChallenge")
    except WireError:
        return ""


def _waiting(fields: dict[str, str]) -> Waiting:
    size = fields.get("SZ", "")
    return Waiting(
        id=fields.get("I", ""),
        sender=fields.get("E", ""),
        name=oim.unword(fields.get("N", "")),
        read=fields.get("RS") == "1",
        size=int(size) if size.isascii() and size.isdigit() and len(size) < 10 else 0,
        received=fields.get("RT", ""),
    )
