"""Contacts that live in the emulator, so that one person alone has somebody to talk to. Clients like any other.

Not a second service: they sign in through the same conversations as everybody, over streams in memory.
"""

from emulator.services.contacts.living import Living, move_in

__all__ = ["Living", "move_in"]
