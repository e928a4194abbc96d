"""Exchange `oim-store`: an offline message is refused with a lock key challenge, then delivered.

The challenge is derived from the ticket, so nothing is kept between the two requests. Source: http.md 14.
"""

from __future__ import annotations

import hmac

from emulator.services.web.route import on
from emulator.services.web.soapservice import Asked, SoapService
from emulator.wire import challenge, markup, oim, passport, soap
from emulator.wire.errors import WireError
from emulator.wire.http import Request
from emulator.wire.markup import el
from emulator.world import limits
from emulator.world.errors import BadText, TooFast, TooLong, WorldError

SECRET = b"messenger-lab lock key"  # guards nothing: it only makes challenges differ from ticket to ticket
POLICY = "MBI_SSL"


def store(asked: Asked) -> bytes:
    """Ticket (already checked), lock key, text, recipient: the first that is wrong names the fault."""
    call = oim.read_store(asked.call)
    issued = challenge.digits(SECRET, passport.value_of(asked.ticket))
    wanted = challenge.lock_key(issued, call.product)
    if not wanted or not hmac.compare_digest(wanted.encode(), call.lock_key.encode("utf-8", "replace")):
        detail = el("LockKeyChallenge", issued, at={"xmlns": call.namespace})
        raise _refuse(call, "AuthenticationFailed", "Lock key needed", detail)
    try:
        message = oim.read_mime(call.content)
    except WireError as error:
        raise _invalid(call, str(error)) from error
    if call.number != message.number:
        raise _invalid(call, "Sequence number and message number differ")
    _deliver(asked, call, message)
    return oim.stored(call.namespace, call.number)


def _deliver(asked: Asked, call: oim.Store, message: oim.Message) -> None:
    """Into the recipient's mailbox, from whomever the ticket belongs to, whatever name the call gives."""
    mail = asked.world.mail
    try:
        mail.store(
            asked.me.address,
            call.recipient,
            call.content,
            nickname=call.nickname,
            run=message.run,
            number=message.number,
        )
    except TooFast as error:
        raise _refuse(call, "SenderThrottleLimitExceeded", str(error)) from error
    except (TooLong, BadText) as error:
        raise _invalid(call, str(error)) from error
    except WorldError as error:  # nobody, blocked, full: the original did not tell which
        raise _refuse(call, "SystemUnavailable", "The recipient cannot be reached") from error
    recipient = asked.world.account(call.recipient)
    if recipient.resident and len(recipient.messages) >= limits.MESSAGES:
        mail.delete(recipient.address, [next(iter(recipient.messages))])  # nobody reads there: keep room for the next


def _invalid(call: oim.Store, text: str) -> soap.Refusal:
    return _refuse(call, "InvalidContent", text, el("Machine", at={"name": "EMUOIM01", "ver": "1"}))


def _refuse(call: oim.Store, code: str, text: str, detail: markup.Xml = markup.Xml("")) -> soap.Refusal:
    return soap.Refusal(oim.fault(call.namespace, code, text, detail))


def _refused(call: soap.Call) -> soap.Fault:
    """Renew the ticket. Never together with a challenge: libpurple looks at the policy first."""
    namespace = oim.read_store(call).namespace
    policy = el("RequiredAuthPolicy", POLICY, at={"xmlns": namespace})
    return oim.fault(namespace, "AuthenticationFailed", "No usable ticket", policy)


def _ticket(call: soap.Call, request: Request) -> str:
    ticket = oim.read_store(call).ticket
    return ticket if ticket.startswith("t=") else ""


service = SoapService(
    actor="https://ows.messenger.msn.com" + oim.STORE_PATH,
    operations={"MessageType": store},  # the body holds no operation element, its first one is this
    namespaces=(oim.W2004, oim.W2006),
    ticket=_ticket,
    refused=_refused,
)
ROUTES = on(("ows.messenger.msn.com",), "POST", oim.STORE_PATH, service)
