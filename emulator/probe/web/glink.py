"""Dialogue `glink`: the redirect leads to the profile page and keeps the account.

Not a visit to the page behind the link.
"""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlsplit

from emulator.probe.web import checks
from emulator.probe.web.context import Steps, WebContext
from emulator.probe.web.requests import account, request


def dialogue(context: WebContext) -> Steps:
    """One request."""
    name = account(context)
    response = yield request(context, "GET", f"/5meen_us/106?passport={quote(name, safe='')}&Plcid=0409")
    checks.status(response, 302, "link")
    location = response.header("Location")
    parts = urlsplit(location)
    checks.that(parts.netloc == "spaces.live.com", f"the link leads to {location!r}", response)
    checks.that(parse_qs(parts.query).get("mem") == [name], f"the account is lost in {location!r}", response)
    return {"location": location}
