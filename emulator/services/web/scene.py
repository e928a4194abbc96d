"""What a web handler may know besides the request: the world, clock, randomness, observed address, catalog.

Not state of its own, except the relay's table of sessions.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from emulator.catalog.model import Catalog
from emulator.services.web.relay_sessions import RelaySessions
from emulator.wire.receipt import Endpoint
from emulator.world.world import World

__all__ = ["RelaySessions", "Scene"]


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Surroundings of one request.

    `now()` is seconds since the epoch, `entropy(n)` gives n random bytes, `observed` is where the request came from,
    `secure` says that it came inside TLS, `crl()` is the lab's revocation list (DER). `settle()` writes what changed in
    the world and tells whoever must know. `sign_request(request, name)` turns a certificate request (DER) into a
    certificate (DER) for that name, and raises ValueError for one that is none. `mail_list_escaped`: GetMetadata gives
    its document as text, which papyon alone expects (http.md 15).
    """

    now: Callable[[], float]
    entropy: Callable[[int], bytes]
    observed: Endpoint
    secure: bool
    crl: Callable[[], bytes]
    catalog: Catalog
    relay_sessions: RelaySessions
    world: World
    settle: Callable[[], None]
    sign_request: Callable[[bytes, str], bytes]
    mail_list_escaped: bool = False
