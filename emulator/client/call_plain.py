"""A call by plain SIP over UDP to the port that an ACCEPT named, as clients made it before there was a call service.

Not the call service's client (`call_telephone`), and no media. Source: media.md 4.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulator.client import call_dialog
from emulator.client.call_dialog import Call
from emulator.client.call_ports import Address, Port, Receive
from emulator.client.call_sip import Transactions
from emulator.client.network import StreamEnded
from emulator.wire import sip
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint
from emulator.wire.sip import Message


class PlainCall:
    """One call. `open_port` raises OSError without a port; what comes from elsewhere than `there` is not heard.

    `here` is the address of this end as it sees itself. Time limits are the caller's.
    """

    def __init__(
        self,
        open_port: Callable[[Receive], Port],
        account: str,
        here: str,
        there: Address,
        *,
        call_later: Callable[..., Any],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._account = account
        self._there = there
        self._call: Call | None = None
        self._port = open_port(self._received)
        self.local = Endpoint(here, self._port.number)
        self._transactions = Transactions(
            lambda data: self._port.send(data, there),
            via=f"UDP {here}:{self.local.port}",
            observed=Endpoint(*there),
            call_later=call_later,
            entropy=entropy,
            reliable=False,
        )
        self._transactions.on_request = self._requested

    async def invite(self, offer: bytes, call_id: str) -> Call:
        """Returns when the call is taken. Raises Unexpected with `status`."""
        return await call_dialog.invite(
            self._transactions,
            caller=f'"0" <sip:{self._account}>',
            to=f"sip:{self._there[0]}:{self._there[1]}",
            contact=f"<sip:{self.local.address}:{self.local.port}>",
            body=offer,
            call_id=call_id,
            started=self._began,
        )

    def close(self) -> None:
        """Nothing is said or heard any more; safe to call twice."""
        self._transactions.end(StreamEnded("the port was closed"))
        self._port.close()

    def _began(self, call: Call) -> None:
        self._call = call

    def _received(self, data: bytes, source: Address) -> None:
        if source != self._there or not data.strip(b"\r\n"):
            return
        try:
            self._transactions.take(sip.decode(data))
        except WireError:
            return  # no answer to what is no SIP

    def _requested(self, request: Message) -> None:
        if self._call is not None and request.need("Call-ID") == self._call.id:
            self._call.request(request)
        else:
            self._transactions.answer(request, "481 Call/Transaction Does Not Exist")
