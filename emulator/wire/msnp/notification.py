"""Notification server, both ends, in the minimal form: sign-in, presence, invitations, transfer to a switchboard.

Not a service with state: nobody else is told of anything (that is a later layer). Source: msnp.md 2.1 to 2.4, 2.16.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable

from emulator.wire import tags
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.errors import WireError
from emulator.wire.msnp import switchboard
from emulator.wire.msnp.lines import FROM_CLIENT, Command, expect, line, read, send
from emulator.wire.talk import Send, Sighting, Talk

DIALECTS = tuple(f"MSNP{n}" for n in range(15, 7, -1))  # newest first
CLIENT_VERSION = "8.1.0178"
SHIELDS = '<config><shield><cli maj="7" min="0" minbld="0" maxbld="9999" deny=" " /></shield><block></block></config>'
TWN_PARAMETERS = "ct=1,rver=1,wp=FS_40SEC_0_COMPACT,lc=1,id=1"


def policies() -> bytes:
    """The GCF payload; a policy's checksum is the MD5 of the bytes between its tags (msnp.md 2.5)."""
    checksum = hashlib.md5(SHIELDS.encode()).hexdigest().upper()
    return f'<Policies><Policy type="SHIELDS" checksum="{checksum}">{SHIELDS}</Policy></Policies>'.encode()


def swapped(port: int) -> int:
    """A port as the profile's ClientPort prints it: 16 bits, bytes swapped."""
    return int(struct.unpack("<H", struct.pack(">H", port))[0])


