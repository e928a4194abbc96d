"""`python -m benchmarks [PART …] [--readme]`: speed, printed beside a peer; never asserted.

Needs root and Linux: for the lab, for ports below 1024 and for pinning to cores; without them it says so. Parts are
chosen by name (see PARTS), all of them without; `--readme` writes the whole table into README.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks import calls, direct, loads, relay, survey
from benchmarks.rows import Row, table, write
from emulator.net.descriptors import raise_limit

PARTS: dict[str, Callable[[], Iterable[Row]]] = {
    "survey": survey.rows,
    "messenger": loads.rows,
    "relay": relay.rows,
    "direct": direct.rows,
    "calls": calls.rows,
}
README = Path(__file__).parent.parent / "README.md"


def main(words: Sequence[str]) -> int:
    """Run the parts that are named; returns an exit code."""
    chosen = [word for word in words if word != "--readme"]
    if not set(chosen) <= set(PARTS):
        print(f"python -m benchmarks [{'] ['.join(PARTS)}] [--readme]", file=sys.stderr)
        return 2
    if chosen and "--readme" in words:
        print("--readme writes the whole table: name no part with it", file=sys.stderr)
        return 2
    if sys.platform != "linux" or os.geteuid() != 0:
        print("the benchmarks need Linux and root: run `sudo make bench`", file=sys.stderr)
        return 3
    raise_limit()  # ten thousand clients
    text = table(row for name, rows in PARTS.items() if name in (chosen or PARTS) for row in rows())
    print(text)
    if "--readme" in words:
        write(text, README)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
