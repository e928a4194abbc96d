"""What a web dialogue may know, and how it says that the far end is not ours.

Not a transport: whoever drives the dialogue owns connection, proxy tunnel and TLS.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import msgspec

from emulator.wire.errors import WireError
from emulator.wire.http import Request, Response


class WebContext(msgspec.Struct, frozen=True, kw_only=True):
    """Surroundings of one dialogue.

    `tag` (16 bytes) rides in every request. `host` and `port` are asked for, `secure` says that the link is TLS.
    `now()` is seconds since the epoch, `entropy(n)` n random bytes, `root_pem` the lab's root. `agent` is the
    User-Agent, "" means the exchange's own. `via_proxy`: a proxy takes the requests as they are (clear HTTP), with
    `proxy_authorization` ("" or `Basic …`).
    """

    tag: bytes
    host: str
    port: int
    secure: bool
    now: Callable[[], float]
    entropy: Callable[[int], bytes]
    root_pem: bytes
    agent: str = ""
    via_proxy: bool = False
    proxy_authorization: str = ""


class Differs(WireError):
    """A well-formed answer that is not what our far end says. `status` is the answer's, 0 when it is not the point."""

    def __init__(self, reason: str, *, status: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


Facts = dict[str, object]
Steps = Generator[Request, Response, Facts]
Dialogue = Callable[[WebContext], Steps]
