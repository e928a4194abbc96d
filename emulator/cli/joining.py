"""The join data that a person named: a file, standard input, or the environment. For the commands that need it."""

from __future__ import annotations

import os
import sys
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

from emulator.catalog import Catalog
from emulator.cli.terminal import BAD_INPUT, complain, named_by_person, now
from emulator.wire import join as join_file
from emulator.wire.join import Join


def read_join(catalog: Catalog, source: str | None, *, expired: bool = False) -> Join | None:
    """The join data of FILE, `-` (standard input) or MESSENGER_LAB_JOIN; None when nothing is named. Raises BadInput.

    `expired`: take it also when its time is over; the emulator that wrote it may still be there.
    """
    if source is None:
        line = os.environ.get(join_file.VARIABLE)
        if not line:
            return None
        text, name = join_file.from_line(line), join_file.VARIABLE
    elif source == "-":
        text, name = sys.stdin.read(), "standard input"
    else:
        with named_by_person(source):
            text, name = Path(source).read_text("utf-8", "replace"), source
    join = join_file.load(text, now=0.0 if expired else now(), catalog=catalog.digest, source=name)
    _check(join, catalog, name)
    return join


def _check(join: Join, catalog: Catalog, source: str) -> None:
    """What `load` cannot know: that every host has an address, and that keys are keys."""
    for field in ("seed", "relay_key", "token", "pin"):
        try:
            bytes.fromhex(getattr(join, field))
        except ValueError:
            complain(f"{source}: field `{field}` is not hexadecimal: copy the file again from `serve`", BAD_INPUT)
    for host in (*catalog.host_names, "peer", "second"):
        try:
            IPv4Address(join.addresses.get(host, ""))
        except AddressValueError:
            complain(f"{source}: field `addresses`: {host} has no IPv4 address: copy the file again", BAD_INPUT)
