"""Writes a bundle: one file with probe, dependencies, scenarios and join data, that Python alone can run.

Not its start: that is `launcher`, which is the first thing in it to run.
"""

from __future__ import annotations

import io
import sys
import sysconfig
import zipfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from emulator import __version__
from emulator.kit import closure, launcher
from emulator.kit.wheels import Files, Piece, Target, fetched, here
from emulator.scenario.model import Scenario

# Before anything that an old Python could not read.
MAIN = b"""import sys

if sys.version_info < (3, 11):
    sys.stderr.write("messenger-lab: Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "\\n")
    sys.exit(3)
from launcher import main

sys.exit(main())
"""
_HERE = f"Python {sys.version_info.major}.{sys.version_info.minor} on {sysconfig.get_platform().replace('-', '_')}"
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same content is the same file


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What goes in. `scenarios`: file and scenario; `chosen`: ids of those that run when none is named.

    `join`: the join file's text, "" for none; `expires`: seconds since the epoch.
    """

    scenarios: Sequence[tuple[Path, Scenario]]
    chosen: Sequence[str]
    join: str = ""
    expires: float = 0.0
    targets: Sequence[Target] = ()
    wheelhouse: Path | None = None


def build(contents: Contents) -> bytes:
    """The file's bytes. Raises CannotRun when wheels cannot be had."""
    ours = here()
    sets = [ours, *(fetched(one, contents.wheelhouse, ours) for one in contents.targets)]
    files = _ours() | _scenarios(contents.scenarios)
    common = {name: piece for name, piece in ours.items() if not piece.tags}
    for piece in common.values():
        files |= {f"lib/{name}": data for name, data in piece.files.items()}
    words = [_HERE, *(f"Python {one.python} on {one.platform}" for one in contents.targets)]
    platforms = []
    for number, pieces in enumerate(sets):
        own = [piece for name, piece in pieces.items() if piece is not common.get(name)]
        for piece in own:
            files |= {f"platforms/{number}/{name}": data for name, data in piece.files.items()}
        platforms.append(_platform(number, own, words[number]))
    manifest: dict[str, Any] = {
        "program": f"messenger-lab {__version__}",
        "digest": _digest(files),
        "chosen": list(contents.chosen),
        "expires": contents.expires,
        "platforms": platforms,
    }
    files["bundle.json"] = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    if contents.join:
        files["join.toml"] = contents.join.encode()
    files["launcher.py"] = Path(launcher.__file__).read_bytes()
    files["__main__.py"] = MAIN
    return _zipped(files)


def _ours() -> Files:
    """The probe side of this package."""
    return {f"lib/emulator/{path.as_posix()}": (closure.PACKAGE / path).read_bytes() for path in closure.needs().files}


def _scenarios(scenarios: Sequence[tuple[Path, Scenario]]) -> Files:
    """Scenario files, and the files that they name, where an installed package has them."""
    found: Files = {}
    for path, scenario in scenarios:
        beside = [scenario.firewall_path, *(scenario.proxy_path(one) for one in scenario.passes)]
        for file in (path, *(one for one in beside if one is not None)):
            found[f"lib/emulator/scenarios/{file.name}"] = file.read_bytes()
    return found


def _platform(number: int, pieces: Sequence[Piece], words: str) -> dict[str, Any]:
    """`needs`: per binary distribution, the tags of which a machine must know one."""
    binary = {piece.name: list(piece.tags) for piece in pieces if piece.tags}
    return {"directory": f"platforms/{number}", "words": words, "needs": binary}


def _digest(files: Files) -> str:
    total = sha256()
    for name in sorted(files):
        total.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    return total.hexdigest()


def _zipped(files: Files) -> bytes:
    packed = io.BytesIO()
    packed.write(b"#!/usr/bin/env python3\n")  # before the archive, which counts its offsets from here
    with zipfile.ZipFile(packed, "w") as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, LONG_AGO), files[name], zipfile.ZIP_DEFLATED)
    return packed.getvalue()
