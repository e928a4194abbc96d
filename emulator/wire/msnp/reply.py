"""What a notification server tells its clients, read: presence, personal messages, lists, rings.

The counterpart of `presence` and `lists`, whose columns it reads by; nothing is answered here. Every reader takes
what real servers wrote, missing tokens included, and raises WireError for what cannot be read at all.
Source: protocols/msnp.md 2.9, 2.12, 2.14, 2.16.
"""

from __future__ import annotations

from urllib.parse import unquote

import msgspec

from emulator.wire import markup
from emulator.wire.errors import WireError
from emulator.wire.msnp.dialects import Dialect
from emulator.wire.msnp.lines import Command
from emulator.wire.msnp.presence import Shown, read_capabilities


class Personal(msgspec.Struct, frozen=True):
    """A UBX document: status message, current media, machine (GUID in braces)."""

    address: str
    message: str = ""
    media: str = ""
    machine: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on the lists of an old dialect: sum of FL 1, AL 2, BL 4, RL 8, PL 16; groups by number or GUID."""

    address: str
    bits: int
    name: str = ""
    id: str = ""
    groups: tuple[str, ...] = ()


class Ring(msgspec.Struct, frozen=True):
    """A call to a switchboard; `direct` is False when it is to be reached through the gateway only."""

    session: str
    host: str
    port: int
    cookie: str
    caller: str
    name: str
    direct: bool = True


def who(dialect: Dialect, token: str) -> str:
    """The address in an account token: no network prefix, no endpoint."""
    plain = token.partition(";")[0]
    return plain.partition(":")[2] if dialect.prefixed and ":" in plain else plain


def presence(dialect: Dialect, command: Command) -> Shown:
    """ILN, NLN or FLN. Status FLN has nothing but the address."""
    if command.verb == "FLN":
        return Shown(who(dialect, command.arg(0)), "FLN", "")
    args = command.args[1:] if command.verb == "ILN" else command.args
    if len(args) < 2:
        raise WireError(f"{command.verb} with {len(command.args)} arguments")
    status, account, *rest = args
    if dialect.networks:
        rest = rest[1:]
    name, caps, picture = (*rest[:3], "", "", "")[:3]
    capabilities, extended = read_capabilities(caps)
    return Shown(who(dialect, account), status, unquote(name), capabilities, extended, picture or "0")


def personal(dialect: Dialect, command: Command) -> Personal:
    """UBX; an empty payload is an empty message."""
    address = who(dialect, command.arg(0))
    if not command.payload:
        return Personal(address)
    root = markup.parse(command.payload)
    texts = (markup.text(root, name) for name in ("PSM", "CurrentMedia", "MachineGuid"))
    return Personal(address, *texts)


def entry(dialect: Dialect, command: Command) -> Entry:
    """LST."""
    words = list(command.args)
    if dialect.lists == "numbered":
        if len(words) < 3:
            raise WireError(f"LST with {len(words)} arguments")
        groups = tuple(words[3].split(",")) if len(words) > 3 and words[3] else ()
        return Entry(address=words[0], name=unquote(words[1]), bits=_bits(words[2]), groups=groups)
    fields = {}
    while words and words[0][1:2] == "=":
        key, _, value = words.pop(0).partition("=")
        fields[key] = value
    if "N" not in fields or not words:
        raise WireError("LST without a name or bits")
    bits, *rest = words
    if rest and rest[0].isdigit():
        rest = rest[1:]  # MSNP12 puts the network here
    groups = tuple(rest[0].split(",")) if rest else ()
    return Entry(
        address=fields["N"],
        name=unquote(fields.get("F", "")),
        bits=_bits(bits),
        id=fields.get("C", ""),
        groups=groups,
    )


def group(dialect: Dialect, command: Command) -> tuple[str, str]:
    """LSG: the id (number or GUID) and the name of a group."""
    first, second = command.arg(0), command.arg(1)
    return (first, unquote(second)) if dialect.lists == "numbered" else (second, unquote(first))


def endpoint(token: str, port: int = 1863) -> tuple[str, int]:
    """`host:port` of XFR and RNG; without a port it is the documented one. Raises WireError."""
    host, colon, text = token.rpartition(":")
    if not colon:
        return token, port
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536) or not host:
        raise WireError(f"an address {token[:60]!r}")
    return host, int(text)


def ring(command: Command) -> Ring:
    """RNG; the last of its extra tokens, where there is one, says whether to connect directly."""
    host, port = endpoint(command.arg(1))
    extra = command.args[6:]
    direct = not (len(extra) > 2 and extra[2] == "0")
    return Ring(command.arg(0), host, port, command.arg(3), command.arg(4), unquote(command.arg(5)), direct)


def _bits(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4):
        raise WireError(f"list bits {text[:20]!r}")
    return int(text)
