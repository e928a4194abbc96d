"""A machine that has nothing but Python: its standard library alone, no checkout, no environment, no variable of ours.

Not a test. The checkout and the environment are covered in a mount namespace that ends with the command.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
COVER = 'for path in $COVERED; do mount -t tmpfs none "$path"; done; cd "$PLACE"; exec env -i "$@"'


def python() -> str:
    """The interpreter below our environment: this one, without what was installed for us."""
    return os.path.realpath(sys.executable)


def bare(place: Path, *arguments: str) -> list[str]:
    """Python with arguments as it is started on such a machine, in `place`, where it has its files too."""
    return [*_machine(place), python(), "-I", "-S", *arguments]


def bare_shell(place: Path, script: str) -> list[str]:
    """A shell script as it is started there."""
    return [*_machine(place), "sh", "-euc", script]


def _machine(place: Path) -> list[str]:
    covered = " ".join(dict.fromkeys((str(Path(sys.prefix)), str(CHECKOUT))))
    argv = ["env", f"COVERED={covered}", f"PLACE={place}", "unshare", "--mount", "sh", "-euc", COVER, "bare"]
    return [*argv, "PATH=/usr/bin:/bin:/usr/sbin:/sbin", f"HOME={place}", f"TMPDIR={place}/tmp", "COLUMNS=200"]
