"""Dialogue `appdirectory`: the entry is listed, and found again by its id.

Not a start of the activity.
"""

from __future__ import annotations

from emulator.probe.web import checks
from emulator.probe.web.context import Steps, WebContext
from emulator.probe.web.requests import muid, request
from emulator.wire import appdirectory as wire
from emulator.wire.http import Headers, Request
from emulator.wire.soap import CONTENT_TYPE


def dialogue(context: WebContext) -> Steps:
    """GetFilteredDataSet2, then GetAppEntry."""
    response = yield _call(context, "GetFilteredDataSet2", wire.list_request())
    listed = wire.read(checks.reply(response, "GetFilteredDataSet2Response"), "GetFilteredDataSet2")
    checks.that(wire.fields() in listed, f"the entry is not among the {len(listed)} listed", response)
    response = yield _call(context, "GetAppEntry", wire.entry_request(wire.ENTRY))
    found = wire.read(checks.reply(response, "GetAppEntryResponse"), "GetAppEntry")
    checks.that(found == [wire.fields()], "the entry by its id is another one", response)
    return {"entries": len(listed), "id": found[0]["EntryID"], "name": found[0]["Name"]}


def _call(context: WebContext, operation: str, body: bytes) -> Request:
    headers: Headers = (("SOAPAction", f'"{wire.NAMESPACE}/{operation}"'), ("Content-Type", CONTENT_TYPE))
    return request(context, "POST", wire.PATH, (*headers, *muid(context)), body)
