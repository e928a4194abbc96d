"""One emulator, put together: listeners, conversations, control channel, names; and the join file that describes it.

Not the command line, and no protocol of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, cast

import msgspec
from twisted.internet import error, interfaces, task
from twisted.web import server

from emulator import __version__
from emulator.catalog import Catalog
from emulator.client.call_relay import Credentials
from emulator.client.shared_ports import SharedPorts
from emulator.derive.zone import Zone
from emulator.net.control_tls import ControlCertificate
from emulator.net.portmap import PortMap
from emulator.pki import Authority, TlsContexts
from emulator.problems import CannotRun
from emulator.services import dns
from emulator.services.contacts import move_in
from emulator.services.contacts.living import seen_from
from emulator.services.contacts.sockets import ContactSockets
from emulator.services.contacts.voice import PhoneOf
from emulator.services.control import ControlResource
from emulator.services.dns_forward import Forwarder
from emulator.services.journal import Journal
from emulator.services.listeners import Listeners, why_not
from emulator.services.msnp.house import House
from emulator.services.operations import Operations
from emulator.services.phone import Phone
from emulator.services.registrar import Residents
from emulator.services.registry import stream_servers
from emulator.services.relay import Relay
from emulator.services.runs import DialsBack
from emulator.services.stream import FarEndFactory
from emulator.services.surroundings import Surroundings
from emulator.store.database import Store
from emulator.wire import join as join_file
from emulator.wire.control import Listener
from emulator.wire.join import Join
from emulator.wire.receipt import Endpoint
from emulator.wire.reflector import Reflector
from emulator.wire.shared_secret import USERNAME_SIZE, derive_password
from emulator.world.cast import Cast
from emulator.world.world import World

RUN_OVER = 1800.0  # seconds after which no probe uses an account any more: no pass takes that long
LIFETIME = 24 * 3600.0  # seconds that a join file is good for


class CannotServe(CannotRun):
    """The emulator cannot do its job at all; the text names what is in the way and the remedy."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How to serve. `addresses` maps hosts, `peer` and `second`; `control` are addresses for the control channel.

    `state`: file in which the world is kept; None keeps it in memory. `open_accounts`: whoever signs in with an unknown
    address gets an account. `dispatch`: notification sessions are referred once before they may sign in.
    `dns_forward`: name server for all other names, asked for `dns_clients` alone; those alone get answers at all.
    `ports`: which ports are bound in place of public ones. `vantages`: networks in which a vantage may say itself where
    it is to be dialled.
    """

    addresses: dict[str, str]
    bind: str
    control_addresses: tuple[str, ...]
    control_port: int
    dns_address: str = ""
    dns_port: int = 53
    dns_forward: Endpoint | None = None
    dns_clients: tuple[IPv4Network, ...] = ()
    seed: str
    samples: int
    socket: Path | None = None
    state: Path | None = None
    open_accounts: bool = False
    dispatch: bool = False
    vantages: tuple[IPv4Network, ...] = ()
    ports: PortMap = PortMap()


class Emulator:
    """The far end, running in one reactor. `make_back(join, source)` makes what opens flows to vantages.

    `complain` tells whoever runs it what this machine will not do.
    """

    def __init__(
        self,
        reactor: Any,
        catalog: Catalog,
        authority: Authority,
        settings: Settings,
        cast: Cast,
        *,
        now: Callable[[], float],
        entropy: Callable[[int], bytes],
        make_back: Callable[[Callable[[], Join], str], DialsBack] | None = None,
        complain: Callable[[str], None] = lambda words: None,
    ) -> None:
        self._complain = complain
        self._reactor = reactor
        self._catalog = catalog
        self._authority = authority
        self._settings = settings
        self._now = now
        self._entropy = entropy
        self._token = entropy(32).hex()
        self._relay_key = entropy(32)
        self._journal = Journal(now)
        echo = next(clause for clause in catalog.clauses if "echo-udp" in clause.speaks)
        self._surroundings = Surroundings(
            addresses=settings.addresses,
            relay_port=catalog.ports.relay,
            echo_port=echo.low,
            relay_key=self._relay_key,
            now=now,
            entropy=entropy,
            ports=settings.ports,
        )
        self._relay = Relay(reactor, now=now, entropy=entropy)
        contexts = TlsContexts(authority)
        self._store = Store.open(settings.state)
        world = World(now=now, entropy=entropy, open_accounts=True, anybody=settings.open_accounts)
        self._store.load(world)
        cast.populate(world)
        self._house = House(world, self._flush, call_later=reactor.callLater, now=now, dispatch=settings.dispatch)
        shared = SharedPorts(reactor.callLater)
        contacts = move_in(
            self._house,
            catalog,
            call_later=reactor.callLater,
            now=now,
            entropy=entropy,
            sockets=ContactSockets(reactor, self._journal, settings.addresses["peer"], shared),
        )
        servers = stream_servers(
            catalog, authority, self._house, now=now, entropy=entropy, call_later=reactor.callLater
        )
        servers["pseudo-tls"] = self._relay.leg
        servers["msnftp"] = shared.server
        self._phone = Phone(
            reactor,
            self._journal,
            settings.addresses["peer"],
            now=now,
            entropy=entropy,
            people=Residents(world),
            relay=self._relay_credentials,
        )
        servers["sip"] = self._phone.stream
        servers["reflector"] = reflector = Reflector().server
        for contact in contacts:
            contact.network.reflector = reflector
            contact.network.phone = PhoneOf(self._phone, lambda account: seen_from(self._house, account))
        factory = FarEndFactory(reactor, self._journal, servers, self._surroundings, contexts.server_context())
        self.listeners = Listeners(
            reactor, catalog, self._journal, self._surroundings, factory, self._relay, bind=settings.bind
        )
        shared.held = self.listeners.hold
        dials = None if make_back is None else partial(make_back, self.join, settings.addresses["peer"])
        self._operations = Operations(
            reactor, catalog, self._journal, self.listeners, self._surroundings, dials, settings.vantages, self._forget
        )
        self._certificate = ControlCertificate(entropy)
        self._ports: list[interfaces.IListeningPort] = []
        self._forwarder: Forwarder | None = None

    def start(self) -> list[Listener]:
        """Open everything. Returns what listens and what does not; raises CannotServe without a control channel."""
        site = server.Site(ControlResource(self._operations, self._token))
        site.noisy = False
        site.displayTracebacks = False
        bound = self._settings.ports.bound(self._settings.control_port)
        for address in self._settings.control_addresses:
            try:
                self._ports.append(
                    self._reactor.listenSSL(bound, site, self._certificate.context_factory(), interface=address)
                )
            except error.CannotListenError as problem:
                raise CannotServe(
                    f"the control channel cannot listen on {address}:{bound}: "
                    f"{why_not(problem, 'tcp', address, bound)}; or give another --control-port."
                ) from problem
        if self._settings.socket is not None:
            self._settings.socket.unlink(missing_ok=True)
            self._ports.append(self._reactor.listenUNIX(str(self._settings.socket), site, mode=0o600))
        opened = self.listeners.open_documented(bytes.fromhex(self._settings.seed), self._settings.samples)
        if self._settings.dns_address:
            opened.append(self._names())
        return opened

    async def stop(self) -> None:
        """Close everything; whoever is signed in is told first."""
        self._operations.stop()
        self._house.close()
        await task.deferLater(self._reactor, 0.0)  # what was written leaves before the connections end
        await self.listeners.close()
        self._phone.close()
        self._relay.close()
        if self._forwarder is not None:
            self._forwarder.close()
        for port in self._ports:
            stopped = port.stopListening()
            if stopped is not None:
                await stopped
        if self._settings.socket is not None:
            self._settings.socket.unlink(missing_ok=True)
        self._store.close()

    def join(self) -> Join:
        """The join data of this emulator."""
        now = self._now()
        return Join(
            format=join_file.FORMAT,
            emulator=f"messenger-lab {__version__}",
            created=now,
            expires=now + LIFETIME,
            control=tuple(
                f"https://{address}:{self._settings.control_port}" for address in self._settings.control_addresses
            ),
            pin=sha256(self._certificate.der).hexdigest(),
            token=self._token,
            seed=self._settings.seed,
            samples=self._settings.samples,
            relay_key=self._relay_key.hex(),
            catalog=self._catalog.digest,
            root=self._authority.root_pem.decode(),
            addresses=self._settings.addresses,
        )

    def _flush(self) -> int:
        """Write what waits; when that fails the person who runs this hears of it, and whoever asked gets no answer."""
        try:
            return self._store.flush()
        except CannotRun as problem:
            self._complain(str(problem))
            raise

    def _relay_credentials(self) -> Credentials:
        """What the shared-secret exchange would give, for those who live here."""
        username = self._entropy(USERNAME_SIZE)
        return Credentials(self._surroundings.relay, username, derive_password(self._relay_key, username))

    def _forget(self) -> None:
        """Accounts of runs that are over; those of one that goes on beside the new one are younger."""
        self._house.world.forget(age=RUN_OVER)
        self._house.settle()

    def _names(self) -> Listener:
        address, port = self._settings.dns_address, self._settings.dns_port
        zone = Zone(self._catalog, self._settings.addresses)
        if self._settings.dns_forward is not None:
            self._forwarder = Forwarder(self._reactor, self._settings.dns_forward, self._entropy)
        try:
            self._ports += dns.listen(
                self._reactor,
                zone,
                address,
                self._settings.ports.bound(port),
                networks=self._settings.dns_clients,
                forwarder=self._forwarder,
            )
        except error.CannotListenError as problem:
            bound = cast(int, problem.port)
            why = f"{why_not(problem, 'udp', address, bound)}; or resolve names another way (hosts file)"
            return Listener("udp", address, port, False, ("names",), why)
        return Listener("udp", address, port, True, ("names",))
