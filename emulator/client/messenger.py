"""A signed-in client at the notification server: sign-in, presence, lists, switchboard requests, what the server tells.

Not the address book (`book`), not conversations (`board`). Source: protocols/msnp.md 2.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from xml.sax.saxutils import escape

from emulator.client import signin
from emulator.client.account import Credentials
from emulator.client.book import Contacts, Membership, people
from emulator.client.commands import Commands
from emulator.client.editions import dialect
from emulator.client.network import Network, Stream, StreamEnded
from emulator.client.news import News
from emulator.client.roster import Roster, Synchronisation, not_supported, uploads
from emulator.client.signin import Proof, SignedIn
from emulator.wire.errors import WireError
from emulator.wire.msnp import lists as listing
from emulator.wire.msnp import message as mime
from emulator.wire.msnp import presence as looks
from emulator.wire.msnp import reply
from emulator.wire.msnp.switchboard import CAPABILITIES

DISPATCHES = 3  # servers that send us elsewhere
PING = 45.0  # seconds between two PNG where a connection is kept alive

Dial = Callable[[str, int], Awaitable[Stream]]


class Messenger(News):
    """One account on one notification server.

    `dialect` is the number of the MSNP version that is offered first; `machine` a GUID in braces (MSNP16 and later).
    `dial` opens the stream to another server when this one sends us there; without it that is `network.stream`.

    What the server tells is `News`. Whoever waits fails with StreamEnded when the connection is
    over, with Unexpected when the server answers with a number. Time limits are the caller's.
    """

    def __init__(
        self,
        network: Network,
        stream: Stream,
        credentials: Credentials,
        *,
        dialect: int = 15,
        machine: str = "",
        dial: Dial | None = None,
    ) -> None:
        super().__init__(dialect)
        self._network = network
        self._stream = stream
        self._credentials = credentials
        self._machine = machine
        self._dial = dial or network.stream
        self._uploaded = False

    @property
    def address(self) -> str:
        """The account."""
        return self._credentials.address

    # sign-in and leaving

    async def sign_in(self, proof: Proof) -> SignedIn:
        """VER to the profile, redirects to another server followed.

        Raises Unexpected (911: refused), StreamEnded, and what the proof raises.
        """
        for _ in range(DISPATCHES):
            commands = self._commands = Commands(self._stream, self._handle, self._end)
            try:
                agreed = await signin.sign_in(commands, self._network, self.address, self._number, proof, self._machine)
            except signin.Elsewhere as elsewhere:
                self._commands = None
                commands.close()
                self._stream = await self._dial(*reply.endpoint(elsewhere.token))
                continue
            except WireError as error:
                commands.close()
                raise error
            self._number = agreed.number
            fields = mime.Fields(())
            if agreed.number >= 8:
                fields = self._profile if self._profile is not None else await self._profiles.wait()
            return signin.signed_in(fields, agreed)
        raise StreamEnded(f"sent to another server {DISPATCHES} times")

    async def leave(self) -> None:
        """OUT, and close."""
        self._stop_ping()
        if self._commands is not None and self._commands.over is None:
            self._commands.send("OUT")
            self._commands.close(StreamEnded("signed out"))

    # lists

    async def lists(self, *version: str) -> Roster:
        """SYN: contacts and groups of MSNP8 to 12; `version` is what an earlier Roster had."""
        spoken = dialect(self._number)
        if spoken.lists not in ("numbered", "guids"):
            raise not_supported(spoken, "SYN that is read here")
        synchronisation = self._synchronisation = Synchronisation(spoken)
        shown = version or (("0",) if spoken.lists == "numbered" else ("0", "0"))
        try:
            synchronisation.begin(await self._ask("SYN", *shown))
            return await synchronisation.done
        finally:
            self._synchronisation = None

    async def upload(self, items: tuple[listing.Item, ...], *, verb: str = "ADL") -> None:
        """ADL or RML of single people during a session (MSNP13 and later)."""
        await self._ask(verb, payload=listing.write(items))

    async def rename(self, name: str) -> None:
        """One's own friendly name. Raises Unexpected (209: refused)."""
        encoded = looks.encode(name)
        if dialect(self._number).lists in ("each", "numbered"):
            await self._ask("REA", self.address, encoded)
        else:
            await self._ask("PRP", "MFN", encoded)

    # presence

    async def present(
        self,
        status: str = "NLN",
        capabilities: int = CAPABILITIES,
        message: str = "",
        *,
        membership: Membership | None = None,
        contacts: Contacts | None = None,
        picture: str = "",
        extended: int = 0,
    ) -> None:
        """CHG, and what must come before it the first time: privacy, lists, status message.

        `picture` is an encoded MSNObject. From MSNP13 on the first call uploads the people of `membership` and
        `contacts`; without them the account has nobody in this session.
        """
        spoken = dialect(self._number)
        if spoken.lists == "soap" and not self._uploaded:
            self._uploaded = True
            if contacts is not None and contacts.privacy:
                self._command("BLP", contacts.privacy)
            for payload in uploads(people(membership, contacts)):
                await self._ask("ADL", payload=payload)
        if spoken.personal:  # the text itself is what others see, so it comes before CHG
            await self._ask("UUX", payload=self._document(message))
        words = [status]
        if spoken.capable:
            words.append(looks.capabilities(spoken, capabilities, extended))
        if spoken.objects:
            words.append(picture or "0")
        await self._ask("CHG", *words)

    # conversations and messages through this server

    async def transfer(self) -> tuple[str, int, str]:
        """XFR SB: host, port and cookie of a switchboard. Raises Unexpected (913: hidden or not yet present)."""
        answer = await self._ask("XFR", "SB")
        host, port = reply.endpoint(answer.arg(2))
        return host, port, answer.arg(4)

    async def uun(self, address: str, kind: int, payload: bytes) -> None:
        """UUN; returns when the server has accepted it. Raises Unexpected (217: cannot be reached)."""
        await self._ask("UUN", address, kind, payload=payload)

    async def ping(self) -> None:
        """PNG until its QNG. Not over a gateway."""
        wait = self._pongs.wait()
        self._send("PNG")
        await wait

    def keep_alive(self, seconds: float = PING) -> None:
        """Send PNG every so often until the end, as clients on a direct connection do."""
        self._stop_ping()

        def again() -> None:
            self._send("PNG")
            self.keep_alive(seconds)

        if self.over is None:
            self._ping = self._network.call_later(seconds, again)

    # pieces

    def _command(self, verb: str, *args: object) -> None:
        assert self._commands is not None
        self._commands.tell(verb, *args)

    def _send(self, verb: str) -> None:
        if self._commands is not None:
            self._commands.send(verb)

    def _document(self, text: str) -> bytes:
        """The UUX document, with empty elements spelled out as the genuine client does."""
        pieces = [f"<PSM>{escape(text)}</PSM><CurrentMedia></CurrentMedia>"]
        if dialect(self._number).lists == "soap":
            pieces.append(f"<MachineGuid>{self._machine}</MachineGuid>")
        return f"<Data>{''.join(pieces)}</Data>".encode()
