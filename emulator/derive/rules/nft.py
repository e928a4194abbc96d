"""A rule set for nftables: a table of its own that drops the rest, or a chain to jump to before an existing one blocks.

Source: nft(8).
"""

from __future__ import annotations

from emulator.derive.rules.ruleset import DIRECTIONS, TRANSPORTS, RuleSet
from emulator.derive.rules.site import WHO, Site, reasons

NAME = "messenger"


def nftables(rules: RuleSet, site: Site) -> str:
    """Text for `nft -f FILE`. Loaded twice, the additive form leaves a second jump, which nothing reaches."""
    return _added(rules, site) if rules.additive else _alone(rules, site)


def _alone(rules: RuleSet, site: Site) -> str:
    lines = [
        f"# messenger-lab rules nftables: {rules.title}. Everything else is dropped.",
        "# Load: nft -f FILE. Remove: nft delete table inet messenger",
        f"table inet {NAME}",
        f"delete table inet {NAME}",
        f"table inet {NAME} {{",
        "\tchain forward {",
        "\t\ttype filter hook forward priority filter; policy drop;",
        *(f"\t\t{line}" for line in _rules(rules, site)),
        "\t}",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _added(rules: RuleSet, site: Site) -> str:
    family, table, chain = site.chain
    where = f"{family} {table}"
    lines = [
        f"# messenger-lab rules nftables: {rules.title}.",
        f"# Goes before what the chain `{chain}` of the table `{where}` says. Load: nft -f FILE.",
        f"add chain {where} {NAME}",
        f"flush chain {where} {NAME}",
        *(f"add rule {where} {NAME} {line}" if line[:1] != "#" else line for line in _rules(rules, site)),
        f"insert rule {where} {chain} jump {NAME}",
    ]
    return "\n".join(lines) + "\n"


def _rules(rules: RuleSet, site: Site) -> list[str]:
    lines = ["# Answers to what was let through, and ICMP errors about it.", "ct state established,related accept"]
    for direction in DIRECTIONS:
        come, leave = site.through(direction)
        for transport in TRANSPORTS:
            openings = rules.of(direction, transport)
            if not openings:
                continue
            lines += [f"# {transport.upper()} {one.ports}, {WHO[direction]}: {reasons(one)}" for one in openings]
            ends = "" if site.inside is None else f" ip {'s' if direction == 'outward' else 'd'}addr {site.inside}"
            ports = ", ".join(one.ports for one in openings)
            lines.append(f'iifname "{come}" oifname "{leave}"{ends} {transport} dport {{ {ports} }} accept')
    return lines
