"""Tickets for those who live in the emulator: the ticket service's own answer, for a password of this process alone.

Not the service that people reach: to that one, residents have no password at all.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from emulator.client.account import RST_PATH, Credentials
from emulator.services.web import rst as service
from emulator.services.web.scene import Scene
from emulator.wire import http, rst, rst_answer
from emulator.world.names import fold
from emulator.world.world import World

PASSWORD = 24  # random bytes


class Door:
    """Issues tickets to accounts that moved in, against the one password that they were given when they did."""

    def __init__(self, world: World, *, now: Callable[[], float], entropy: Callable[[int], bytes]) -> None:
        self._world = world
        self._now = now
        self._password = entropy(PASSWORD).hex()
        self._inside: set[str] = set()

    def key(self, address: str) -> Credentials:
        """Somebody moves in."""
        self._inside.add(fold(address))
        return Credentials(address, self._password)

    def answer(self, request: http.Request, scene: Scene) -> http.Response | None:
        """The answer to a ticket request of somebody who lives here; None for every other request."""
        if request.path != RST_PATH.lower():
            return None
        login = rst.read_request(request.body)
        right = hmac.compare_digest(login.password.encode(), self._password.encode())
        if not right or fold(login.account) not in self._inside:
            return None
        account = self._world.account(login.account)
        holder = rst_answer.Holder(
            address=account.address,
            cid=account.cid,
            puid=account.puid,
            country=account.country,
            language=account.language,
        )
        return http.Response(
            200, body=rst_answer.issued(holder, service.grants(account, login.sites, scene), self._now())
        )
