"""What of a request may stand in a receipt, a log or a report: no password, no ticket, no cookie of a person.

The probe's own tags stay, because receipts are joined by them.
"""

from __future__ import annotations

import re

from emulator.wire import tags

SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "authentication-info"})
HIDDEN = "(hidden)"

_SECRET_PARAMETERS = re.compile(r"(?<=[?&])(t|p|token|pwd|passwd|password|ticket)=([^&]*)", re.IGNORECASE)


def presentable_headers(headers: tuple[tuple[str, str], ...]) -> list[list[str]]:
    """Headers in order, values of those that carry credentials hidden."""
    return [[name, HIDDEN if name.lower() in SECRET_HEADERS else value] for name, value in headers]


def presentable_target(target: str) -> str:
    """A request target, values of ticket and password parameters hidden unless they are the probe's own tag."""
    return _SECRET_PARAMETERS.sub(_hide, target)


def _hide(found: re.Match[str]) -> str:
    return found[0] if tags.from_ticket(found[2]) else f"{found[1]}={HIDDEN}"
