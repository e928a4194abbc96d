"""Signing in to a notification server: VER, CVR, USR, and the proof that each scheme wants.

Not the tickets themselves (`account`). Source: protocols/msnp.md 2.1 to 2.3, 5.6.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from emulator.client.account import Tickets
from emulator.client.commands import Commands
from emulator.client.editions import EDITIONS
from emulator.client.network import Network, Unexpected
from emulator.wire import sso
from emulator.wire.errors import WireError
from emulator.wire.msnp.dialects import DIALECTS, Dialect
from emulator.wire.msnp.lines import Command
from emulator.wire.msnp.message import Fields

LANGUAGE = "0x0409"

TicketFor = Callable[[str], Awaitable[str]]
Proof = Tickets | TicketFor | str  # SSO: tickets; TWN: a ticket for the parameters; MD5: the password


class SignedIn(msgspec.Struct, frozen=True):
    """What the server says of us. `client_port` is 0 over the gateway; both are unknown ("", 0) before MSNP8."""

    client_ip: str
    client_port: int
    dialect: int
    headers: Fields


class Elsewhere(Exception):
    """XFR NS: sign in at another server."""

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self.token = token


async def sign_in(
    commands: Commands, network: Network, address: str, number: int, proof: Proof, machine: str
) -> Dialect:
    """Up to `USR … OK`. Returns the dialect that was agreed.

    Raises Elsewhere, Unexpected (911 for a wrong proof; no common dialect), StreamEnded.
    """
    edition = EDITIONS[number]
    agreed = await commands.ask("VER", *edition.offered)
    dialect = DIALECTS.get(agreed.arg(1))
    if dialect is None or dialect.name not in edition.offered:
        raise Unexpected(f"the server answered VER with {' '.join(agreed.args)[:60]}", verb="VER")
    await commands.ask("CVR", LANGUAGE, *edition.words, *((address,) if number > 7 else ()))
    asked = await commands.ask("USR", dialect.scheme, "I", address, answers=("USR", "XFR"))
    if asked.verb == "XFR":
        raise Elsewhere(asked.arg(2))
    if asked.args[1:3] != (dialect.scheme, "S"):
        raise Unexpected(f"USR I was answered {' '.join(asked.args)[:120]}", verb="USR")
    words = await _SCHEMES[dialect.scheme](network, asked, proof)
    place = (machine,) if dialect.places and machine else ()
    answer = await commands.ask("USR", dialect.scheme, "S", *words, *place, answers=("USR", "XFR"))
    if answer.verb == "XFR":
        raise Elsewhere(answer.arg(2))
    if answer.arg(1) != "OK":
        raise Unexpected(f"USR S was answered {' '.join(answer.args)[:120]}", verb="USR")
    return dialect


def signed_in(fields: Fields, dialect: Dialect) -> SignedIn:
    """What the profile says: its port is printed with bytes swapped."""
    text = fields.get("ClientPort", "")
    port = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    unswapped = int(struct.unpack(">H", struct.pack("<H", port))[0]) if port < 65536 else 0
    return SignedIn(fields.get("ClientIP", ""), unswapped, dialect.number, fields)


async def _sso(network: Network, asked: Command, proof: Proof) -> tuple[str, ...]:
    if not isinstance(proof, Tickets):
        raise TypeError("single sign-on needs Tickets")
    ticket = proof.for_site("messengerclear.live.com")
    if not proof.secret:
        return (ticket,)
    try:
        return ticket, sso.response(proof.secret, asked.arg(4), network.entropy(sso.IV))
    except WireError as error:
        raise Unexpected(str(error), verb="USR") from error


async def _twn(network: Network, asked: Command, proof: Proof) -> tuple[str, ...]:
    if isinstance(proof, str | Tickets):
        raise TypeError("a Passport sign-in needs a function from parameters to a ticket")
    return (await proof(asked.arg(3)),)


async def _md5(network: Network, asked: Command, proof: Proof) -> tuple[str, ...]:
    if not isinstance(proof, str):
        raise TypeError("MD5 needs the password")
    return (hashlib.md5((asked.arg(3) + proof).encode()).hexdigest(),)


_SCHEMES: dict[str, Callable[[Network, Command, Proof], Any]] = {"SSO": _sso, "TWN": _twn, "MD5": _md5}
