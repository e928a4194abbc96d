"""The HTTP gateway as a byte stream: MSNP bytes ride in POST bodies, news are fetched by polls.

Not the HTTP connection, which is handed in, and not MSNP. Source: protocols/msnp.md 4, http.md 12.
"""

from __future__ import annotations

from typing import Any, Literal

from twisted.internet.defer import Deferred

from emulator.client.network import ClientError, Data, Ended, Network, StreamEnded, Unexpected, Web
from emulator.wire import http

PATH = "/gateway/gateway.dll"
HOST = "gateway.messenger.hotmail.com"
BATCH = 60_000  # bytes of MSNP in one request


class GatewayStream:
    """One MSNP connection behind a gateway; one request at a time, as it demands.

    What is sent goes at once when no request is under way, else with the next. Without anything to send it polls:
    every `period` seconds, or with `lifespan` (seconds) at once again, and the gateway holds the answer until there is
    news; what is sent while a poll is held waits for its answer. `host` stands in the Host header; whether targets are
    absolute is the Web's business.
    """

    def __init__(
        self, web: Web, network: Network, query: str, *, host: str = HOST, period: float = 0.2, lifespan: int = 0
    ) -> None:
        self._web = web
        self._network = network
        self._host = host
        self._period = period
        self._lifespan = lifespan
        self._session = ""
        self._open_query = query
        self._queue = bytearray()
        self._inbox = bytearray()
        self._data: Data | None = None
        self._ended: Ended | None = None
        self._reason: Exception | None = None  # why it is over
        self._closed = False
        self._asking = False
        self._timer: Any = None
        self.requests = 0
        self.polls = 0
        self.gateway = ""  # GW-IP, as the last answer gave it

    @classmethod
    async def open(
        cls,
        web: Web,
        server: Literal["NS", "SB"],
        ip: str,
        network: Network,
        *,
        period: float = 0.2,
        lifespan: int = 0,
        host: str = HOST,
    ) -> GatewayStream:
        """A new session; `ip` is the server to reach behind the gateway. The first bytes sent open it.

        Raises nothing: what fails later ends the stream.
        """
        query = f"Action=open&Server={server}&IP={ip}"
        return cls(web, network, query, host=host, period=period, lifespan=lifespan)

    @property
    def session(self) -> str:
        """The latest SessionID; "" before the first answer."""
        return self._session

    def attach(self, data: Data, ended: Ended) -> None:
        self._data, self._ended = data, ended
        if self._inbox:
            waiting, self._inbox = bytes(self._inbox), bytearray()
            data(waiting)
        if self._reason is not None and not self._closed:
            ended(self._reason)

    def send(self, data: bytes) -> None:
        if self._reason is None and not self._closed and data:
            self._queue += data
            self._next()

    def close(self) -> None:
        """What is queued still goes out, then the connection to the gateway closes."""
        if self._closed:
            return
        self._closed = True
        self._stop_timer()
        if not self._asking and self._queue and self._reason is None:
            self._start()
        elif not self._asking:
            self._web.close()

    def _next(self) -> None:
        """Send what is queued, now if no request is under way."""
        if not self._asking and self._reason is None:
            self._stop_timer()
            self._start()

    def _start(self) -> None:
        self._asking = True
        Deferred.fromCoroutine(self._ask()).addErrback(self._broken)

    def _broken(self, failure: Any) -> None:
        error = failure.value
        self._end(error if isinstance(error, ClientError) else StreamEnded(f"the gateway request failed: {error}"))

    async def _ask(self) -> None:
        while self._reason is None:
            batch = bytes(self._queue[:BATCH])
            del self._queue[: len(batch)]
            try:
                response = await self._web.ask(self._request(batch))
            except ClientError as error:
                self._end(error)
                return
            self._read(response)
            if self._closed and not self._queue:
                self._web.close()
                break
            if not self._queue and not (self._lifespan and not self._closed):
                break
        self._asking = False
        if self._reason is None and not self._closed:
            self._stop_timer()
            self._timer = self._network.call_later(self._period, self._next)

    def _request(self, batch: bytes) -> http.Request:
        if not self._session:
            query = self._open_query
        elif batch:
            query = f"SessionID={self._session}"
        else:
            self.polls += 1
            query = f"Action=poll&SessionID={self._session}"
            query += f"&Lifespan={self._lifespan}" if self._lifespan else ""
        self.requests += 1
        headers = (
            ("Accept", "*/*"),
            ("Accept-Language", "en-us"),
            ("User-Agent", "MSMSGS"),
            ("Host", self._host),
            ("Connection", "Keep-Alive"),
            ("Pragma", "no-cache"),
            ("Content-Type", "application/x-msn-messenger"),
        )
        return http.Request("POST", f"{PATH}?{query}", headers, batch)

    def _read(self, response: http.Response) -> None:
        if response.status != 200:
            self._end(Unexpected(f"the gateway answered {response.status}", status=response.status))
            return
        pieces = (piece.strip().partition("=") for piece in response.header("X-MSN-Messenger").split(";"))
        state = {name: value for name, equals, value in pieces if equals}
        if not state.get("SessionID"):
            self._end(Unexpected("an answer of the gateway without SessionID", status=response.status))
            return
        self._session, self.gateway = state["SessionID"], state.get("GW-IP", self.gateway)
        if response.body:
            if self._data is None:
                self._inbox += response.body
            elif not self._closed:
                self._data(response.body)
        if state.get("Session", "").lower() == "close":
            self._end(StreamEnded("the gateway closed the session"))

    def _end(self, reason: Exception) -> None:
        if self._reason is not None:
            return
        self._reason = reason
        self._asking = False
        self._stop_timer()
        self._web.close()
        if self._ended is not None and not self._closed:
            self._ended(reason)

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
