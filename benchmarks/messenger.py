"""A Messenger client by hand, with none of the server's codecs: ticket, membership, address book, presence.

And complete MSNP15 sign-ins per second with it. Other loads are in `loads`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import ssl
import struct
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import cache
from typing import Any, TypeVar

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

PASSWORD = "opal-Kite7"
SITES = ("http://Passport.NET/tb", "messengerclear.live.com", "contacts.msn.com")
BOOK = "http://www.msn.com/webservices/AddressBook"


def names(count: int) -> list[str]:
    """Addresses of the people in a cast of so many."""
    return [f"person{number}@example.com" for number in range(count)]


def cast(count: int, contacts: Callable[[int], Iterable[str]] = lambda number: ()) -> str:
    """A cast file. `contacts` of somebody, by number; nobody is their own."""
    rows = ["format = 1"]
    for number, account in enumerate(names(count)):
        wanted = ", ".join(f'"{one}"' for one in contacts(number) if one != account)
        rows += ["[[account]]", f'address = "{account}"', f'password = "{PASSWORD}"', f"contacts = [{wanted}]"]
    return "\n".join(rows) + "\n"


async def sign_ins(address: str, accounts: Sequence[str], at_once: int, *, secure: bool = False) -> float:
    """Complete sign-ins per second, `at_once` of them in flight; `secure`: tickets and SOAP over TLS."""
    started = time.monotonic()
    for line in await at_the_same_time(at_once, accounts, lambda one: _sign_in(address, one, secure=secure)):
        line.close()
    return len(accounts) / (time.monotonic() - started)


T = TypeVar("T")


async def at_the_same_time(
    at_once: int, accounts: Iterable[str], work: Callable[[str], Coroutine[Any, Any, T]]
) -> list[T]:
    """Do `work` for every account, `at_once` of them at a time."""
    pending = iter(accounts)
    results: list[T] = []

    async def worker() -> None:
        for account in pending:
            results.append(await work(account))

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return results


class Line:
    """One connection of a client at the notification server or a switchboard, by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, address: str, port: int = 1863) -> Line:
        return cls(*await asyncio.open_connection(address, port))

    async def ask(self, text: str, wanted: str, payload: bytes = b"") -> list[str]:
        """Send a line; the words of the first line that begins as wanted."""
        self.writer.write(text.encode() + b"\r\n" + payload)
        return (await _until(self.reader, wanted.encode())).decode().split()

    async def wait(self, wanted: str) -> list[str]:
        """The words of the next line that begins as wanted."""
        return (await _until(self.reader, wanted.encode())).decode().split()

    def close(self) -> None:
        self.writer.close()


async def ticket(address: str, account: str, *, secure: bool = False) -> tuple[list[str], str]:
    """Tickets of an account, as in SITES, and the secret for the proof."""
    text = await _post(address, "login.live.com", "/RST.srf", "", _ticket_request(account), secure=secure)
    tickets = [one.replace("&amp;", "&") for one in re.findall(r'Id="Compact\d">([^<]*)<', text)]
    return tickets, re.findall(r"<wst:BinarySecret>([^<]*)<", text)[1]


async def enter(address: str, account: str, tickets: list[str], secret: str) -> Line:
    """A notification session up to `USR … OK`."""
    line = await Line.open(address)
    await line.ask("VER 1 MSNP15 CVR0", "VER 1")
    words = f"CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 8.1.0178 msmsgs {account}\r\nUSR 3 SSO I {account}"
    nonce = (await line.ask(words, "USR 3 SSO S"))[-1]
    await line.ask(f"USR 4 SSO S {tickets[0]} {_proof(secret, nonce)}", "USR 4 OK")
    return line


async def present(line: Line, people: str = "") -> None:
    """BLP, the initial list, and online."""
    payload = f'<ml l="1">{people}</ml>'.encode()
    line.writer.write(b"BLP 5 AL\r\n")
    await line.ask(f"ADL 6 {len(payload)}", "ADL 6 OK", payload)
    await line.ask("CHG 7 NLN 2007498796 0", "CHG 7 NLN")


async def _sign_in(address: str, account: str, *, secure: bool) -> Line:
    tickets, secret = await ticket(address, account, secure=secure)
    line = await enter(address, account, tickets, secret)
    for operation, service, body in (
        (
            "FindMembership",
            "SharingService",
            "<serviceFilter><Types><ServiceType>Messenger</ServiceType></Types></serviceFilter>",
        ),
        ("ABFindAll", "abservice", "<abId>00000000-0000-0000-0000-000000000000</abId>"),
    ):
        envelope = _book_call(operation, tickets[1].replace("&", "&amp;"), body)
        path, action = f"/abservice/{service}.asmx", f"{BOOK}/{operation}"
        await _post(address, "contacts.msn.com", path, action, envelope, secure=secure)
    await present(line)
    line.writer.write(b"OUT\r\n")
    return line


