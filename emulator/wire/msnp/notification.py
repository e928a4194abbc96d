"""The near end of a notification session: sign in, present oneself, invite, ask for a switchboard, leave.

The far end is a service with state. Source: protocols/msnp.md 2.1 to 2.4, 2.15, 2.16.
"""

from __future__ import annotations

from emulator.wire import challenge, tags
from emulator.wire.context import ClientContext
from emulator.wire.errors import WireError
from emulator.wire.msnp import switchboard
from emulator.wire.msnp.lines import expect, line, send
from emulator.wire.talk import Send, Talk

CLIENT_VERSION = "8.1.0178"


def sign_in(context: ClientContext) -> Talk[dict[str, object]]:
    """The client's opening until its profile arrived and presence is set; facts hold what the server saw natively."""
    account, ticket = tags.account(context.tag), tags.ticket(context.tag)
    yield Send(line("VER", 1, "MSNP15", "MSNP14", "MSNP13", "CVR0"))
    yield from expect("VER", "1", "MSNP15")
    yield from send("CVR", 2, "0x0409", "winnt", "5.1", "i386", "MSNMSGR", CLIENT_VERSION, "msmsgs", account)
    yield from expect("CVR", "2", CLIENT_VERSION)
    yield from send("USR", 3, "SSO", "I", account)
    asked = yield from expect("USR", "3", "SSO", "S", skip=("GCF",))
    if len(asked.arg(4)) != 64:
        raise WireError(f"a nonce of {len(asked.arg(4))} characters, clients need 64")
    yield from send("USR", 4, "SSO", "S", ticket)
    yield from expect("USR", "4", "OK", account)
    message = yield from expect("MSG", "Hotmail", skip=("SBS",))
    seen = _headers(message.payload)
    yield from send("CHG", 5, "NLN", switchboard.CAPABILITIES, 0)
    yield from expect("CHG", "5", "NLN")
    question = yield from expect("CHL", "0", skip=("ILN", "NLN", "UBX", "MSG"))
    answer = challenge.lock_key(question.arg(1), challenge.CLIENT).encode()
    yield from send("QRY", 6, challenge.CLIENT, payload=answer)
    yield from expect("QRY", "6")
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
    yield from send("UUN", 7, switchboard.CONTACT, 2, payload=invitation)
    yield from expect("UUN", "7", "OK")
    yield from send("OUT")
    return facts | {"uun": 2}


def folders_client(context: ClientContext) -> Talk[dict[str, object]]:
    """Exchange `msnp-folders`: sign in, ask for a shared folder (UUN type 1, SNM), read the contact's ACK, leave."""
    facts = yield from sign_in(context)
    request = f'<SNM opcode="SNM" csid="{tags.guid(context.tag)}" priority="1"/>'.encode()
    yield from send("UUN", 7, switchboard.CONTACT, 1, payload=request)
    yield from expect("UUN", "7", "OK")
    answer = yield from expect("UBN", switchboard.CONTACT, "1")
    if answer.payload != request.replace(b'"SNM"', b'"ACK"'):
        raise WireError(f"the contact's answer is not an ACK of our request: {answer.payload[:120]!r}")
    yield from send("OUT")
    return facts | {"uun": 1}


def transfer_client(context: ClientContext) -> Talk[tuple[str, str]]:
    """Sign in and ask for a switchboard; returns (host:port, cookie). The connection stays open for the caller."""
    yield from sign_in(context)
    yield from send("XFR", 7, "SB")
    answer = yield from expect("XFR", "7", "SB")
    return answer.arg(2), answer.arg(4)


def _headers(payload: bytes) -> dict[str, str]:
    pairs = (row.partition(": ") for row in payload.decode("utf-8", "replace").split("\r\n"))
    return {name: value for name, sep, value in pairs if sep}
