"""Dialogue `ads`: a text advertisement that leads to the link tracker, and the click that moves on.

Not a visit to what is advertised.
"""

from __future__ import annotations

from emulator.probe.web import checks
from emulator.probe.web.context import Steps, WebContext
from emulator.probe.web.requests import request
from emulator.wire import adverts


def dialogue(context: WebContext) -> Steps:
    """Two requests; question marks separate the values of this host's queries."""
    identity = f"ID={context.tag.hex().upper()}"
    response = yield request(context, "GET", f"{adverts.PATH}?GetAd?PG=IMUSX1?LANG=EN?{identity}")
    checks.status(response, 200, "text advertisement")
    values = adverts.read(checks.root(response, "text advertisement"))
    checks.that(set(values) == {"adtext", "hiturl", "tab", "ct", "flag"}, f"the values {sorted(values)}", response)
    checks.that(values["hiturl"] == adverts.HIT, f"it leads to {values['hiturl']!r}", response)
    response = yield request(context, "GET", f"{adverts.CLICK_PATH}?Redirect?PG=IMUSX1?{identity}")
    checks.status(response, 302, "click")
    location = response.header("Location")
    checks.that(location == adverts.PAGE, f"the click leads to {location!r}", response)
    return {"adtext": values["adtext"]}