async def _until(reader: asyncio.StreamReader, wanted: bytes) -> bytes:
    for _ in range(50):
        line = await reader.readuntil(b"\r\n")
        if line.startswith(wanted):
            return line
        words = line.split()
        if words[0] in (b"GCF", b"MSG", b"UBX", b"ADL", b"NOT"):
            await reader.readexactly(int(words[-1])) if words[-1].isdigit() else b""
    raise ValueError(f"no {wanted!r}")


async def _post(address: str, host: str, path: str, action: str, body: str, *, secure: bool) -> str:
    if secure:
        reader, writer = await asyncio.open_connection(address, 443, ssl=_unchecked(), server_hostname=host)
    else:
        reader, writer = await asyncio.open_connection(address, 80)
    data = body.encode()
    soap = f'SOAPAction: "{action}"\r\n' if action else ""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/xml; charset=utf-8\r\n{soap}"
    writer.write(f"{head}Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data)
    answer = await reader.read()
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200"):
        raise ValueError(answer[:400].decode())
    return answer.partition(b"\r\n\r\n")[2].decode()


@cache
def _unchecked() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _ticket_request(account: str) -> str:
    wanted = "".join(
        f'<wst:RequestSecurityToken Id="RST{at}"><wst:RequestType>http://schemas.xmlsoap.org/ws/2004/04/security/trust/'
        f"Issue</wst:RequestType><wsp:AppliesTo><wsa:EndpointReference><wsa:Address>{site}</wsa:Address>"
        "</wsa:EndpointReference></wsp:AppliesTo></wst:RequestSecurityToken>"
        for at, site in enumerate(SITES)
    )
    return (
        '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:wsse="http://schemas.xmlsoap.org/ws/2003/06/secext" '
        'xmlns:wsp="http://schemas.xmlsoap.org/ws/2002/12/policy" '
        'xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/03/addressing" '
        'xmlns:wst="http://schemas.xmlsoap.org/ws/2004/04/trust"><Header><wsse:Security><wsse:UsernameToken Id="user">'
        f"<wsse:Username>{account}</wsse:Username><wsse:Password>{PASSWORD}</wsse:Password></wsse:UsernameToken>"
        "</wsse:Security></Header><Body><ps:RequestMultipleSecurityTokens "
        f'xmlns:ps="http://schemas.microsoft.com/Passport/SoapServices/PPCRL" Id="RSTS">{wanted}'
        "</ps:RequestMultipleSecurityTokens></Body></Envelope>"
    )


def _book_call(operation: str, ticket: str, body: str) -> str:
    return (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header>'
        f'<ABApplicationHeader xmlns="{BOOK}"><ApplicationId>CFE80F9D-180F-4399-82AB-413F33A1FA11</ApplicationId>'
        "<IsMigration>false</IsMigration><PartnerScenario>Initial</PartnerScenario></ABApplicationHeader>"
        f'<ABAuthHeader xmlns="{BOOK}"><ManagedGroupRequest>false</ManagedGroupRequest>'
        f"<TicketToken>{ticket}</TicketToken></ABAuthHeader></soap:Header><soap:Body>"
        f'<{operation} xmlns="{BOOK}">{body}</{operation}></soap:Body></soap:Envelope>'
    )


def _proof(secret: str, nonce: str) -> str:
    key = base64.b64decode(secret)

    def derive(label: bytes) -> bytes:
        one = hmac.digest(key, label, "sha1")
        three = hmac.digest(key, one, "sha1")
        return hmac.digest(key, one + label, "sha1") + hmac.digest(key, three + label, "sha1")[:4]

    mark = hmac.new(derive(b"WS-SecureConversationSESSION KEY HASH"), nonce.encode(), hashlib.sha1).digest()
    cipher = Cipher(TripleDES(derive(b"WS-SecureConversationSESSION KEY ENCRYPTION")), modes.CBC(b"12345678"))
    encryptor = cipher.encryptor()
    secret_text = encryptor.update(nonce.encode() + b"\x08" * 8) + encryptor.finalize()
    head = struct.pack("<7I", 28, 1, 0x6603, 0x8004, 8, 20, 72)
    return base64.b64encode(head + b"12345678" + mark + secret_text).decode()
