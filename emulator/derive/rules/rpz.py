"""The catalog's names as a response policy zone: a resolver that loads it answers them, and all others as before.

One file for BIND, Unbound, Knot and PowerDNS. Not a zone of a domain: those would hide all other names of that domain.
Source: draft-vixie-dnsop-dns-rpz.
"""

from __future__ import annotations

from collections.abc import Mapping

from emulator.catalog import Catalog
from emulator.derive.zone import Zone

SERIAL = 1
TTL = 60  # seconds; a lab changes its addresses


def policy_zone(catalog: Catalog, addresses: Mapping[str, str]) -> str:
    """Text in the master file format (RFC 1035, 5). Raises KeyError when a host name has no address."""
    zone = Zone(catalog, addresses)
    width = max(len(name) for name in (*catalog.host_names, *catalog.wildcards)) + 4
    lines = [
        "; messenger-lab rules zone: names of the Messenger network, as a response policy zone.",
        '; BIND: response-policy { zone "messenger.rpz"; };  Unbound: rpz: name: messenger.rpz zonefile: FILE',
        f"$TTL {TTL}",
        f"@ SOA localhost. root.localhost. {SERIAL} 3600 600 86400 {TTL}",
        "@ NS localhost.",
    ]
    for name in dict.fromkeys((*catalog.host_names, *catalog.wildcards)):
        lines.append(f"{name:<{width}}A {zone.address(name)}")
        if name in catalog.wildcards:
            lines.append(f"{f'*.{name}':<{width}}A {zone.address(f'any.{name}')}")
    return "\n".join(lines) + "\n"
