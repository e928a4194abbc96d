"""`messenger-lab rules`: what a firewall, proxy or name server has to be told, for all features, some, or a repair."""

from __future__ import annotations

import sys
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from pathlib import Path

import rich_click as click

from emulator.catalog import Catalog, load
from emulator.cli.joining import read_join
from emulator.cli.results import stored
from emulator.cli.terminal import BAD_INPUT, check_writable, clear_errors, complain, named_by_person, stderr
from emulator.derive.rules import FORMATS, NAMES, RuleSet, Site, needed, render, repair
from emulator.derive.shared import shared_addresses

CHAIN = "inet filter forward"  # where Debian's own nftables.conf filters what it forwards


@click.command("rules", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("form", metavar="FORMAT", type=click.Choice(FORMATS))
@click.option("--feature", "features", multiple=True, metavar="ID", help="Only this feature, and sign-in (repeatable).")
@click.option("--run", "record", type=click.Path(path_type=Path), help="Repair what this run (JSON) found blocked.")
@click.option("--inside", metavar="NETWORK", help="Network of the people, such as 192.0.2.0/24 (default: any).")
@click.option(
    "--interfaces", default="inside,outside", show_default=True, metavar="IN,OUT", help="Sides of the device."
)
@click.option("--chain", default=CHAIN, show_default=True, help="nftables: where a repair goes into.")
@click.option("--join", "join_from", metavar="FILE", help="hosts, zone: addresses of this join file.")
@click.option("--address", metavar="IP", help="hosts, zone: one address plays every host.")
@click.option("--no-authentication", is_flag=True, help="squid: the proxy asks nobody for a password.")
@click.option("--output", type=click.Path(path_type=Path), help="File (default: standard output).")
def command(
    form: str,
    features: tuple[str, ...],
    record: Path | None,
    inside: str | None,
    interfaces: str,
    chain: str,
    join_from: str | None,
    address: str | None,
    no_authentication: bool,
    output: Path | None,
) -> None:
    """Print the smallest rule set: nftables, iptables, pf, cisco, netsh, squid, hosts, zone, or a request in words.

    Without `--run` the rules let through what is documented, and nothing else. With it they are put before the rules
    of a device and open only what the run found blocked; what no rule about ports can mend is said beside.

    Exit codes: 0 printed, or nothing to repair · 2 bad input.
    """
    with clear_errors():
        catalog = load()
        check_writable(output)
        site = Site(
            inside=_network(inside),
            interfaces=_two(interfaces),
            chain=_chain(chain),
            addresses=_addresses(catalog, form, join_from, address),
            authenticated=not no_authentication,
        )
        rules = needed(catalog, features) if record is None else _repair(catalog, record, features)
        if rules.additive and form not in NAMES and not _mends(form, rules):
            stderr.print(f"nothing that {form} can repair: no rule is needed", markup=False)
            return
        text = render(form, rules, site, catalog)
        if output is None:
            sys.stdout.write(text)
        else:
            with named_by_person(output):
                output.write_text(text, newline="")


def _repair(catalog: Catalog, path: Path, features: tuple[str, ...]) -> RuleSet:
    rules = repair(catalog, stored(path, catalog), features)
    for one in rules.beyond:
        stderr.print(
            f"no rule about ports mends {one.verdict} ({len(one.flows)} flows, such as {one.flows[0]}): {one.remedy}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    return rules


def _mends(form: str, rules: RuleSet) -> bool:
    if form == "request":
        return bool(rules.openings or rules.beyond)
    return bool(rules.domains if form == "squid" else rules.openings)


def _network(text: str | None) -> IPv4Network | None:
    if text is None:
        return None
    try:
        return IPv4Network(text)
    except ValueError as error:
        complain(f"--inside {text!r}: {error}: write a network such as 192.0.2.0/24", BAD_INPUT)


def _two(text: str) -> tuple[str, str]:
    first, _, second = text.partition(",")
    if not all(name.strip() and not set(name) & set("\"' \t\n") for name in (first, second)):
        complain(f"--interfaces {text!r}: give two names, inside first: eth1,eth0", BAD_INPUT)
    return first, second


def _chain(text: str) -> tuple[str, str, str]:
    words = text.split()
    if len(words) != 3 or words[0] not in ("inet", "ip") or not all(word.isidentifier() for word in words[1:]):
        complain(f"--chain {text!r}: give family, table and chain, such as {CHAIN!r}", BAD_INPUT)
    return words[0], words[1], words[2]


def _addresses(catalog: Catalog, form: str, join_from: str | None, address: str | None) -> dict[str, str]:
    if form not in NAMES:
        return {}
    if address is not None:
        try:
            return shared_addresses(catalog, str(IPv4Address(address)), address)
        except AddressValueError:
            complain(f"--address: {address!r} is no IPv4 address: give the emulator's, in dots", BAD_INPUT)
    join = read_join(catalog, join_from)
    if join is None:
        complain(f"{form} needs addresses: give --join FILE, or --address IP that plays every host", BAD_INPUT)
    return join.addresses
