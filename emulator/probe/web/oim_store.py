"""Dialogue `oim-store`: the message is refused with a challenge, which is answered; then it is acknowledged.

Not a delivery: whether somebody could read it is not asked.
"""

from __future__ import annotations

import msgspec

from emulator.probe.web import checks
from emulator.probe.web.context import Steps, WebContext
from emulator.probe.web.requests import account, soap, ticket
from emulator.wire import challenge, markup, oim, tags
from emulator.wire import soap as envelope
from emulator.wire.addressbook import CONTACT

TEXT = "offline: \u03a9 \u0416 \u20ac"


def dialogue(context: WebContext) -> Steps:
    """Store without a lock key, then with it."""
    message = oim.Message(tags.guid(context.tag), 1, TEXT)
    call = oim.Store(
        oim.W2004, account(context), CONTACT, ticket(context), challenge.CLIENT, "", message.number, oim.mime(message)
    )
    response = yield soap(context, oim.STORE_PATH, oim.STORE2, oim.store(call))
    checks.status(response, 500, "message without a lock key")
    fault = checks.reply(response, "Fault")
    digits = markup.text(fault, "detail/LockKeyChallenge")
    code = envelope.errorcode(fault)
    checks.that(digits.isdigit(), f"no lock key challenge but {code!r}", response)
    keyed = msgspec.structs.replace(call, lock_key=challenge.lock_key(digits, challenge.CLIENT))
    response = yield soap(context, oim.STORE_PATH, oim.STORE2, oim.store(keyed))
    checks.status(response, 200, "message with its lock key")
    checks.reply(response, "StoreResponse")
    acknowledged = markup.find(
        checks.root(response, "StoreResponse"), "Header/SequenceAcknowledgment/AcknowledgmentRange"
    )
    upper = markup.attribute(acknowledged, "Upper")
    checks.that(upper == str(message.number), f"message {upper!r} was acknowledged", response)
    return {"challenge": digits, "acknowledged": int(upper)}
