"""A client's notification session: from VER to OUT, one table of commands per generation of dialects.

Not the lists of old dialects (`bands`), and no state of its own beyond the connection. Source: protocols/msnp.md 2.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from emulator.services.msnp import profile
from emulator.services.msnp.bands import Bands
from emulator.services.msnp.board import BoardSession
from emulator.services.msnp.house import House
from emulator.wire import challenge, sso, tags
from emulator.wire.context import ServerContext
from emulator.wire.errors import WireError
from emulator.wire.msnp import lists, presence
from emulator.wire.msnp.dialects import Dialect, choose
from emulator.wire.msnp.lines import FROM_CLIENT, Command, line, read
from emulator.wire.talk import Sighting, Talk
from emulator.world.errors import WorldError
from emulator.world.notices import MailArrived, Notice, PresenceChanged, ReverseChanged
from emulator.world.presence import Place
from emulator.world.records import Account
from emulator.world.rendezvous import Invitation

TWN_PARAMETERS = "ct=1,rver=1,wp=FS_40SEC_0_COMPACT,lc=1,id=1"
WAIT = 60  # seconds that QNG tells clients to wait

Handler = Callable[[Command], bytes]


class Session:
    """One connection to the notification server. It is a `Listener` of the house once it has signed in."""

    def __init__(self, context: ServerContext, house: House, *, over_gateway: bool = False) -> None:
        self._context = context
        self._house = house
        self._over_gateway = over_gateway
        self._dialect: Dialect | None = None
        self._address = ""
        self._nonce = ""
        self._challenge = ""
        self._place: int = 0
        self._announced = False
        self._over = False
        self._commands: dict[str, Handler] = {}  # by verb, once signed in

    @property
    def place(self) -> Place | None:
        """Where it is signed in, as the world knows it."""
        return self._house.world.presence.place(self._place)

    def talk(self) -> Talk[None]:
        """The whole conversation; USR or ANS as the first command open a switchboard session instead."""
        first = yield from read(FROM_CLIENT)
        if first.verb in ("USR", "ANS"):
            yield from BoardSession(self._context, self._house).talk(first)
            return
        if first.verb != "VER":
            raise WireError(f"{first.verb} opens neither a notification nor a switchboard session")
        try:
            command = first
            while True:
                if command.verb == "USR" and command.args[2:3] == ("I",):
                    yield Sighting("msnp", tags.from_account(command.arg(3)), {"command": "USR I"})
                reply = self._reply(command)
                self._house.keep()
                self._context.push(reply)
                self._house.settle()
                if self._over:
                    return
                command = yield from read(FROM_CLIENT)
        finally:
            self._leave()

    def _reply(self, command: Command) -> bytes:
        """The answer of the command's handler; what the world refuses gets the protocol's number."""
        handler = self._handler(command)
        try:
            return handler(command)
        except WorldError as error:
            return line(str(error.msnp), command.arg(0))

    def _handler(self, command: Command) -> Handler:
        """The handler of a command in this dialect and state; anything else ends the connection (msnp.md 1.1)."""
        always: dict[str, Handler] = {"VER": self._ver, "CVR": self._cvr, "USR": self._usr, "OUT": self._out}
        if command.verb in always:
            return always[command.verb]
        if command.verb == "PNG":
            return self._png
        if self._dialect is None or not self._place:
            raise WireError(f"{command.verb} before sign-in")
        found = self._commands.get(command.verb)
        if found is None:
            raise WireError(f"{command.verb} is no command of {self._dialect.name}")
        return found

    def _table(self, dialect: Dialect) -> dict[str, Handler]:
        table: dict[str, Handler] = {
            "CHG": self._chg,
            "BLP": self._blp,
            "PRP": self._prp,
            "XFR": self._xfr,
            "QRY": self._qry,
            "URL": self._url,
        }
        if dialect.personal:
            table["UUX"] = self._uux
        if dialect.lists != "soap":
            table |= Bands(self._house.world, self._address, dialect).table()
        else:
            table |= {"ADL": self._adl, "RML": self._rml, "UUN": self._uun}
        if dialect.networks or dialect.prefixed:
            table["FQY"] = self._fqy
        if dialect.policies == "asked":
            table["GCF"] = self._gcf
        return table

    # sign-in

    def _ver(self, command: Command) -> bytes:
        self._dialect = choose(command.args[1:])
        if self._dialect is None:
            self._over = True
            return line("VER", command.arg(0), 0)
        return line("VER", command.arg(0), self._dialect.name)

    def _cvr(self, command: Command) -> bytes:
        version = command.arg(6)
        site = "http://messenger.msn.com/"
        return line("CVR", command.arg(0), version, version, version, site + "download", site)

    def _usr(self, command: Command) -> bytes:
        if self._dialect is None:
            raise WireError("USR before VER")
        trid, scheme, stage = command.arg(0), command.arg(1), command.arg(2)
        if self._place:
            return line("207", trid)
        if scheme != self._dialect.scheme or stage not in ("I", "S"):
            raise WireError(f"USR {scheme} {stage} under {self._dialect.name}")
        return self._usr_initial(trid, command.arg(3)) if stage == "I" else self._usr_answer(trid, command)

    def _usr_initial(self, trid: str, address: str) -> bytes:
        assert self._dialect is not None
        self._address = address
        self._nonce = base64.b64encode(self._context.entropy(48)).decode()
        out = line("GCF", 0, payload=profile.policies()) if self._dialect.policies == "pushed" else b""
        match self._dialect.scheme:
            case "SSO":
                return out + line("USR", trid, "SSO", "S", "MBI_KEY_OLD", self._nonce)
            case "TWN":
                return out + line("USR", trid, "TWN", "S", TWN_PARAMETERS)
        return line("USR", trid, "MD5", "S", self._nonce[:20])

    def _usr_answer(self, trid: str, command: Command) -> bytes:
        assert self._dialect is not None
        world = self._house.world
        try:
            account = self._proven(command)
            endpoint = command.args[5] if self._dialect.places and len(command.args) > 5 else ""
            arrival = world.presence.sign_in(account.address, self._dialect.number, endpoint=endpoint)
        except WorldError:
            self._over = True
            return line("911", trid)
        self._place = arrival.place.id
        self._commands = self._table(self._dialect)
        self._house.oust(arrival.ousted)
        self._house.enter(arrival.place, self)
        name = (presence.encode(account.name),) if self._dialect.name_in_ok else ()
        tail = () if self._dialect.scheme == "MD5" else (int(account.verified), 0)
        out = line("USR", trid, "OK", account.address, *name, *tail)
        if self._dialect.personal:
            out += line("SBS", 0, "null")
        if self._dialect.number >= 8:
            seen = self._context.observed
            ticket = command.arg(3)
            out += line(
                "MSG",
                "Hotmail",
                "Hotmail",
                payload=profile.profile(
                    account, seen, self._context.now(), ticket, self._dialect, over_gateway=self._over_gateway
                ),
            )
        if self._dialect.places:
            out += presence.personal(self._dialect, account.address, b"")
        return out

    def _proven(self, command: Command) -> Account:
        """The account that signs in. Raises WorldError."""
        assert self._dialect is not None
        world = self._house.world
        if self._dialect.scheme == "MD5":
            account = world.account(self._address)
            wanted = hashlib.md5((self._nonce[:20] + account.password).encode()).hexdigest()
            if command.arg(3) != wanted or account.resident:
                raise WorldError("wrong password")
            return account
        ticket = world.tickets.verify(command.arg(3))
        if ticket.address.lower() != self._address.lower():
            raise WorldError("a ticket of somebody else")
        if self._dialect.scheme == "SSO" and ticket.secret and not self._answers(command, ticket.secret_base64):
            raise WorldError("the nonce is not answered")
        return world.account(ticket.address)

    def _answers(self, command: Command, secret: str) -> bool:
        return len(command.args) > 4 and sso.verify(command.args[4], secret, self._nonce)

    # presence

    def _chg(self, command: Command) -> bytes:
        assert self._dialect is not None
        trid, status = command.arg(0), command.arg(1)
        if status == "FLN":
            return line("201", trid)
        if status not in presence.STATUSES:
            raise WireError(f"CHG to {status}")
        capabilities, extended = presence.read_capabilities(command.args[2] if len(command.args) > 2 else "")
        picture = command.args[3] if len(command.args) > 3 else ""
        world = self._house.world
        world.presence.set_status(
            self._place,
            status,
            capabilities=capabilities,
            extended=extended,
            picture="" if picture == "0" else picture,
        )
        out = line("CHG", *command.args)
        return out if self._announced else out + self._first_presence(trid)

    def _first_presence(self, trid: str) -> bytes:
        """The burst after the first CHG: who is online, waiting mail, the challenge."""
        assert self._dialect is not None
        self._announced = True
        world = self._house.world
        out = b""
        for look in world.telling.roll_call(self._address):
            out += presence.initial(self._dialect, trid, profile.shown(look))
            if self._dialect.personal:
                out += presence.personal(self._dialect, look.address, profile.personal(look, self._dialect))
        account = world.account(self._address)
        out += profile.mail_notification(account, self._dialect)
        self._challenge = challenge.digits(self._context.entropy(8), self._address)
        return out + line("CHL", 0, self._challenge)

    def _uux(self, command: Command) -> bytes:
        profile.read_personal(command.payload, self._place, self._house.world.presence)
        return line("UUX", command.arg(0), 0)

    def _qry(self, command: Command) -> bytes:
        assert self._dialect is not None
        key = challenge.PRODUCTS.get(command.arg(1), "")
        if self._dialect.new_challenge:
            wanted = challenge.answer(self._challenge, command.arg(1), key)
        else:
            wanted = challenge.old_answer(self._challenge, key)
        if not self._challenge or not key or command.payload.decode("ascii", "replace") != wanted:
            self._over = True
            return line("540", command.arg(0))
        self._challenge = ""
        return line("QRY", command.arg(0))

    # settings and lists

    def _blp(self, command: Command) -> bytes:
        value = command.arg(1)
        if value not in ("AL", "BL"):
            raise WireError(f"BLP {value}")
        try:
            self._house.world.accounts.set_privacy(self._address, "AL" if value == "AL" else "BL")
        except WorldError as error:
            if self._dialect is not None and self._dialect.lists != "soap":
                return line(str(error.msnp), command.arg(0))
        return line("BLP", *command.args)

    def _prp(self, command: Command) -> bytes:
        if command.arg(1) == "MFN" and len(command.args) > 2:
            try:
                self._house.world.accounts.set_name(self._address, profile.decode(command.args[2]))
            except WorldError as error:
                return line(str(error.msnp), command.arg(0))
        return line("PRP", *command.args)

    def _adl(self, command: Command) -> bytes:
        """Membership of this session; what lasts goes through the address book service (msnp.md 2.7)."""
        return self._list_command("ADL", command)

    def _rml(self, command: Command) -> bytes:
        return self._list_command("RML", command)

    def _list_command(self, verb: str, command: Command) -> bytes:
        trid = command.arg(0)
        try:
            items, initial = lists.read(command.payload)
        except lists.ListError as error:
            self._over = True
            return line(str(error.number), trid)
        if not initial:
            for item in items:
                if item.network in (0, 1) and self._house.world.find(item.address) is None:
                    return line("208", trid)
        return line(verb, trid, "OK")

    def _fqy(self, command: Command) -> bytes:
        try:
            items, _ = lists.read(command.payload)
        except lists.ListError as error:
            return line(str(error.number), command.arg(0))
        answers = tuple(
            lists.Item(item.address, 0, 1 if self._house.world.find(item.address) else 32) for item in items
        )
        return line("FQY", command.arg(0), payload=lists.write(answers))

    def _gcf(self, command: Command) -> bytes:
        return line("GCF", *command.args[:2], payload=profile.SHIELDS_DOCUMENT)

    # others

    def _xfr(self, command: Command) -> bytes:
        assert self._dialect is not None
        if command.arg(1) != "SB":
            raise WireError(f"XFR to {command.arg(1)}")
        place = self.place
        hidden = place is None or not self._announced or place.status == "HDN"
        if not self._announced or (hidden and self._dialect.lists != "soap"):
            return line("913", command.arg(0))
        cookie = self._house.world.switchboards.transfer(self._address)
        return line("XFR", command.arg(0), "SB", self._switchboard(), "CKI", cookie, *self._transfer())

    def _uun(self, command: Command) -> bytes:
        trid, target, kind = command.arg(0), command.arg(1).partition(";")[0], command.arg(2)
        try:
            reachable = self._house.world.presence.reachable(self._address, target)
        except WorldError as error:
            return line(str(error.msnp), trid)
        if reachable is None or not kind.isdigit():
            return line("217" if kind.isdigit() else "283", trid)
        self._context.push(line("UUN", trid, "OK"))
        for listener in self._house.at(target):
            listener.hand(self._address, int(kind), command.payload)
        return b""

    def _url(self, command: Command) -> bytes:
        return line("URL", command.arg(0), "/cgi-bin/HoTMaiL", "https://login.live.com/ppsecure/md5auth.srf?lc=1033", 2)

    def _png(self, command: Command) -> bytes:
        waits = self._dialect is not None and self._dialect.waits
        return line("QNG", WAIT) if waits else line("QNG")

    def _out(self, command: Command) -> bytes:
        self._over = True
        return b""

    def _switchboard(self) -> str:
        return f"{self._context.local.address}:1863"

    def _transfer(self) -> tuple[str, ...]:
        assert self._dialect is not None
        extra = self._dialect.transfer
        # 1: may connect directly; 0 sends the client to the gateway (msnp.md 2.16)
        return (*extra[:-1], "0") if self._over_gateway and len(extra) == 3 else extra

    def _leave(self) -> None:
        place = self.place
        if place is not None:
            self._house.leave(place)
            self._house.settle()
        self._place = 0

    # what the house tells

    def tell(self, notice: Notice) -> None:
        assert self._dialect is not None
        if not self._announced:
            return
        match notice:
            case PresenceChanged(look=look):
                if not look.online:
                    self._context.push(presence.offline(self._dialect, look.address))
                    return
                if notice.line:
                    self._context.push(presence.online(self._dialect, profile.shown(look)))
                if notice.personal and self._dialect.personal:
                    payload = profile.personal(look, self._dialect)
                    self._context.push(presence.personal(self._dialect, look.address, payload))
            case ReverseChanged():
                if self._dialect.lists != "soap":
                    self._context.push(Bands(self._house.world, self._address, self._dialect).pushed(notice))
                else:
                    item = lists.Item(notice.by, lists.REVERSE, 1, presence.encode(notice.name) if notice.added else "")
                    verb = "ADL" if notice.added else "RML"
                    self._context.push(line(verb, 0, payload=lists.write((item,))))
            case MailArrived(message=message):
                account = self._house.world.account(self._address)
                self._context.push(profile.mail_arrived(account, message, self._dialect))

    def ring(self, invitation: Invitation) -> None:
        if self._announced:
            self._context.push(
                line(
                    "RNG",
                    invitation.session,
                    self._switchboard(),
                    "CKI",
                    invitation.cookie,
                    invitation.caller,
                    presence.encode(invitation.caller_name),
                    *self._transfer(),
                )
            )

    def hand(self, sender: str, kind: int, payload: bytes) -> None:
        assert self._dialect is not None
        if self._announced and self._dialect.lists == "soap":
            self._context.push(line("UBN", self._dialect.account(sender), kind, payload=payload))

    def oust(self) -> None:
        self._place = 0
        self._context.push(line("OUT", "OTH"))
        self._context.hang_up()
