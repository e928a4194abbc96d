"""How every request of the probe is put together: target, Host, agent, proxy headers.

Not the content of any exchange. Source: http.md 1.1, 24.
"""

from __future__ import annotations

from emulator.catalog import load
from emulator.probe.web.context import WebContext
from emulator.wire import tags
from emulator.wire.http import Headers, Request
from emulator.wire.soap import CONTENT_TYPE

PLAIN_AGENT = "MSMSGS"
NOTE_AGENT = load().note.agent  # address book, profile and tile
CRL_AGENT = "Microsoft-CryptoAPI/6.0"
RST_AGENT = (
    "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; IDCRL 4.100.313.1; IDCRL-cfg 4.0.5633.0; "
    "App msnmsgr.exe, 8.1.178.0, {7108E71A-9926-4FCB-BCC9-9A9D3F32E423})"
)  # form known from 14.0, the numbers of 8.1 are a guess


def request(
    context: WebContext,
    method: str,
    path: str,
    headers: Headers = (),
    body: bytes = b"",
    *,
    agent: str = PLAIN_AGENT,
) -> Request:
    """A request for `path` (query included) on the context's host.

    Through a proxy in clear the target is absolute and the credentials ride along; Content-Length is added later.
    `agent` is the exchange's own, used when the context names none.
    """
    default = 443 if context.secure else 80
    authority = context.host if context.port == default else f"{context.host}:{context.port}"
    target = path
    extra: Headers = (("Connection", "Keep-Alive"),)
    if context.via_proxy and not context.secure:
        target = f"http://{authority}{path}"
        extra = (("Proxy-Connection", "Keep-Alive"),)
        if context.proxy_authorization:
            extra = (*extra, ("Proxy-Authorization", context.proxy_authorization))
    first = (("Accept", "*/*"), ("User-Agent", context.agent or agent), ("Host", authority))
    return Request(method, target, (*first, *headers, *extra), body)


def soap(context: WebContext, path: str, action: str, body: bytes, *, agent: str = PLAIN_AGENT) -> Request:
    """A SOAP call; `action` is quoted as the official client quotes it, "" sends none (ticket requests)."""
    headers: Headers = (("Content-Type", CONTENT_TYPE), ("Cache-Control", "no-cache"))
    if action:
        headers = (("SOAPAction", f'"{action}"'), *headers)
    return request(context, "POST", path, headers, body, agent=agent)


def muid(context: WebContext) -> Headers:
    """The anonymous id cookie; it carries the tag on hosts without a better field."""
    return (("Cookie", f"MUID={context.tag.hex().upper()}"),)


def condition(context: WebContext, *held: str) -> Headers:
    """`If-None-Match` with the tag as an entity tag that no file has, then those that the client holds."""
    return (("If-None-Match", ", ".join((f'"{context.tag.hex()}"', *held))),)


def account(context: WebContext) -> str:
    """The flow's account."""
    return tags.account(context.tag)


def ticket(context: WebContext) -> str:
    """The flow's ticket, `t=…&p=`."""
    return tags.ticket(context.tag)


def ticket_value(context: WebContext) -> str:
    """The part of the ticket between `t=` and `&`."""
    return ticket(context).removeprefix("t=").partition("&")[0]
