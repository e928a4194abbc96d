"""A rule set for Cisco IOS: two named extended lists with reflexive entries, so that answers pass and nothing else.

Source: Cisco IOS Security Configuration Guide, IP session filtering (reflexive access lists).
"""

from __future__ import annotations

from emulator.derive.rules.ruleset import TRANSPORTS, Opening, RuleSet
from emulator.derive.rules.site import WHO, Site, reasons
from emulator.judge.flow import Direction

LISTS: dict[Direction, str] = {"outward": "MESSENGER-OUT", "inward": "MESSENGER-IN"}
STATES: dict[Direction, str] = {"outward": "MESSENGER-ASKED", "inward": "MESSENGER-CALLED"}
IDLE = 300  # seconds a reflexive entry lives without traffic, IOS's own default


def cisco(rules: RuleSet, site: Site) -> str:
    """Text for the configuration mode of IOS. `any` stands for the people where no network is given."""
    lines = [
        f"! messenger-lab rules cisco: {rules.title}. A list ends with an implicit deny.",
        f"! On the inside interface: ip access-group {LISTS['outward']} in",
        f"! On the outside interface: ip access-group {LISTS['inward']} in",
    ]
    if rules.additive:
        lines.append("! Repairs a device that has lists already: put these lines before what denies in yours.")
    others: dict[Direction, Direction] = {"outward": "inward", "inward": "outward"}
    for direction, other in others.items():
        lines.append(f"ip access-list extended {LISTS[direction]}")
        for transport in TRANSPORTS:
            for one in rules.of(direction, transport):
                lines.append(f" remark {_clean(f'{one.ports} {WHO[direction]}: {reasons(one, 3)}')}")
                lines.append(f" permit {transport} {_ends(direction, site)} {_ports(one)} reflect {STATES[direction]}")
        lines += [" remark answers to what the other side opened", f" evaluate {STATES[other]}", "!"]
    lines.append(f"ip reflexive-list timeout {IDLE}")
    return "\n".join(lines) + "\n"


def _ends(direction: Direction, site: Site) -> str:
    people = "any" if site.inside is None else f"{site.inside.network_address} {site.inside.hostmask}"
    return f"{people} any" if direction == "outward" else f"any {people}"


def _ports(opening: Opening) -> str:
    return f"eq {opening.low}" if opening.low == opening.high else f"range {opening.low} {opening.high}"


def _clean(remark: str) -> str:
    return remark[:100]  # IOS cuts remarks there
