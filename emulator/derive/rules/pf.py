"""A rule set for pf (OpenBSD, FreeBSD, macOS), as an anchor of its own. Source: pf.conf(5)."""

from __future__ import annotations

from emulator.derive.rules.ruleset import DIRECTIONS, TRANSPORTS, RuleSet
from emulator.derive.rules.site import WHO, Site, port_list, reasons


def pf(rules: RuleSet, site: Site) -> str:
    """Text for `pfctl -a messenger -f FILE`; `quick`, so that a later block does not undo it.

    What is left is blocked only where `site.inside` says for whom.
    """
    people = "any" if site.inside is None else "$people"
    blocks = not rules.additive and site.inside is not None  # whom else would it block? not the device itself
    lines = [
        f"# messenger-lab rules pf: {rules.title}." + (" Everything else is blocked." if blocks else ""),
        '# In pf.conf, before rules that block: anchor "messenger". Load: pfctl -a messenger -f FILE',
    ]
    if site.inside is not None:
        lines.append(f'people = "{site.inside}"')
    for direction in DIRECTIONS:
        ends = (people, "any") if direction == "outward" else ("any", people)
        for transport in TRANSPORTS:
            openings = rules.of(direction, transport)
            if not openings:
                continue
            lines += [f"# {transport.upper()} {one.ports}, {WHO[direction]}: {reasons(one)}" for one in openings]
            ports = port_list(openings, ":", " ")
            first = " flags S/SA" if transport == "tcp" else ""
            # In where it comes from and out where it leaves: a device between two networks filters at both.
            lines.append(
                f"pass quick inet proto {transport} from {ends[0]} to {ends[1]} port {{ {ports} }}{first} keep state"
            )
    if blocks:
        lines += ["block drop quick inet from $people to any", "block drop quick inet from any to $people"]
    return "\n".join(lines) + "\n"
