"""The probe's place: reactor, clock, addresses, TLS, proxy. Handed to every attempt; nothing is looked up elsewhere."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from OpenSSL import SSL

from emulator.client.shared_ports import SharedPorts
from emulator.problems import BadInput
from emulator.wire.join import Join


class ProxyUrlError(BadInput):
    """A proxy URL that cannot be used; the text names the part and the remedy."""


class Proxy(msgspec.Struct, frozen=True):
    """An HTTP proxy. `authorization` is the value of Proxy-Authorization, or ""."""

    host: str
    port: int
    authorization: str = ""

    @property
    def label(self) -> str:
        """The proxy without credentials, for records."""
        return f"http://{self.host}:{self.port}"


def parse_proxy(url: str) -> Proxy:
    """Read `http://[user:password@]host[:port]`. Raises ProxyUrlError."""
    form = "give it as http://[user:password@]host:port"
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ProxyUrlError(f"--proxy {_shown(url)}: {error}: {form}") from error
    try:
        port = parts.port or 3128
    except ValueError as error:
        raise ProxyUrlError(f"--proxy {_shown(url)}: impossible port: {error}") from error
    if parts.scheme != "http" or not parts.hostname:
        raise ProxyUrlError(f"--proxy {_shown(url)}: {form}")
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + b64encode(pair.encode()).decode()
    return Proxy(parts.hostname, port, authorization)


def _shown(url: str) -> str:
    """The URL for a message, without what stands before the `@`: a password must not land on a terminal or in a log."""
    scheme, separator, rest = url.partition("://")
    return repr(f"{scheme}{separator}…@{rest.rpartition('@')[2]}" if "@" in rest else url)


class Place:
    """Surroundings of all attempts of a survey.

    `now` is seconds since the epoch, `clock` seconds of the run (monotonic), `timeout` seconds for one stage of a
    flow. `source` is the address to dial from, "" for the system's choice. `client_tls` makes a context that accepts
    any certificate: the chain is evidence.
    """

    def __init__(
        self,
        reactor: Any,
        join: Join,
        *,
        now: Callable[[], float],
        entropy: Callable[[int], bytes],
        client_tls: SSL.Context,
        timeout: float,
        proxy: Proxy | None = None,
        source: str = "",
    ) -> None:
        self.reactor = reactor
        self.join = join
        self.now = now
        self.entropy = entropy
        self.client_tls = client_tls
        self.timeout = timeout
        self.proxy = proxy
        self.source = source
        self.relay_key = bytes.fromhex(join.relay_key)
        self.root_pem = join.root.encode()
        self.shared: SharedPorts | None = None  # ports on which this vantage listens while it is dialled
        self._zero = reactor.seconds()

    def clock(self) -> float:
        """Seconds since this place was made."""
        return float(self.reactor.seconds() - self._zero)
