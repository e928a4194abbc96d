"""Rule sets for firewalls, proxies and name servers, derived from the catalog or from what a run found broken.

`needed` and `repair` say what must pass; `render` writes it in the language of a device.
"""

from __future__ import annotations

from collections.abc import Callable

from emulator.catalog import Catalog
from emulator.derive.hosts import hosts_file
from emulator.derive.rules.cisco import cisco
from emulator.derive.rules.iptables import iptables
from emulator.derive.rules.netsh import netsh
from emulator.derive.rules.nft import nftables
from emulator.derive.rules.pf import pf
from emulator.derive.rules.repair import repair
from emulator.derive.rules.request import request
from emulator.derive.rules.rpz import policy_zone
from emulator.derive.rules.ruleset import RuleSet, needed
from emulator.derive.rules.site import Site
from emulator.derive.rules.squid import squid

__all__ = ["FORMATS", "NAMES", "RuleSet", "Site", "needed", "render", "repair"]

DEVICES: dict[str, Callable[[RuleSet, Site], str]] = {
    "nftables": nftables,
    "iptables": iptables,
    "pf": pf,
    "cisco": cisco,
    "netsh": netsh,
    "squid": squid,
}
NAMES = ("hosts", "zone")  # need addresses, and no ports
FORMATS = (*DEVICES, *NAMES, "request")


def render(form: str, rules: RuleSet, site: Site, catalog: Catalog) -> str:
    """A rule set in one of FORMATS. `hosts` and `zone` need `site.addresses`, else KeyError."""
    if form == "hosts":
        return hosts_file(catalog, site.addresses)
    if form == "zone":
        return policy_zone(catalog, site.addresses)
    if form == "request":
        return request(rules, site, catalog)
    return DEVICES[form](rules, site)
