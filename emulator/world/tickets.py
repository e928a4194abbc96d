"""Tickets and their secrets: issued after a sign-in, shown to every other service.

Volatile: after a restart they are unknown and clients ask for new ones. Not their XML. Source: http.md 1.5, 2.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection

import msgspec

from emulator.wire import passport, tags
from emulator.world import limits
from emulator.world.errors import BadTicket
from emulator.world.ledger import Ledger
from emulator.world.names import fold, is_volatile
from emulator.world.records import Account

SECRET = 24  # bytes
CLEAR_SITE = "messengerclear.live.com"  # the one whose secret answers the notification server's nonce


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket. `text` is the whole `t=…&p=`; `secret` is b"" when none is known; times are seconds."""

    text: str
    address: str
    site: str
    secret: bytes
    issued: float
    expires: float

    @property
    def secret_base64(self) -> str:
        return b64encode(self.secret).decode()


class Tickets:
    """Tickets by the part between `t=` and `&`. At most 50,000 live; the oldest goes first."""

    def __init__(self, ledger: Ledger, *, open_accounts: bool) -> None:
        self._ledger = ledger
        self._open = open_accounts
        self._tickets: dict[str, Ticket] = {}

    def issue(self, address: str, site: str) -> Ticket:
        """A ticket for a site, good for 24 hours. Raises NoSuchAccount.

        A probe's account gets the probe's own ticket, the same for all sites, so that its tag rides on in SOAP calls;
        its secret is the one of the last ticket for messengerclear.
        """
        account, now = self._ledger.account(address), self._ledger.now()
        own = passport.tags_of(account.address) if is_volatile(account.address) else ""
        random = b64encode(b"\x13" + self._ledger.entropy(32)).decode().rstrip("=")
        text = tags.ticket(bytes.fromhex(own)) if own else f"t={random}&p="
        value = passport.value_of(text)
        before = self._tickets.pop(value, None)
        secret = self._ledger.entropy(SECRET)
        if before is not None and site != CLEAR_SITE:
            secret, site = before.secret, before.site
        ticket = Ticket(
            text=text,
            address=account.address,
            site=site,
            secret=secret,
            issued=now,
            expires=now + limits.TICKET_LIFETIME,
        )
        self._tickets[value] = ticket
        while len(self._tickets) > limits.TICKETS:
            del self._tickets[next(iter(self._tickets))]
        return ticket

    def verify(self, text: str) -> Ticket:
        """The ticket behind `t=…&p=` (or the bare value), whatever its site: storage takes that of contacts too.

        With open accounts a probe's own ticket is good without having been issued. Raises BadTicket.
        """
        value, now = passport.value_of(text), self._ledger.now()
        found = self._tickets.get(value)
        if found is not None and now < found.expires:
            return found
        self._tickets.pop(value, None)
        tag = tags.from_ticket(text)
        if not (tag and self._open):
            raise BadTicket("unknown or expired ticket")
        account = self._ledger.account(tags.account(bytes.fromhex(tag)))
        expires = now + limits.TICKET_LIFETIME
        return Ticket(text=text, address=account.address, site="", secret=b"", issued=now, expires=expires)

    def owner(self, text: str) -> Account:
        """The account that a ticket belongs to. Raises BadTicket, also when the account is gone."""
        account = self._ledger.find(self.verify(text).address)
        if account is None:
            raise BadTicket("the account of this ticket is gone")
        return account

    def revoke(self, addresses: Collection[str]) -> None:
        """Forget all tickets of these accounts; looks at every ticket."""
        keys = {fold(one) for one in addresses}
        self._tickets = {value: one for value, one in self._tickets.items() if fold(one.address) not in keys}
