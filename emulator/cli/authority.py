"""The certificates that a command works with: found, or made when there are none yet."""

from __future__ import annotations

import os
from pathlib import Path

from emulator.catalog import Catalog
from emulator.cli.terminal import now
from emulator.pki import Authority, locate
from emulator.pki.store import Store


def open_or_create(certs: Path | None, catalog: Catalog) -> Authority:
    """The authority in `--certs`, `./certs` of a checkout, or the user data directory. Raises CertificateError."""
    directory = locate(certs, Path.cwd(), os.environ)
    if not Store(directory).root.exists() and not Store(directory).key.exists():
        return Authority.create(directory, catalog, now())
    return Authority.open(directory, catalog, now())
