"""Finds the file of a cast and reads it. Not its meaning (`world.cast`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import emulator
from emulator.world.cast import Cast, CastError, load_cast

FOLDER = "scenarios/casts"  # not beside the scenarios: a cast is none
NAME = "default.toml"


def find_cast(spec: str | None = None, *, cwd: Path) -> Cast:
    """The cast in the file `spec`; without one, `scenarios/casts/default.toml` below `cwd`, else the one that ships.

    Raises CastError: no such file, unreadable, or malformed.
    """
    if spec is None:
        path = next((one for one in _places(cwd) if one.is_file()), None)
        if path is None:
            raise CastError(f"{cwd / FOLDER / NAME}: no cast there and none that ships: name a file")
    else:
        path = cwd / spec
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise CastError(f"{path}: {error.strerror}: name another file") from error
    except UnicodeDecodeError as error:
        raise CastError(f"{path}: not UTF-8 at byte {error.start}: save it as UTF-8") from error
    return load_cast(text, path)


def _places(cwd: Path) -> Iterator[Path]:
    yield cwd / FOLDER / NAME
    package = Path(emulator.__file__).parent
    yield package / FOLDER / NAME  # where an installed wheel has it
    yield package.parent / FOLDER / NAME  # where a checkout has it
