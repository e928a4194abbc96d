"""What the account of a probe finds on its first visit: a contact, a status message, a picture, a waiting message.

Only accounts that carry a tag are furnished, each thing once. A cast may have given them contacts before.
"""

from __future__ import annotations

from emulator.wire import oim, roaming
from emulator.wire.addressbook import CONTACT, GROUP
from emulator.wire.webfiles import TILE, media_type
from emulator.world.names import is_volatile
from emulator.world.records import Account
from emulator.world.world import World

TILE_NAME = "emu-tile"
FIRST_DOCUMENT = 205  # number of an account's first picture


def furnish(world: World, account: Account) -> None:
    """Give a probe's account what is missing; nothing for others. Raises WorldError when the world is full."""
    if not is_volatile(account.address):
        return
    contact = world.find(CONTACT)
    if contact is not None and account.book_changed == account.created:
        group = world.books.add_group(account.address, GROUP)
        world.books.add_contact(account.address, contact.address, groups=(group.id,), allow=True)
    if not account.psm_changed:
        world.accounts.set_psm(account.address, roaming.STATUS)
    if account.next_document == FIRST_DOCUMENT:
        world.accounts.set_tile(account.address, TILE, media_type(TILE), name=TILE_NAME)
    if contact is not None and not account.mail_changed:
        _write(world, contact, account)


def _write(world: World, sender: Account, account: Account) -> None:
    """The waiting message; the contact writes to every probe, so its rate does not count."""
    throttle, world.mail.throttle = world.mail.throttle, None
    try:
        content = oim.mime(oim.WAITING)
        world.mail.store(sender.address, account.address, content, run=oim.WAITING.run, number=oim.WAITING.number)
    finally:
        world.mail.throttle = throttle
