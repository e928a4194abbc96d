"""Where a web request carries its flow's tag when the body does not: cookies, conditions, values of the query.

Not the fields inside SOAP and SQM bodies: those services read them themselves. Source: design, tag table.
"""

from __future__ import annotations

from emulator.wire import passport, tags
from emulator.wire.http import Request

ACCOUNTS = ("passport", "mem", "username")  # query values that hold an account: link tracker, profile page, sign-in
SEPARATORS = str.maketrans("?", "&")  # the advertisement host separates its values by question marks


def in_request(request: Request) -> str:
    """Hex tag in a header or in the query, or ""."""
    candidates = (
        tags.from_hex(request.cookie("MUID")),
        tags.from_hex(request.header("If-None-Match").partition(",")[0]),
        tags.from_ticket(request.parameter("t")),
        *(passport.tags_of(request.parameter(name)) for name in ACCOUNTS),
        tags.from_ticket(passport.presented_ticket(request.header("Authorization"))),
        _claimed(request),
        tags.from_ticket(request.cookie("MSPAuth")),
        tags.from_ticket(request.cookie("RPSTAuth")),
        tags.from_hex(question_value(request.query, "ID")),
    )
    return next((tag for tag in candidates if tag), "")


def question_value(query: str, name: str) -> str:
    """Value of a name in a query that separates by `?` as well as by `&`."""
    for pair in query.translate(SEPARATORS).split("&"):
        key, _, value = pair.partition("=")
        if key.lower() == name.lower():
            return value
    return ""


def _claimed(request: Request) -> str:
    claim = passport.claim(request.header("Authorization"))
    return "" if claim is None else passport.tags_of(claim.account)