def profile(context: ServerContext, ticket: str, *, over_gateway: bool) -> bytes:
    """Payload of the profile message: where the server saw the client is its native receipt."""
    port = 0 if over_gateway else swapped(context.observed.port)
    fields = {
        "MIME-Version": "1.0",
        "Content-Type": "text/x-msmsgsprofile; charset=UTF-8",
        "LoginTime": int(context.now()),
        "EmailEnabled": 0,
        "MemberIdHigh": 98304,
        "MemberIdLow": 17,
        "lang_preference": 1033,
        "preferredEmail": "",
        "country": "US",
        "PostalCode": "",
        "Gender": "",
        "Kid": 0,
        "Age": "",
        "BDayPre": "",
        "Birthday": "",
        "Wallet": "",
        "Flags": 536872513,
        "sid": 507,
        "MSPAuth": ticket.partition("&")[0].removeprefix("t="),
        "ClientIP": context.observed.address,
        "ClientPort": port,
        "ABCHMigrated": 1,
    }
    return ("".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n").encode()


def server(context: ServerContext, *, over_gateway: bool = False) -> Talk[None]:
    """One connection at the far end: VER opens a notification session, USR or ANS a switchboard session."""
    first = yield from read(FROM_CLIENT)
    if first.verb in ("USR", "ANS"):
        yield from switchboard.server(context, first)
        return
    if first.verb != "VER":
        raise WireError(f"{first.verb} opens neither a notification nor a switchboard session")
    yield from _Session(context, over_gateway).run(first)


class _Session:
    """One notification session: a table of commands, and what is known of the client so far."""

    def __init__(self, context: ServerContext, over_gateway: bool) -> None:
        self.context = context
        self.over_gateway = over_gateway
        self.dialect = 0
        self.account = ""
        self.signed_in = False
        self.over = False
        self.commands: dict[str, Callable[[Command], Talk[None]]] = {
            "VER": self.ver,
            "CVR": self.cvr,
            "USR": self.usr,
            "OUT": self.out,
            "PNG": self.png,
            "SYN": self.syn,
            "BLP": self.echoed,
            "PRP": self.echoed,
            "CHG": self.echoed,
            "ADL": self.list_change,
            "RML": self.list_change,
            "UUX": self.uux,
            "UUN": self.uun,
            "XFR": self.xfr,
        }

    def run(self, command: Command) -> Talk[None]:
        while True:
            handler = self.commands.get(command.verb)
            if handler is None:
                raise WireError(f"unknown command {command.verb}")
            if not self.signed_in and command.verb not in ("VER", "CVR", "USR", "OUT", "PNG"):
                raise WireError(f"{command.verb} before sign-in")
            yield from handler(command)
            if self.over:
                return
            command = yield from read(FROM_CLIENT)

    def ver(self, command: Command) -> Talk[None]:
        offered = command.args[1:]
        chosen = next((dialect for dialect in DIALECTS if dialect in offered), "")
        if not chosen:
            yield from send("VER", command.arg(0), 0)
            self.over = True
            return
        self.dialect = int(chosen[4:])
        yield from send("VER", command.arg(0), chosen)

    def cvr(self, command: Command) -> Talk[None]:
        version = command.arg(6)
        url = "http://messenger.msn.com/"
        yield from send("CVR", command.arg(0), version, version, version, url + "download", url)

    def usr(self, command: Command) -> Talk[None]:
        trid, scheme, stage = command.arg(0), command.arg(1), command.arg(2)
        wanted = "SSO" if self.dialect >= 15 else "TWN"
        if scheme != wanted or stage not in ("I", "S"):
            raise WireError(f"USR {scheme} {stage} under MSNP{self.dialect}")
        if stage == "I":
            self.account = command.arg(3)
            yield Sighting("msnp", tags.from_account(self.account), {"dialect": self.dialect, "command": "USR I"})
            if self.dialect >= 13:
                yield from send("GCF", 0, payload=policies())
            if scheme == "SSO":
                nonce = base64.b64encode(self.context.entropy(48)).decode()
                yield from send("USR", trid, "SSO", "S", "MBI_KEY_OLD", nonce)
            else:
                yield from send("USR", trid, "TWN", "S", TWN_PARAMETERS)
            return
        ticket = command.arg(3)
        if not self.account or not ticket.startswith("t=") or len(ticket) < 4:
            yield from send("911", trid)
            self.over = True
            return
        self.signed_in = True
        yield from send("USR", trid, "OK", self.account, 1, 0)
        yield from send("SBS", 0, "null")
        body = profile(self.context, ticket, over_gateway=self.over_gateway)
        yield from send("MSG", "Hotmail", "Hotmail", payload=body)

    def out(self, command: Command) -> Talk[None]:
        self.over = True
        yield from ()

    def png(self, command: Command) -> Talk[None]:
        yield from send("QNG", 60)

    def syn(self, command: Command) -> Talk[None]:
        if self.dialect >= 13:
            raise WireError("SYN after MSNP12")
        yield from send("SYN", *command.args)

    def echoed(self, command: Command) -> Talk[None]:
        yield from send(command.verb, *command.args)

    def list_change(self, command: Command) -> Talk[None]:
        yield from send(command.verb, command.arg(0), "OK")

    def uux(self, command: Command) -> Talk[None]:
        yield from send("UUX", command.arg(0), 0)

    def uun(self, command: Command) -> Talk[None]:
        """The invitation is acknowledged; the emulated contact answers a sharing request with its ACK."""
        target, kind = command.arg(1), command.arg(2)
        yield Sighting(
            "msnp",
            tags.from_account(self.account),
            {"command": f"UUN {kind}", "target": target, "bytes": len(command.payload)},
        )
        yield from send("UUN", command.arg(0), "OK")
        if kind == "1" and b'opcode="SNM"' in command.payload:
            answer = command.payload.replace(b'opcode="SNM"', b'opcode="ACK"')
            yield from send("UBN", target, 1, payload=answer)

    def xfr(self, command: Command) -> Talk[None]:
        if command.arg(1) != "SB":
            raise WireError(f"XFR to {command.arg(1)}")
        cookie = switchboard.cookie(self.context.relay_key, self.account)
        address = f"{self.context.local.address}:1863"
        extra: tuple[str, ...] = ("U", "messenger.msn.com") if self.dialect == 13 else ()
        if self.dialect >= 14:
            # 1: may connect directly; 0 would send the client to the gateway (msnp.md 2.16)
            extra = ("U", "messenger.msn.com", "0" if self.over_gateway else "1")
        yield from send("XFR", command.arg(0), "SB", address, "CKI", cookie, *extra)


def sign_in(context: ClientContext) -> Talk[dict[str, object]]:
    """The client's opening until its profile arrived and presence is set; facts hold what the server saw natively."""
    account, ticket = tags.account(context.tag), tags.ticket(context.tag)
    yield Send(line("VER", 1, "MSNP15", "MSNP14", "MSNP13", "CVR0"))
    yield from expect("VER", "1", "MSNP15")
    yield from send("CVR", 2, "0x0409", "winnt", "5.1", "i386", "MSNMSGR", CLIENT_VERSION, "msmsgs", account)
    yield from expect("CVR", "2", CLIENT_VERSION)
    yield from send("USR", 3, "SSO", "I", account)
    challenge = yield from expect("USR", "3", "SSO", "S", skip=("GCF",))
    if len(challenge.arg(4)) != 64:
        raise WireError(f"a nonce of {len(challenge.arg(4))} characters, clients need 64")
    yield from send("USR", 4, "SSO", "S", ticket)
    yield from expect("USR", "4", "OK", account)
    message = yield from expect("MSG", "Hotmail", skip=("SBS",))
    seen = _headers(message.payload)
    yield from send("CHG", 5, "NLN", 2007498796, 0)
    yield from expect("CHG", "5", "NLN")
    return {"client_ip": seen.get("ClientIP", ""), "client_port": seen.get("ClientPort", ""), "dialect": "MSNP15"}


def client(context: ClientContext) -> Talk[dict[str, object]]:
    """Exchange `msnp`: sign in and leave."""
    facts = yield from sign_in(context)
    yield from send("OUT")
    return facts


def call_client(context: ClientContext) -> Talk[dict[str, object]]:
    """Exchange `msnp-call`: sign in, invite the contact to a call (UUN type 2), leave."""
    facts = yield from sign_in(context)
    invitation = f"INVITE {context.remote.address} {context.host}".encode()
    yield from send("UUN", 6, switchboard.CONTACT, 2, payload=invitation)
    yield from expect("UUN", "6", "OK")
    yield from send("OUT")
    return facts | {"uun": 2}


def folders_client(context: ClientContext) -> Talk[dict[str, object]]:
    """Exchange `msnp-folders`: sign in, ask for a shared folder (UUN type 1, SNM), read the contact's ACK, leave."""
    facts = yield from sign_in(context)
    request = f'<SNM opcode="SNM" csid="{tags.guid(context.tag)}" priority="1"/>'.encode()
    yield from send("UUN", 6, switchboard.CONTACT, 1, payload=request)
    yield from expect("UUN", "6", "OK")
    answer = yield from expect("UBN", switchboard.CONTACT, "1")
    if answer.payload != request.replace(b'"SNM"', b'"ACK"'):
        raise WireError(f"the contact's answer is not an ACK of our request: {answer.payload[:120]!r}")
    yield from send("OUT")
    return facts | {"uun": 1}


def transfer_client(context: ClientContext) -> Talk[tuple[str, str]]:
    """Sign in and ask for a switchboard; returns (host:port, cookie). The connection stays open for the caller."""
    yield from sign_in(context)
    yield from send("XFR", 6, "SB")
    answer = yield from expect("XFR", "6", "SB")
    return answer.arg(2), answer.arg(4)


def _headers(payload: bytes) -> dict[str, str]:
    pairs = (row.partition(": ") for row in payload.decode("utf-8", "replace").split("\r\n"))
    return {name: value for name, sep, value in pairs if sep}
