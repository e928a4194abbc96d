"""Exchange `crl`: the lab's revocation list under the historical paths, with conditions.

Signed by the lab's root, nobody else's list. Source: http.md 10, RFC 5280.
"""

from __future__ import annotations

import hashlib
import re

from cryptography import x509

from emulator.services.web import answers, pages
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire import webfiles
from emulator.wire.http import Answered, Headers, Request, Response
from emulator.wire.webfiles import CRL_ALIASES, CRL_FOLDER, CRL_NAME

KIND = "application/pkix-crl"
MAX_AGE = 900  # seconds


def revoked(request: Request, scene: Scene) -> Answered:
    """The list as DER; `Last-Modified` is its thisUpdate.

    It may be signed anew for every request, so its bytes are no entity tag. A copy is current while it is younger than
    its max-age and nothing was revoked since.
    """
    if request.path.removeprefix(CRL_FOLDER) not in (CRL_NAME, *CRL_ALIASES):
        return pages.unknown(request)
    der = scene.crl()
    crl = x509.load_der_x509_crl(der)
    state = hashlib.sha1(repr(sorted(one.serial_number for one in crl)).encode()).hexdigest()
    latest = max((one.revocation_date_utc.timestamp() for one in crl), default=0.0)
    updated = crl.last_update_utc.timestamp()
    held = _held(request, state, latest)
    if held is not None and 0 <= updated - held < MAX_AGE:
        return answers.answered(Response(304, _headers(state, held)))
    return answers.answered(Response(200, (("Content-Type", KIND), *_headers(state, updated)), der))


def _held(request: Request, state: str, latest: float) -> float | None:
    """When the client's copy was made (seconds since the epoch); None when it has none or revocations were added."""
    condition = request.header("If-None-Match")
    if condition:
        match = re.search(rf'"{state}-(\d{{1,12}})"', condition, re.ASCII)
        return float(match.group(1)) if match else None
    since = webfiles.from_http_date(request.header("If-Modified-Since"))
    return since if since is not None and since >= int(latest) else None


def _headers(state: str, updated: float) -> Headers:
    return (
        ("Last-Modified", webfiles.http_date(updated)),
        ("ETag", f'"{state}-{int(updated)}"'),
        ("Cache-Control", f"max-age={MAX_AGE}"),
    )


ROUTES = on(("crl.microsoft.com",), "GET", CRL_FOLDER + "*", revoked)
