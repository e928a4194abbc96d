"""Files that are whole or absent, never half: written beside the target, then renamed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a draft beside `path` and rename it. Raises OSError; the draft is then gone."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        write(draft)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_private(path: Path, data: bytes) -> None:
    """The same for what holds a secret: mode 0600 from the first byte. Raises OSError."""

    def fill(draft: Path) -> None:
        draft.unlink(missing_ok=True)  # of one that was killed
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)

    write_whole(path, fill)
