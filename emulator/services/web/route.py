"""A route: which host, method and path a handler answers.

Not the choice among routes (`site`).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from emulator.services.web.scene import Scene
from emulator.wire.http import Answered, Request

Handler = Callable[[Request, Scene], Answered]


class Route(msgspec.Struct, frozen=True):
    """`host` is a name, or `*.name` for everything below it at any depth. `path` is compared in lower case; a
    trailing `*` stands for any rest."""

    host: str
    method: str
    path: str
    handle: Handler

    def covers(self, host: str, path: str) -> bool:
        """Does this route answer for that host and path (both in lower case), whatever the method?"""
        there = host.endswith(self.host[1:]) if self.host.startswith("*.") else host == self.host
        return there and (path.startswith(self.path[:-1]) if self.path.endswith("*") else path == self.path)

    @property
    def rank(self) -> tuple[bool, int, bool, int]:
        """Sorts the most specific host first, then the most specific path."""
        return self.host.startswith("*."), -len(self.host), self.path.endswith("*"), -len(self.path)


def on(hosts: tuple[str, ...], method: str, path: str, handle: Handler) -> tuple[Route, ...]:
    """The same route on several hosts."""
    return tuple(Route(host, method, path.lower(), handle) for host in hosts)
