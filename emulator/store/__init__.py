"""Where the world is kept between two runs of the emulator: one SQLite file, or memory.

Not the world (`world`), and nothing volatile: presence, tickets and accounts of probes are never written.
"""

from emulator.store.casting import find_cast
from emulator.store.database import Store

__all__ = ["Store", "find_cast"]
