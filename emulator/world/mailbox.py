"""Offline messages: handed in, listed, read, deleted.

Not their MIME text (`wire.oim`): it is kept as it was given. Source: http.md 14, 15, 26.
"""

from __future__ import annotations

from collections.abc import Iterable

from emulator.world import limits
from emulator.world.changes import MessageRead, MessagesDeleted, MessageStored
from emulator.world.errors import MailboxFull, NoSuchMessage, Refused, TooFast, TooLong
from emulator.world.ledger import Ledger
from emulator.world.lists import admits
from emulator.world.names import bare_guid, check_text
from emulator.world.records import Message
from emulator.world.throttle import Throttle


class Mailboxes:
    """Operations on offline messages. `throttle` is by sender; None switches it off."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.throttle: Throttle | None = Throttle()

    def store(
        self, sender: str, to: str, content: str, *, nickname: str = "", run: str = "", number: int = 1
    ) -> Message:
        """Keep a message. `content` is the MIME text as given, `run` its X-OIM-Run-Id with braces.

        Raises NoSuchAccount, Refused (blocked), TooFast, MailboxFull (200), TooLong (32 KiB; 48 characters of name).
        """
        author, account = self._ledger.account(sender), self._ledger.account(to)
        size = len(content.replace("\r\n", "\n").replace("\n", "\r\n").encode())
        if size > limits.MESSAGE:
            raise TooLong(f"an offline message of {size} bytes, limit {limits.MESSAGE}")
        check_text(nickname, limits.NICKNAME, "sender's name")
        if not admits(account, author):
            raise Refused(f"{to} takes no messages from {sender}")
        if len(account.messages) >= limits.MESSAGES:
            raise MailboxFull(f"{limits.MESSAGES} messages wait for {to}")
        wait = self.throttle.take(author.key, self._ledger.now()) if self.throttle else 0.0
        if wait:
            raise TooFast(f"{sender} sends too fast", wait)
        change = MessageStored(
            account=account.key,
            at=self._ledger.stamp(account),
            id=self._ledger.guid(),
            sender=author.address,
            nickname=nickname or author.name[: limits.NICKNAME],
            content=content,
            run=run,
            number=number,
            size=size,
        )
        self._ledger.commit(change)
        return account.messages[change.id]

    def messages(self, address: str) -> tuple[Message, ...]:
        """All messages, oldest first."""
        return tuple(self._ledger.account(address).messages.values())

    def message(self, address: str, message: str) -> Message:
        """By id, in any spelling of the GUID. Raises NoSuchMessage."""
        found = self._ledger.account(address).messages.get(bare_guid(message))
        if found is None:
            raise NoSuchMessage(f"no message {message[:60]!r}")
        return found

    def mark_read(self, address: str, message: str) -> Message:
        """Raises NoSuchMessage."""
        account, before = self._ledger.account(address), self.message(address, message)
        if not before.read:
            self._ledger.commit(MessageRead(account=account.key, at=self._ledger.stamp(account), id=before.id))
        return account.messages[before.id]

    def delete(self, address: str, messages: Iterable[str]) -> None:
        """All of them or, with NoSuchMessage, none."""
        account = self._ledger.account(address)
        ids = tuple(dict.fromkeys(self.message(address, one).id for one in messages))
        if ids:
            self._ledger.commit(MessagesDeleted(account=account.key, at=self._ledger.stamp(account), ids=ids))
