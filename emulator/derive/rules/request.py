"""A page in plain words for the people who run the firewall: what to open, why, and what stays shut."""

from __future__ import annotations

from emulator.catalog import Catalog
from emulator.derive.rules.ruleset import DIRECTIONS, TRANSPORTS, RuleSet
from emulator.derive.rules.site import Site, reasons

HEADINGS = {
    "outward": ("From our people to the Internet", "Answers to these must come back (a stateful rule does that)."),
    "inward": (
        "From the Internet to our people",
        "In a call or a file transfer either side may listen. Without these, it fails with contacts who cannot.",
    ),
}


def request(rules: RuleSet, site: Site, catalog: Catalog) -> str:
    """The page in Markdown, at most about sixty lines, readable as plain text."""
    lines = ["# Please open these ports for Windows Live Messenger", "", f"What for: {_titles(rules, catalog)}.", ""]
    if site.inside is not None:
        lines += [f"Our people are in {site.inside}.", ""]
    lines += _found(rules, catalog)
    for direction in DIRECTIONS:
        openings = [one for transport in TRANSPORTS for one in rules.of(direction, transport)]
        if not openings:
            continue
        heading, words = HEADINGS[direction]
        lines += [f"## {heading}", "", words, "", "| protocol | ports | needed by |", "| --- | --- | --- |"]
        lines += [f"| {one.transport.upper()} | {one.ports} | {reasons(one, 12)} |" for one in openings]
        lines.append("")
    if rules.domains:
        lines += ["## Names for a web proxy or a filter", ""]
        lines += ["Port 80 as it is; 443 and 1863 as tunnels (CONNECT); no TLS inspection:", ""]
        lines += [", ".join(f"`{name}`" for name in rules.domains), ""]
        lines += [f"If the proxy asks for a password, it must also ask the program `{rules.agent}`.", ""]
    if rules.beyond:
        lines += ["## What no port rule mends", ""]
        lines += [f"* {one.verdict}: {one.remedy} ({len(one.flows)} flows, {one.flows[0]})" for one in rules.beyond]
        lines.append("")
    lines += ["Nothing else is asked for: all other ports can stay as they are."]
    lines += ["To check it afterwards: `messenger-lab run documented-ports`."]
    return "\n".join(lines) + "\n"


def _titles(rules: RuleSet, catalog: Catalog) -> str:
    rows = {row for one in rules.openings for row in one.rows}
    names = [feature.name.en for feature in catalog.features if feature.id in rows]
    return "; ".join(names) or rules.title


def _found(rules: RuleSet, catalog: Catalog) -> list[str]:
    if not rules.missing:
        return []
    found = [f"* {catalog.feature_by_id[feature].name.en}: {words}" for feature, words in dict(rules.missing).items()]
    return ["What a test found today:", "", *found, ""]
