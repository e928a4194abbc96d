"""Exchange `oim-rsi`: the offline messages that wait for somebody are listed, fetched, marked as read and deleted.

Not the mailbox itself. Source: http.md 15.
"""

from __future__ import annotations

from emulator.services.web.route import on
from emulator.services.web.soapservice import Asked, SoapService
from emulator.wire import markup, oim, soap
from emulator.wire.http import Request
from emulator.wire.markup import el
from emulator.world.errors import NoSuchMessage
from emulator.world.records import Message


def _text(asked: Asked, message: Message) -> str:
    return oim.mail(message.content, message.sender, message.nickname, asked.me.address, message.received)


def _entry(asked: Asked, message: Message) -> markup.Xml:
    text = _text(asked, message)
    size = len(text.encode()) + text.count("\n")
    return oim.entry(message.id, message.sender, message.nickname, size, message.received, read=message.read)


def metadata(asked: Asked) -> bytes:
    """The list, oldest first; sizes count CR LF line ends."""
    messages = asked.world.mail.messages(asked.me.address)
    entries, unread = [_entry(asked, one) for one in messages], sum(not one.read for one in messages)
    return oim.metadata(entries, unread, escaped=asked.scene.mail_list_escaped)


def message(asked: Asked) -> bytes:
    """The message as character data."""
    identifier = markup.text(asked.payload, "messageId")
    mail, address = asked.world.mail, asked.me.address
    try:
        found = mail.message(address, identifier)
        if markup.text(asked.payload, "alsoMarkAsRead").lower() == "true":
            found = mail.mark_read(address, identifier)
    except NoSuchMessage as error:
        raise soap.Refusal(_schema()) from error
    result = el("GetMessageResult", _text(asked, found))
    return soap.envelope(el("GetMessageResponse", result, at={"xmlns": oim.RSI}))


def delete(asked: Asked) -> bytes:
    """All that are named, or with an unknown one among them none."""
    wanted = [markup.text(one) for one in markup.every(asked.payload, "messageIds/messageId")]
    if not wanted:
        raise soap.Refusal(_schema())
    try:
        asked.world.mail.delete(asked.me.address, wanted)
    except NoSuchMessage as error:
        raise soap.Refusal(_schema()) from error
    return soap.envelope(el("DeleteMessagesResponse", at={"xmlns": oim.RSI}))


def _schema() -> soap.Fault:
    return soap.unreadable("Schema validation error", actor=service.actor)


def _refused(call: soap.Call) -> soap.Fault:
    policy = el("RequiredAuthPolicy", "MBI", at={"xmlns": oim.RSI})
    return oim.fault(oim.RSI, "AuthenticationFailed", "No usable ticket", policy)


def _ticket(call: soap.Call, request: Request) -> str:
    value = markup.text(call.header, "PassportCookie/t") or request.cookie("MSPAuth")
    return f"t={value.removeprefix('t=')}&p={markup.text(call.header, 'PassportCookie/p')}" if value else ""


service = SoapService(
    actor="https://rsi.hotmail.com" + oim.READ_PATH,
    operations={"GetMetadata": metadata, "GetMessage": message, "DeleteMessages": delete},
    namespaces=(oim.RSI,),
    ticket=_ticket,
    refused=_refused,
)
ROUTES = on(("rsi.hotmail.com",), "POST", oim.READ_PATH, service)
