"""Where the certificates are kept. Not their content."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

DISTRIBUTION = "messenger-lab"


def locate(explicit: Path | None, cwd: Path, environ: Mapping[str, str], *, platform: str = sys.platform) -> Path:
    """Directory of the lab root: `explicit`, else `cwd/certs` in a checkout, else below the user's data directory.

    A checkout is a directory with the project's own pyproject.toml. The directory need not exist.
    Raises ValueError when neither a home directory nor a data directory is known.
    """
    if explicit is not None:
        return explicit
    if _is_checkout(cwd):
        return cwd / "certs"
    return _user_data(environ, platform) / DISTRIBUTION / "certs"


def _is_checkout(directory: Path) -> bool:
    try:
        text = (directory / "pyproject.toml").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return f'name = "{DISTRIBUTION}"' in text


def _user_data(environ: Mapping[str, str], platform: str) -> Path:
    explicit = environ.get("XDG_DATA_HOME", "")
    if Path(explicit).is_absolute():  # the XDG specification says to ignore relative ones
        return Path(explicit)
    if platform == "win32":
        if local := environ.get("LOCALAPPDATA"):
            return Path(local)
        home = environ.get("USERPROFILE", "")
    else:
        home = environ.get("HOME", "")
    if not home:
        raise ValueError("no home directory is known; name a directory with --certs")
    return Path(home) / {"win32": "AppData/Local", "darwin": "Library/Application Support"}.get(
        platform, ".local/share"
    )
