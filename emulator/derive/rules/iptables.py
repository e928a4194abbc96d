"""A rule set for iptables, in the format of iptables-restore: a chain of its own, jumped to before everything else.

Source: iptables-extensions(8); `multiport` takes 15 ports, a range counts as two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from emulator.derive.rules.ruleset import DIRECTIONS, TRANSPORTS, Opening, RuleSet
from emulator.derive.rules.site import WHO, Site, port_list, reasons

CHAIN = "MESSENGER"
MOST = 15  # ports of one multiport match


def iptables(rules: RuleSet, site: Site) -> str:
    """Text for `iptables-restore --noflush FILE`; without `additive` it also drops what it does not name."""
    lines = [
        f"# messenger-lab rules iptables: {rules.title}." + ("" if rules.additive else " Everything else is dropped."),
        "# Load: iptables-restore --noflush FILE",
        f"# Remove: iptables -D FORWARD -j {CHAIN}; iptables -F {CHAIN}; iptables -X {CHAIN}",
        "*filter",
        f":{CHAIN} - [0:0]",
        "# Answers to what was let through, and ICMP errors about it.",
        f"-A {CHAIN} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
    ]
    for direction in DIRECTIONS:
        come, leave = site.through(direction)
        side = "-s" if direction == "outward" else "-d"
        ends = "" if site.inside is None else f" {side} {site.inside}"
        for transport in TRANSPORTS:
            for some in _packed(rules.of(direction, transport)):
                lines += [f"# {transport.upper()} {one.ports}, {WHO[direction]}: {reasons(one)}" for one in some]
                match = f"-i {come} -o {leave}{ends} -p {transport} -m multiport --dports {port_list(some, ':')}"
                lines.append(f"-A {CHAIN} {match} -j ACCEPT")
    if not rules.additive:
        lines.append(f"-A {CHAIN} -j DROP")
    lines += [f"-I FORWARD 1 -j {CHAIN}", "COMMIT"]
    return "\n".join(lines) + "\n"


def _packed(openings: Sequence[Opening]) -> Iterator[list[Opening]]:
    some: list[Opening] = []
    for one in openings:
        if sum(_weight(other) for other in (*some, one)) > MOST:
            yield some
            some = []
        some.append(one)
    if some:
        yield some


def _weight(opening: Opening) -> int:
    return 1 if opening.low == opening.high else 2
