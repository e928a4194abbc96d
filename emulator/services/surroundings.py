"""What the far end knows of its place: addresses, ports, clock, randomness, keys. Handed to every conversation.

Not state of the impersonated service.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from emulator.net.portmap import PortMap
from emulator.wire.context import ServerContext, always, nobody, nowhere
from emulator.wire.receipt import Endpoint


class Stoppable(Protocol):
    """A live connection that can be ended at once."""

    def stop(self) -> None: ...


class Surroundings:
    """One emulator's place in the network. `addresses` maps host names, `peer` and `second` to IPv4 addresses."""

    def __init__(
        self,
        *,
        addresses: dict[str, str],
        relay_port: int,
        echo_port: int,
        relay_key: bytes,
        now: Callable[[], float],
        entropy: Callable[[int], bytes],
        ports: PortMap | None = None,
    ) -> None:
        self.addresses = addresses
        self.ports = ports or PortMap()
        self.relay_key = relay_key
        self.now = now
        self.entropy = entropy
        self.first = Endpoint(addresses["echo.edge.messenger.live.com"], echo_port)
        self.second = Endpoint(addresses["second"], echo_port)
        self.relay = Endpoint(addresses["relay.voice.messenger.msn.com"], relay_port)
        self.connections: set[Stoppable] = set()

    def server_context(
        self,
        local: Endpoint,
        observed: Endpoint,
        *,
        secure: bool,
        push: Callable[[bytes], None] = nowhere,
        hang_up: Callable[[], None] = nobody,
        alive: Callable[[], bool] = always,
    ) -> ServerContext:
        """The surroundings of one conversation."""
        return ServerContext(
            observed=observed,
            local=local,
            second=self.first if local.address == self.second.address else self.second,
            relay=self.relay,
            relay_key=self.relay_key,
            entropy=self.entropy,
            now=self.now,
            secure=secure,
            push=push,
            hang_up=hang_up,
            alive=alive,
        )
