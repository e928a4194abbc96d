"""Dialogue `storage`: the profile is the account's, with name, status message and picture.

Not a change of the profile, and the picture is `tile`'s.
"""

from __future__ import annotations

from emulator.probe.web import checks
from emulator.probe.web.context import Steps, WebContext
from emulator.probe.web.requests import NOTE_AGENT, account, soap, ticket
from emulator.wire import passport, roaming, webfiles


def dialogue(context: WebContext) -> Steps:
    """One GetProfile."""
    name = account(context)
    call = roaming.get_profile(ticket(context), passport.numbers(name).cid)
    response = yield soap(context, roaming.PATH, roaming.W10 + "/GetProfile", call, agent=NOTE_AGENT)
    profile = roaming.read_profile(checks.reply(response, "GetProfileResponse"))
    wanted = roaming.Profile(
        roaming.resource(name, 106),
        name.partition("@")[0],
        roaming.STATUS,
        webfiles.TILE_PATH + roaming.resource(name, 205),
    )
    checks.that(profile == wanted, "the profile is another one", response)
    return {"resource": profile.resource}
