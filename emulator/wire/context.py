"""What a talk may know of its surroundings: addresses, time, randomness. Everything is handed in, nothing looked up."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from emulator.wire.receipt import Endpoint


def nowhere(data: bytes) -> None:
    """Where pushed bytes go when nobody takes them (tests, datagrams)."""


def nobody() -> None:
    """Who hangs up when there is no connection."""


def always() -> bool:
    """Whether a connection is still there that nobody can lose."""
    return True


class ServerContext(msgspec.Struct, frozen=True, kw_only=True):
    """Surroundings of one conversation at the far end.

    `observed`: where the peer's packets came from. `local`: the address they were sent to. `second`: the address of
    the other echo server, as seen from `local`. `relay`: where relayed media live (UDP). `relay_key`: key from which
    relay passwords are derived at both ends. `entropy(n)` gives n random bytes, `now()` seconds since the epoch.
    `push` sends bytes that answer nothing (presence of others, say); `hang_up` ends the connection; `alive` says
    whether it is still there, for answers that had to wait.
    """

    observed: Endpoint
    local: Endpoint
    second: Endpoint
    relay: Endpoint
    relay_key: bytes
    entropy: Callable[[int], bytes]
    now: Callable[[], float]
    secure: bool = False  # inside TLS
    push: Callable[[bytes], None] = nowhere
    hang_up: Callable[[], None] = nobody
    alive: Callable[[], bool] = always


class ClientContext(msgspec.Struct, frozen=True, kw_only=True):
    """Surroundings of one conversation at the near end. `tag` is the flow's tag, `host` the name asked for."""

    tag: bytes
    host: str
    local: Endpoint
    remote: Endpoint
    relay_key: bytes
    entropy: Callable[[int], bytes]
    now: Callable[[], float]
    agent: str = ""
