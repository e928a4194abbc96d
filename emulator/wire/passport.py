"""Accounts, their numbers and tickets, and the Passport 1.4 header lines of clients up to MSN 7.

Not the ticket service of later clients (`rst`) and no account database. Source: http.md 2, msnp.md 5.1.
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote, unquote

import msgspec

from emulator.wire import tags

SCHEME = "Passport1.4"
WRONG_PASSWORD = "wrong"  # the one password that is refused for accounts of probes
NEXUS = (
    "DARealm=Passport.Net,DALogin=login.live.com/login2.srf,DAReg=https://login.live.com/login.srf,"
    "Properties=https://login.live.com/login.srf,Privacy=https://login.live.com/login.srf,"
    "GeneralRedir=https://login.live.com/login.srf,Help=https://login.live.com/login.srf,ConfigVersion=11"
)  # values carry no scheme where MSN 5 to 7 expect none
ACCOUNT_LIMIT = 129  # characters


class Numbers(msgspec.Struct, frozen=True):
    """What the services print for an account: CID (signed 64 bits) and PUID (positive)."""

    cid: int
    puid: int

    @property
    def cid_hex(self) -> str:
        return f"{self.cid & 0xFFFFFFFFFFFFFFFF:016x}"

    @property
    def puid_hex(self) -> str:
        return f"{self.puid:016X}"


def numbers(account: str) -> Numbers:
    """The same numbers for the same account, everywhere and without a table."""
    digest = hashlib.sha256(account.lower().encode("utf-8", "replace")).digest()
    return Numbers(int.from_bytes(digest[:8], "big", signed=True), 0x0003_0000_0000_0000 | int.from_bytes(digest[8:14]))


def value_of(ticket: str) -> str:
    """The part between `t=` and `&`; "" means: no ticket."""
    return ticket.strip().partition("&")[0].removeprefix("t=").strip()


def tags_of(account: str) -> str:
    """Hex tag in an account, or "" (also for text that is not ASCII)."""
    return tags.from_account(account) if account.isascii() else ""


class Claim(msgspec.Struct, frozen=True):
    """Who signs in by an `Authorization: Passport1.4` line."""

    account: str
    password: str


def claim(authorization: str) -> Claim | None:
    """Read `Passport1.4 OrgVerb=GET,…,sign-in=…,pwd=…,<challenge>`; None when name or password is missing."""
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() != SCHEME.lower():
        return None
    fields = dict(pair.partition("=")[::2] for pair in rest.split(","))
    account, password = unquote(fields.get("sign-in", "")), unquote(fields.get("pwd", ""))
    if "@" not in account or len(account) > ACCOUNT_LIMIT or not password:
        return None
    return Claim(account, password)


def authorization(account: str, password: str, challenge: str) -> str:
    """The line that a client sends; `challenge` is the text of `USR … TWN S`, verbatim."""
    who = f"sign-in={quote(account, safe='')},pwd={quote(password, safe='')}"
    return f"{SCHEME} OrgVerb=GET,OrgURL=http%3A%2F%2Fmessenger%2Emsn%2Ecom,{who},{challenge}"


def presented(ticket: str) -> str:
    """`Authorization` value by which a client shows a ticket that it holds."""
    return f"{SCHEME} from-PP='{ticket}'"


def presented_ticket(authorization: str) -> str:
    """The ticket in such a value, or ""."""
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() != SCHEME.lower() or not rest.startswith("from-PP='"):
        return ""
    return rest.removeprefix("from-PP='").partition("'")[0]


def success(ticket: str) -> str:
    """Value of `Authentication-Info` for a right password; the ticket is copied verbatim by the client."""
    names = "tname=MSPAuth,tname=MSPProf,tname=MSPSec"
    return f"{SCHEME} da-status=success,{names},from-PP='{ticket}',ru=http://messenger.msn.com"


def redirected() -> str:
    """Value of `Authentication-Info` beside a `Location`: the client repeats its request there."""
    return f"{SCHEME} da-status=redir"


def failure(text: str) -> str:
    """Value of `WWW-Authenticate` for a wrong one; `text` is what the client shows."""
    return (
        f"{SCHEME} da-status=failed,srealm=Passport.NET,ts=-3,prompt,"
        f"cburl=http://login.live.com/x.gif,cbtxt={quote(text, safe='')}"
    )
