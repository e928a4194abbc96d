"""Exchange `oim-rsi`: one offline message waits for everybody, can be fetched, and is never gone.

Not a mailbox. Source: http.md 15.
"""

from __future__ import annotations

from emulator.services.web.route import on
from emulator.services.web.soapservice import Asked, SoapService
from emulator.wire import addressbook, markup, oim, soap
from emulator.wire.http import Request
from emulator.wire.markup import el

DAY = 86_400


def _waiting(asked: Asked) -> tuple[str, float]:
    arrived = asked.scene.now() // DAY * DAY  # at midnight, so that list and message agree
    return oim.mail(oim.WAITING, addressbook.CONTACT, asked.account, arrived), arrived


def metadata(asked: Asked) -> bytes:
    """The list; sizes count CR LF line ends."""
    text, arrived = _waiting(asked)
    size = len(text.encode()) + text.count("\n")
    return oim.metadata(oim.entry(oim.WAITING_ID, addressbook.CONTACT, size, arrived))


def message(asked: Asked) -> bytes:
    """The message as character data."""
    if markup.text(asked.call.payload, "messageId") != oim.WAITING_ID:
        raise soap.Refusal(_schema())
    result = el("GetMessageResult", _waiting(asked)[0])
    return soap.envelope(el("GetMessageResponse", result, at={"xmlns": oim.RSI}))


def delete(asked: Asked) -> bytes:
    """Accepted for the one known id."""
    wanted = [markup.text(one) for one in markup.every(asked.call.payload, "messageIds/messageId")]
    if not wanted or any(one != oim.WAITING_ID for one in wanted):
        raise soap.Refusal(_schema())
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
