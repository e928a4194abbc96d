"""What kind of network stands between, on the terminal: Messenger's word, then those of the RFCs. Not the evidence."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from emulator.judge.record import PassRecord


def show_network(record: PassRecord, console: Console) -> None:
    """One pass: a line in Messenger's words, and one in the words of RFC 3489 and RFC 5780 where STUN was answered."""
    network = record.network
    if network is None:
        return
    console.print()
    console.print(Text.assemble(("Network as Messenger names it: ", "bold"), network.messenger, f", {network.because}"))
    said = [f"TCP {network.tcp} (emulated)"] if network.tcp else []
    said += [f"seen from {network.external}"] if network.external else []
    if network.classic != "unknown":
        said.append(f"RFC 3489: {network.classic}")
        said.append(f"RFC 5780: mapping {network.mapping}, filtering {network.filtering}{network.manners}")
    for line in said:
        console.print(Padding(Text(line, "dim"), (0, 0, 0, 2)))


def show_networks(records: Iterable[PassRecord], console: Console) -> None:
    """Several passes: one line each."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column()
    known = [record for record in records if record.network is not None]
    for record in known:
        assert record.network is not None
        classic = "" if record.network.classic == "unknown" else record.network.classic
        table.add_row(record.id, record.network.messenger, classic)
    if known:
        console.print()
        console.print(Text("Network as Messenger, and as RFC 3489, names it", "bold"))
        console.print(Padding(table, (0, 0, 0, 2)))
