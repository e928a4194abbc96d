"""Dialogue `oim-rsi`: the waiting message is listed, fetched, and its text is intact.

Not a deletion.
"""

from __future__ import annotations

from emulator.probe.web import checks
from emulator.probe.web.context import Differs, Steps, WebContext
from emulator.probe.web.requests import account, soap, ticket
from emulator.wire import markup, oim
from emulator.wire.errors import WireError
from emulator.wire.markup import el


def dialogue(context: WebContext) -> Steps:
    """GetMetadata, then GetMessage."""
    own = ticket(context)
    response = yield soap(context, oim.READ_PATH, oim.RSI + "/GetMetadata", oim.rsi_call("GetMetadata", own))
    entries = oim.entries(checks.reply(response, "GetMetadataResponse"))
    identifiers = [entry.get("I", "") for entry in entries]
    checks.that(len(identifiers) == 1, f"{len(identifiers)} messages are waiting", response)
    wanted = (el("messageId", identifiers[0]), el("alsoMarkAsRead", False))
    call = oim.rsi_call("GetMessage", own, *wanted)
    response = yield soap(context, oim.READ_PATH, oim.RSI + "/GetMessage", call)
    text = markup.text(checks.reply(response, "GetMessageResponse"), "GetMessageResult")
    try:
        message = oim.read_mime(text)
    except WireError as error:
        raise Differs(f"the waiting message: {error}", status=response.status) from error
    checks.that(message == oim.WAITING, "the waiting message is another one", response)
    checks.that(f"To: <{account(context)}>" in text, "the waiting message is for another account", response)
    return {"messages": len(entries), "size": entries[0].get("SZ", "")}
