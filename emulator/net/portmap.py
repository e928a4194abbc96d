"""Which port is bound in place of a public one, where a router or a rule maps the public port to it.

Maps nothing itself. Everything but the socket speaks of the public port.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from emulator.problems import BadInput


class PortMap:
    """`bound` by public port; every other port is bound as itself."""

    def __init__(self, bound: Mapping[int, int] | None = None) -> None:
        self._bound = dict(bound or {})
        self._public = {port: public for public, port in self._bound.items()}

    def bound(self, public: int) -> int:
        """The port to bind for a public one."""
        return self._bound.get(public, public)

    def public(self, bound: int) -> int:
        """The public port of one that is bound."""
        return self._public.get(bound, bound)

    def given_away(self, public: int) -> int:
        """The other public port for which this very port is bound; 0 when it is free."""
        return self._public.get(public, 0) if public not in self._bound else 0


def parse(pairs: Iterable[str], documented: Iterable[int]) -> PortMap:
    """`("80=8080", …)`. Raises BadInput: no two ports, one of them twice, or a documented port given away."""
    bound: dict[int, int] = {}
    for text in pairs:
        public, _, other = text.partition("=")
        if not (_is_port(public) and _is_port(other)):
            raise BadInput(f"--advertise {text!r}: write PUBLIC=BOUND, two ports from 1 to 65535, such as 80=8080")
        if int(public) in bound or int(other) in bound.values():
            raise BadInput(f"--advertise {text!r}: one of its ports was given already: each has one place")
        bound[int(public)] = int(other)
    for public_port, port in bound.items():
        if port != public_port and port not in bound and port in set(documented):
            raise BadInput(f"--advertise {public_port}={port}: {port} is a documented port itself: bind another")
    return PortMap(bound)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535
