"""The catalog's names as a DNS zone: which name has which address, and which exist without one.

Not a name server: it knows no messages. Wildcards match at any depth, as the documented `*.` rows mean it; this is
wider than RFC 4592, where a name between two others would end the match.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from emulator.catalog.model import Catalog
from emulator.derive.names import fold


class Zone:
    """Names and IPv4 addresses of one emulator.

    `addresses` maps host names to dotted addresses; keys without a dot (`peer`, `second`) are places, not names, and
    are left out. Raises KeyError when a host name of the catalog has no address.
    """

    def __init__(self, catalog: Catalog, addresses: Mapping[str, str]) -> None:
        given = {fold(name): address for name, address in addresses.items()}
        self._hosts = {name: given[name] for name in catalog.host_names}
        self._wildcards = dict(_wildcards(catalog, self._hosts))
        self._between = {parent for name in (*self._hosts, *self._wildcards) for parent in ancestors(name)}

    def address(self, name: str) -> str | None:
        """IPv4 address of a name, or None when no such host exists.

        Below a wildcard the closest known host at or above the name decides, then the wildcard's own host.
        """
        name = fold(name)
        if name in self._hosts:
            return self._hosts[name]
        closest = None
        for parent in (name, *ancestors(name)):
            closest = closest or self._hosts.get(parent)
            if parent in self._wildcards:
                return closest or self._wildcards[parent]
        return None

    def exists(self, name: str) -> bool:
        """True for a host and for a name with hosts below it (`msn.com`), which exists without data (RFC 8020)."""
        return self.address(name) is not None or fold(name) in self._between

    def apex(self, name: str) -> str:
        """Owner of the SOA record that answers for `name`: the registered domain, its last two labels."""
        return ".".join(fold(name).split(".")[-2:])


def ancestors(name: str) -> Iterator[str]:
    """All parents of a name, the closest first; the root is not among them."""
    while "." in name:
        name = name.partition(".")[2]
        yield name


def _wildcards(catalog: Catalog, hosts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for endpoint in catalog.endpoints:
        if endpoint.pattern.startswith("*."):
            parent = endpoint.pattern[2:]
            yield parent, hosts.get(parent) or hosts[fold(endpoint.host)]
