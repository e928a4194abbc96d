"""The world behind the services: accounts, address books, presence, switchboards, offline messages, tickets.

Plain state without I/O; clock and randomness are handed in. Not protocols, and not the file it is kept in (`store`).
"""

from emulator.world.cast import Cast, CastError, load_cast
from emulator.world.changes import Change
from emulator.world.errors import WorldError
from emulator.world.records import Account, Contact, Group, Member, Message
from emulator.world.state import Snapshot
from emulator.world.world import World

__all__ = [
    "Account",
    "Cast",
    "CastError",
    "Change",
    "Contact",
    "Group",
    "Member",
    "Message",
    "Snapshot",
    "World",
    "WorldError",
    "load_cast",
]
