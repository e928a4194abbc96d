"""A lab of one's own: three anonymous namespaces, wired, that vanish with the process that made them.

Not for sharing: a lab that other commands enter is kept by `emulator.lab.keeper`.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from emulator.catalog import Catalog
from emulator.lab.addressing import PLACES, Place, host_addresses, links
from emulator.lab.boxes import Boxes
from emulator.lab.network import build
from emulator.lab.process import end, hold
from emulator.lab.runtime import PrivateDirectory, runtime_directory


class Lab(Boxes):
    """Builds the lab; `close` (or leaving the `with`, or any death of this process) takes it away.

    The firewall forwards everything until `apply`. Build it in a thread that lives as long as the lab (the main
    thread). `runtime`: where private files go, default `runtime_directory`. Who is not root calls
    `namespaces.acquire` first. Raises LabError when the kernel refuses.
    """

    def __init__(self, catalog: Catalog, *, runtime: Path | None = None) -> None:
        addresses = host_addresses(catalog)
        super().__init__({}, addresses, runtime or runtime_directory(os.environ))
        self._holding: dict[Place, subprocess.Popen[bytes]] = {}
        try:
            for place in PLACES:
                self._holding[place] = hold()
            self._holders = {place: process.pid for place, process in self._holding.items()}
            self._private = PrivateDirectory(self._runtime, self._holders.values())
            build(self._holders, links(addresses))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End everything in the lab and the lab itself. May be called twice."""
        try:
            super().close()
        finally:
            for process in self._holding.values():
                end(process, grace=0)
            self._holding.clear()
