"""Dialogue `login-http`: the login page moves to TLS with its query, and a ticket is issued in clear (emulated).

Not a browser: nothing is followed.
"""

from __future__ import annotations

from urllib.parse import quote

from emulator.probe.web import checks, rst
from emulator.probe.web.context import Steps, WebContext
from emulator.probe.web.requests import RST_AGENT, account, request


def dialogue(context: WebContext) -> Steps:
    """Two requests."""
    path = f"/login.srf?wa=wsignin1.0&username={quote(account(context), safe='')}"
    response = yield request(context, "GET", path, agent=RST_AGENT)
    checks.status(response, 302, "login.srf")
    location, wanted = response.header("Location"), f"https://{context.host}{path}"
    checks.that(location == wanted, f"login.srf leads to {location!r} instead of {wanted!r}", response)
    facts = yield from rst.right_password(context)
    return {"location": location, **facts}
