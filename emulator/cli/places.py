"""What a person says of addresses on `serve`'s command line: hosts, networks, a name server. Read and checked only."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Network, summarize_address_range
from pathlib import Path

import msgspec

from emulator.catalog import Catalog
from emulator.cli.terminal import BAD_INPUT, complain, named_by_person
from emulator.derive.shared import pooled_addresses, shared_addresses
from emulator.wire.receipt import Endpoint

POOL_LIMIT = 1024  # addresses


def hosts(
    catalog: Catalog, address: str | None, second: str | None, pool: str | None, file: Path | None
) -> dict[str, str]:
    """Address of every host, `peer` and `second`, from a file, a pool, or one or two addresses. Raises BadInput."""
    if sum(given is not None for given in (address, pool, file)) > 1:
        complain("--address, --addresses and --pool each say where all hosts are: give one of them", BAD_INPUT)
    if file is not None:
        return _listed(catalog, file)
    if second:
        check_address("--second", second)
    if pool is not None:
        members = _pool(pool)
        return pooled_addresses(catalog, members, second or "")
    if address is None:
        complain("serve needs --address (one plays every host), --pool (several) or --addresses (a file)", BAD_INPUT)
    check_address("--address", address)
    return shared_addresses(catalog, address, second or address)


def check_address(what: str, text: str) -> None:
    """Raises BadInput for what is no IPv4 address."""
    try:
        IPv4Address(text)
    except AddressValueError:
        complain(f"{what}: {text!r} is no IPv4 address: give one of this machine's, in dots", BAD_INPUT)


def network(what: str, text: str) -> IPv4Network:
    """Raises BadInput for what is no IPv4 network."""
    try:
        return IPv4Network(text)
    except ValueError as error:
        complain(f"{what} {text!r}: {error}: write a network such as 192.0.2.0/24", BAD_INPUT)


def server(what: str, text: str) -> Endpoint:
    """`IP` or `IP:PORT` of a name server. Raises BadInput."""
    address, _, port = text.partition(":")
    try:
        number = int(port or 53)
        if not 1 <= number <= 65535:
            raise ValueError
        return Endpoint(str(IPv4Address(address)), number)
    except ValueError:
        complain(
            f"{what} {text!r}: write the address of a name server, such as 192.0.2.53 or 192.0.2.53:5353", BAD_INPUT
        )


def _pool(text: str) -> list[str]:
    first, dash, last = text.partition("-")
    try:
        ends = (IPv4Address(first), IPv4Address(last)) if dash else ()
        blocks = list(summarize_address_range(*ends)) if ends else [IPv4Network(text)]
    except (ValueError, TypeError) as error:
        complain(f"--pool {text!r}: {error}: write 198.51.100.16/28 or 198.51.100.16-198.51.100.31", BAD_INPUT)
    if sum(block.num_addresses for block in blocks) > POOL_LIMIT:
        complain(f"--pool {text!r}: more than {POOL_LIMIT} addresses: give fewer", BAD_INPUT)
    return [str(address) for block in blocks for address in (block if dash else block.hosts())]


def _listed(catalog: Catalog, file: Path) -> dict[str, str]:
    try:
        with named_by_person(file):
            found = msgspec.toml.decode(file.read_bytes(), type=dict[str, str])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        complain(f'{file}: {error}: write one `"host" = "address"` per line', BAD_INPUT)
    missing = [name for name in (*catalog.host_names, "peer", "second") if name not in found]
    if missing:
        complain(f"{file}: no address for {', '.join(missing[:5])}: add a line for each", BAD_INPUT)
    for name, given in found.items():
        check_address(f"{file}: {name}", given)
    return found
