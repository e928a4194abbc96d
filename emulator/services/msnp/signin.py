"""From VER to USR OK: the choice of a dialect, referral by a dispatch server, and proof of who somebody is.

Not the session that follows. Source: protocols/msnp.md 2.1 to 2.3. MSNP2 to 7 are put together from public drafts:
their INF, and the referral without a second address, are emulated.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from emulator.services.msnp import profile
from emulator.services.msnp.house import House
from emulator.services.msnp.person import Person, Row
from emulator.wire import sso
from emulator.wire.context import ServerContext
from emulator.wire.errors import WireError
from emulator.wire.msnp import presence, principals
from emulator.wire.msnp.dialects import Dialect, choose
from emulator.wire.msnp.lines import Command, line
from emulator.world.errors import WorldError
from emulator.world.presence import Place
from emulator.world.records import Account

TWN_PARAMETERS = "ct=1,rver=1,wp=FS_40SEC_0_COMPACT,lc=1,id=1"
SITE = "http://messenger.msn.com/"
REFERRALS = {"plain": (), "current": ("0", "{}"), "domain": ("U", "D")}  # behind the address in XFR NS
CHALLENGES = {"SSO": ("MBI_KEY_OLD", "{}"), "TWN": (TWN_PARAMETERS,), "MD5": ("{}",)}  # behind USR n scheme S


class SignIn:
    """The opening of one connection. `entered` is called with the new place and those that give way to it."""

    __slots__ = ("_address", "_context", "_entered", "_house", "_nonce", "_over_gateway", "dialect", "over", "person")

    def __init__(
        self,
        context: ServerContext,
        house: House,
        entered: Callable[[Person, tuple[Place, ...]], None],
        *,
        over_gateway: bool,
    ) -> None:
        self._context = context
        self._house = house
        self._entered = entered
        self._over_gateway = over_gateway
        self._address = ""
        self._nonce = ""
        self.dialect: Dialect | None = None
        self.person: Person | None = None
        self.over = False

    @classmethod
    def rows(cls) -> tuple[Row, ...]:
        verbs = {"VER": cls._ver, "INF": cls._inf, "CVR": cls._cvr, "CVQ": cls._cvr, "USR": cls._usr}
        return tuple((verb, 0, 18, method) for verb, method in verbs.items())

    def _ver(self, command: Command) -> bytes:
        if self.person is not None:
            raise WireError("VER after sign-in")
        self.dialect = choose(command.args[1:])
        if self.dialect is None:
            self.over = True
            return line("VER", command.arg(0), 0)
        return line("VER", command.arg(0), self.dialect.name)

    def _inf(self, command: Command) -> bytes:
        if self.dialect is None or self.dialect.scheme != "MD5":
            raise WireError("INF belongs to MSNP7 and before")
        return line("INF", command.arg(0), self.dialect.scheme)

    def _cvr(self, command: Command) -> bytes:
        """The client's own version, so that it asks for no upgrade. The e-mail address may be missing."""
        version = command.arg(6)
        return line(command.verb, command.arg(0), version, version, version, SITE + "download", SITE)

    def _usr(self, command: Command) -> bytes:
        if self.dialect is None:
            raise WireError("USR before VER")
        trid, scheme, stage = command.arg(0), command.arg(1), command.arg(2)
        if self.person is not None:
            # a ticket for circles is taken (msnp.md 2.2); circles themselves are refused, see `errands`
            if self.dialect.prefixed and (scheme, stage) == ("SHA", "A"):
                return line("USR", trid, "OK", self.person.address, 0, 0)
            return line("207", trid)
        if scheme != self.dialect.scheme or stage not in ("I", "S"):
            raise WireError(f"USR {scheme} {stage} under {self.dialect.name}")
        return self._initial(self.dialect, trid, command.arg(3)) if stage == "I" else self._proof(self.dialect, command)

    def _initial(self, dialect: Dialect, trid: str, address: str) -> bytes:
        self._address = address
        here = f"{self._context.local.address}:1863"
        if self._house.refers(address):
            self.over = True
            return line("XFR", trid, "NS", here, *(word.format(here) for word in REFERRALS[dialect.referral]))
        self._nonce = base64.b64encode(self._context.entropy(48)).decode()
        if dialect.scheme == "MD5":
            self._nonce = self._nonce[:20]
        out = line("GCF", 0, payload=profile.policies()) if dialect.policies == "pushed" else b""
        words = (word.format(self._nonce) for word in CHALLENGES[dialect.scheme])
        return out + line("USR", trid, dialect.scheme, "S", *words)

    def _proof(self, dialect: Dialect, command: Command) -> bytes:
        trid, world = command.arg(0), self._house.world
        endpoint = command.args[5] if dialect.places and len(command.args) > 5 else ""
        try:
            if endpoint and not principals.is_guid(endpoint):
                raise WorldError(f"not a machine GUID: {endpoint[:60]!r}")
            account = self._proven(dialect, command)
            arrival = world.presence.sign_in(account.address, dialect.number, endpoint=endpoint)
        except WorldError:
            self.over = True
            return line("911", trid)
        self.person = Person(self._house, self._context, dialect, arrival.place, over_gateway=self._over_gateway)
        self._nonce = ""  # it was answered, and is good for nothing more
        self._entered(self.person, arrival.ousted)
        name = (presence.encode(account.name),) if dialect.name_in_ok else ()
        tail = () if dialect.scheme == "MD5" else (int(account.verified), 0)
        out = line("USR", trid, "OK", account.address, *name, *tail)
        if dialect.personal:
            out += line("SBS", 0, "null")
        if dialect.scheme != "MD5":
            out += self._profile(dialect, account, command.arg(3))
        if dialect.places:
            out += presence.personal(dialect, account.address, b"")
        return out

    def _profile(self, dialect: Dialect, account: Account, ticket: str) -> bytes:
        seen, now = self._context.observed, self._context.now()
        document = profile.profile(account, seen, now, ticket, dialect, over_gateway=self._over_gateway)
        return line("MSG", "Hotmail", "Hotmail", payload=document)

    def _proven(self, dialect: Dialect, command: Command) -> Account:
        """The account that signs in. Raises WorldError."""
        world = self._house.world
        if not self._address:
            raise WorldError("USR S without USR I")
        if dialect.scheme == "MD5":
            account = world.accounts.newly(self._address, "") or world.account(self._address)
            open_door = world.accounts.anybody and not account.password  # its password was never seen
            wanted = hashlib.md5((self._nonce + account.password).encode()).hexdigest()
            if account.resident or not (open_door or command.arg(3) == wanted):
                raise WorldError("wrong password")
            return account
        ticket = world.tickets.verify(command.arg(3))
        if ticket.address.lower() != self._address.lower():
            raise WorldError("a ticket of somebody else")
        if dialect.scheme == "SSO" and ticket.secret and not self._answers(command, ticket.secret_base64):
            raise WorldError("the nonce is not answered")
        return world.account(ticket.address)

    def _answers(self, command: Command, secret: str) -> bool:
        return len(command.args) > 4 and sso.verify(command.args[4], secret, self._nonce)
