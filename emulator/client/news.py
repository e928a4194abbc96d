"""What a notification server tells a client: presence, rings, mail, lists, challenges; and waiting for any of it.

Not what the client asks for (`messenger`). Source: protocols/msnp.md 2.7, 2.9, 2.12, 2.15 to 2.20.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from twisted.internet.defer import Deferred, succeed

from emulator.client.commands import Commands
from emulator.client.editions import EDITIONS, dialect
from emulator.client.network import ClientError, StreamEnded
from emulator.client.roster import Synchronisation
from emulator.client.waiting import Waiting
from emulator.wire import challenge, markup
from emulator.wire.errors import WireError
from emulator.wire.msnp import lists as listing
from emulator.wire.msnp import message as mime
from emulator.wire.msnp import reply
from emulator.wire.msnp.lines import Command
from emulator.wire.msnp.message import Message
from emulator.wire.msnp.presence import Shown
from emulator.wire.msnp.reply import Personal, Ring

PROFILE = "text/x-msmsgsprofile"
OFFLINE = "FLN"


class News:
    """Takes every command that answers nothing. Unknown ones are left alone, broken ones end the connection.

    The `on_…` functions may be replaced at any time. Waits fail with StreamEnded when the connection is over.
    """

    def __init__(self, number: int) -> None:
        self._number = number  # of the dialect
        self._commands: Commands | None = None
        self._synchronisation: Synchronisation | None = None
        self._profile: mime.Fields | None = None
        self._profiles: Waiting[mime.Fields] = Waiting()
        self._seen: Waiting[Shown] = Waiting()
        self._told: Waiting[Personal] = Waiting()
        self._rings: Waiting[Ring] = Waiting()
        self._mail: Waiting[Message] = Waiting()
        self._handed: Waiting[tuple[str, int, bytes]] = Waiting()
        self._listed: Waiting[tuple[str, tuple[listing.Item, ...]]] = Waiting()
        self._pongs: Waiting[None] = Waiting()
        self._challenges: Waiting[None] = Waiting()
        self._ping: Any = None
        self.people: dict[str, Shown] = {}  # who is known to be online, by folded address
        self.over: ClientError | None = None
        self.on_ring: Callable[[Ring], None] = lambda ring: None
        self.on_uun: Callable[[str, int, bytes], None] = lambda sender, kind, payload: None
        self.on_presence: Callable[[Shown], None] = lambda shown: None
        self.on_personal: Callable[[Personal], None] = lambda personal: None
        self.on_mail: Callable[[Message], None] = lambda message: None
        self.on_lists: Callable[[str, tuple[listing.Item, ...]], None] = lambda verb, items: None
        self.on_ended: Callable[[ClientError], None] = lambda error: None

    def presence(
        self, address: str, until: Callable[[Shown], bool] = lambda shown: shown.status != OFFLINE
    ) -> Deferred[Shown]:
        """How somebody looks, as soon as `until` is true of it (default: online); what is known already counts."""
        key = address.lower()
        known = self.people.get(key)
        if known is not None and until(known):
            return succeed(known)
        return self._seen.wait(lambda shown: shown.address.lower() == key and until(shown))

    def personal(self, address: str) -> Deferred[Personal]:
        """The next personal message of somebody."""
        key = address.lower()
        return self._told.wait(lambda personal: personal.address.lower() == key)

    def ring(self, caller: str = "") -> Deferred[Ring]:
        """The next call, of anybody or of one caller."""
        return self._rings.wait(lambda ring: not caller or ring.caller.lower() == caller.lower())

    def handed(self, kind: int | None = None) -> Deferred[tuple[str, int, bytes]]:
        """The next UBN of a kind: sender, kind, payload."""
        return self._handed.wait(lambda one: kind is None or one[1] == kind)

    def mail(self, content_type: str = "") -> Deferred[Message]:
        """The next message of the server itself, of one Content-Type or of any: mail that waits or arrived."""
        return self._mail.wait(lambda one: not content_type or one.fields.kind == content_type)

    def listed(self) -> Deferred[tuple[str, tuple[listing.Item, ...]]]:
        """The next time that somebody adds us or takes us off: `ADL` or `RML`, and who."""
        return self._listed.wait()

    def challenged(self) -> Deferred[None]:
        """The next accepted answer to a challenge; the answering itself goes on by itself."""
        return self._challenges.wait()

    # what the server says

    def _handle(self, command: Command) -> None:
        handler = self._HANDLERS.get(command.verb)
        if handler is not None:
            handler(self, command)

    def _message(self, command: Command) -> None:
        found = mime.read(command.payload)
        if found.fields.kind == PROFILE:
            self._profile = found.fields
            self._profiles.tell(found.fields)
            return
        self._mail.tell(found)
        self.on_mail(found)

    def _presence(self, command: Command) -> None:
        shown = reply.presence(dialect(self._number), command)
        key = shown.address.lower()
        if shown.status == OFFLINE:
            self.people.pop(key, None)
        else:
            self.people[key] = shown
        self._seen.tell(shown)
        self.on_presence(shown)

    def _personal(self, command: Command) -> None:
        told = reply.personal(dialect(self._number), command)
        self._told.tell(told)
        self.on_personal(told)

    def _ring(self, command: Command) -> None:
        ring = reply.ring(command)
        self._rings.tell(ring)
        self.on_ring(ring)

    def _ubn(self, command: Command) -> None:
        sender, kind = reply.who(dialect(self._number), command.arg(0)), command.arg(1)
        if not (kind.isascii() and kind.isdigit()):
            raise WireError(f"UBN of kind {kind[:20]!r}")
        self._handed.tell((sender, int(kind), command.payload))
        self.on_uun(sender, int(kind), command.payload)

    def _chl(self, command: Command) -> None:
        product = EDITIONS[self._number].product
        question, key = command.arg(1), challenge.PRODUCTS[product]
        long = dialect(self._number).challenge == "long"
        answer = challenge.answer(question, product, key) if long else challenge.old_answer(question, key)
        self._ask("QRY", product, payload=answer.encode()).addCallbacks(
            lambda _: self._challenges.tell(None), lambda failure: self._challenges.end(failure.value)
        )

    def _lists(self, command: Command) -> None:
        """ADL 0 and RML 0: the only bits are those of the reverse list, which clients never send."""
        root = markup.parse(command.payload)
        items = []
        for domain in root:
            suffix = f"@{domain.get('n', '')}" if domain.tag == "d" else ""
            for one in domain:
                bits = one.get("l", "0")
                items.append(
                    listing.Item(
                        one.get("n", "") + suffix,
                        int(bits) if bits.isascii() and bits.isdigit() and len(bits) < 4 else 0,
                        1,
                        unquote(one.get("f", "")),
                    )
                )
        self._tell_lists(command.verb, tuple(items))

    def _old_lists(self, command: Command) -> None:
        """ADD, ADC and REM with transaction 0: the reverse list of MSNP12 and before."""
        if command.args[:2] != ("0", "RL"):
            return
        words = command.args[2:]
        fields = dict(word.partition("=")[::2] for word in words if word[1:2] == "=")
        plain = [word for word in words if "@" in word and word[1:2] != "="]
        who = fields.get("N", "") or (plain[0] if plain else "")
        name = unquote(fields.get("F", "") or (words[-1] if words and words[-1] != who else ""))
        verb = "RML" if command.verb == "REM" else "ADL"
        self._tell_lists(verb, (listing.Item(who, listing.REVERSE, 1, name),))

    def _tell_lists(self, verb: str, items: tuple[listing.Item, ...]) -> None:
        self._listed.tell((verb, items))
        self.on_lists(verb, items)

    def _synchronise(self, command: Command) -> None:
        if self._synchronisation is not None:
            self._synchronisation.take(command)

    def _pong(self, command: Command) -> None:
        self._pongs.tell(None)

    def _out(self, command: Command) -> None:
        assert self._commands is not None
        why = " ".join(("OUT", *command.args[:2]))
        self._commands.close(StreamEnded(f"the server said {why}"))

    _HANDLERS: dict[str, Callable[[News, Command], None]] = {
        "MSG": _message,
        "ILN": _presence,
        "NLN": _presence,
        "FLN": _presence,
        "UBX": _personal,
        "UBN": _ubn,
        "RNG": _ring,
        "CHL": _chl,
        "ADL": _lists,
        "RML": _lists,
        "ADC": _old_lists,
        "ADD": _old_lists,
        "REM": _old_lists,
        "LST": _synchronise,
        "LSG": _synchronise,
        "GTC": _synchronise,
        "BLP": _synchronise,
        "PRP": _synchronise,
        "QNG": _pong,
        "OUT": _out,
    }

    def _end(self, error: ClientError) -> None:
        if self._commands is None:
            return  # on the way to another server
        self.over = error
        self._stop_ping()
        waits: tuple[Waiting[Any], ...] = (
            self._profiles,
            self._seen,
            self._told,
            self._rings,
            self._mail,
            self._handed,
            self._listed,
            self._pongs,
            self._challenges,
        )
        for wait in waits:
            wait.end(error)
        if self._synchronisation is not None and not self._synchronisation.done.called:
            self._synchronisation.done.errback(error)
        self.on_ended(error)

    def _stop_ping(self) -> None:
        if self._ping is not None and self._ping.active():
            self._ping.cancel()
        self._ping = None

    def _ask(self, verb: str, *args: object, payload: bytes | None = None) -> Deferred[Command]:
        assert self._commands is not None, "sign in first"
        return self._commands.ask(verb, *args, payload=payload)
