"""`messenger-lab serve`: the emulator, in the foreground, until Ctrl-C."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import rich_click as click
from rich.markup import escape

from emulator.catalog import load
from emulator.cli import identity, places
from emulator.cli.authority import open_or_create
from emulator.cli.listening import show
from emulator.cli.terminal import (
    BAD_INPUT,
    CANNOT_RUN,
    Complaints,
    checked_seed,
    clear_errors,
    complain,
    console,
    entropy,
    named_by_person,
    now,
    stderr,
)
from emulator.net import portmap
from emulator.net.descriptors import raise_limit
from emulator.probe.back import Back
from emulator.report.whole import write_private
from emulator.services.emulator import Emulator, Settings
from emulator.store.casting import find_cast
from emulator.wire import join as join_file


@click.command("serve", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--address", metavar="IP", help="Address that plays every host (real gear: your outside address).")
@click.option("--second", metavar="IP", help="Second address, for network detection's other server.")
@click.option("--addresses", type=click.Path(path_type=Path), help="TOML file: one address per host, peer, second.")
@click.option(
    "--pool", metavar="NETWORK|FIRST-LAST", help="Addresses of this machine that share all hosts between them."
)
@click.option("--control", multiple=True, metavar="IP", help="Where the control channel listens (default: --address).")
@click.option("--control-port", type=click.IntRange(1, 65535), help="TCP port of the control channel.")
@click.option("--dns", metavar="IP", help="Answer names there, UDP and TCP 53 (default: no name server).")
@click.option("--dns-port", type=click.IntRange(1, 65535), default=53, show_default=True)
@click.option("--dns-forward", metavar="IP[:PORT]", help="Ask this name server for all other names.")
@click.option("--dns-clients", metavar="NETWORK", multiple=True, help="Who gets answers, and may ask for other names.")
@click.option("--join-out", metavar="FILE|-", help="Write the join file for `run` (mode 0600), or print it.")
@click.option("--certs", type=click.Path(path_type=Path), help="Directory of the certificates (made when missing).")
@click.option("--seed", metavar="HEX", help="Seed of the sampled ports (default: random, printed).")
@click.option("--samples", type=click.IntRange(0, 512), default=8, show_default=True, help="Random ports per range.")
@click.option("--socket", type=click.Path(path_type=Path), help="Control API on this Unix socket as well.")
@click.option(
    "--state", type=click.Path(path_type=Path), help="Keep accounts and messages in this file (else: memory)."
)
@click.option(
    "--cast", "cast_file", metavar="FILE", help="TOML file with the accounts (default: alice, bob and friends)."
)
@click.option(
    "--open-accounts", is_flag=True, help="Whoever signs in with an unknown address gets an account (default: refused)."
)
@click.option("--dispatch", is_flag=True, help="Refer every sign-in once, as a dispatch server did (XFR NS).")
@click.option(
    "--vantages",
    metavar="NETWORK",
    multiple=True,
    help="Dial back to any address of this network that a probe names (else: only where its flows come from).",
)
@click.option(
    "--advertise",
    metavar="PUBLIC=BOUND",
    multiple=True,
    help="Bind another port where a router or rule maps the public one to it: 80=8080. May be given again.",
)
@click.option("--user", metavar="NAME", help="Give root up for this user once the ports are open (run with sudo).")
@click.option("--quiet", is_flag=True, help="Only say what does not work.")
def command(
    address: str | None,
    second: str | None,
    addresses: Path | None,
    pool: str | None,
    control: tuple[str, ...],
    control_port: int | None,
    dns: str | None,
    dns_port: int,
    dns_forward: str | None,
    dns_clients: tuple[str, ...],
    join_out: str | None,
    certs: Path | None,
    seed: str | None,
    samples: int,
    socket: Path | None,
    state: Path | None,
    cast_file: str | None,
    open_accounts: bool,
    dispatch: bool,
    vantages: tuple[str, ...],
    advertise: tuple[str, ...],
    user: str | None,
    quiet: bool,
) -> None:
    """Impersonate the Messenger network until Ctrl-C.

    On real gear: `messenger-lab serve --address 198.51.100.7 --join-out join.toml`, then carry `join.toml` inside.
    """
    with clear_errors():
        catalog = load()
        hosts = places.hosts(catalog, address, second, pool, addresses)
        for given in (*control, *((dns,) if dns else ())):
            places.check_address("--control or --dns", given)
        forward = places.server("--dns-forward", dns_forward) if dns_forward else None
        clients = tuple(places.network("--dns-clients", text) for text in dns_clients)
        if forward is not None and not (dns and clients):
            complain("--dns-forward needs --dns IP, and --dns-clients NETWORK: who may ask for other names", BAD_INPUT)
        seed = checked_seed(seed) or entropy(8).hex()
        ports = portmap.parse(advertise, (*catalog.fixed_ports("tcp"), *catalog.fixed_ports("udp")))
        raise_limit()
        become = identity.named(user)
        if become is not None:
            become.check(Path(join_out) if join_out and join_out != "-" else None, state, socket)
        with become.acting() if become is not None else nullcontext():
            authority = open_or_create(certs, catalog)
        settings = Settings(
            addresses=hosts,
            bind=address or "0.0.0.0",
            control_addresses=control or (hosts["peer"],),
            control_port=control_port or catalog.ports.control,
            dns_address=dns or "",
            dns_port=dns_port,
            dns_forward=forward,
            dns_clients=clients,
            seed=seed,
            samples=samples,
            socket=socket,
            state=state,
            open_accounts=open_accounts,
            dispatch=dispatch,
            vantages=tuple(places.network("--vantages", text) for text in vantages),
            ports=ports,
        )
        cast = find_cast(cast_file, cwd=Path.cwd())
        from twisted.internet import reactor  # the one place (with `run`) where a reactor is chosen

        def make_back(join: Callable[[], join_file.Join], source: str) -> Back:
            return Back(reactor, catalog, join, source, now=now, entropy=entropy)

        with become.acting() if become is not None else nullcontext():
            emulator = Emulator(
                *(reactor, catalog, authority, settings, cast),
                now=now,
                entropy=entropy,
                make_back=make_back,
                complain=Complaints(now),
            )
        listeners = emulator.start()
        if become is not None:
            emulator.listeners.open_leaks()  # undocumented ports below 1024 that a run may ask for later
            if socket is not None:
                os.chown(socket, become.uid, become.gid)
            become.assume()
        if not any(listener.open for listener in listeners):
            show(stderr, listeners, ports, quiet=False)
            complain("nothing could be opened: every row is lost", CANNOT_RUN)
        text = join_file.dump(emulator.join())
        if not quiet or any(not listener.open for listener in listeners):
            show(stderr, listeners, ports, quiet=quiet)
        if join_out == "-":
            print(text)
        elif join_out:
            with named_by_person(join_out):
                write_private(Path(join_out), text.encode())
        if not quiet:
            console.print(
                f"[green]ready[/]  seed {seed}  samples {samples}  control "
                + ", ".join(f"{item}:{settings.control_port}" for item in settings.control_addresses)
                + (f"  join file {escape(join_out)}" if join_out and join_out != "-" else ""),
                highlight=False,
                soft_wrap=True,
            )
        _until_stopped(reactor, emulator)


def _until_stopped(reactor: Any, emulator: Emulator) -> None:
    def stop(number: int, frame: object) -> None:
        reactor.callFromThread(_stop, reactor, emulator)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    reactor.run(installSignalHandlers=False)


def _stop(reactor: Any, emulator: Emulator) -> None:
    from twisted.internet.defer import Deferred

    Deferred.fromCoroutine(emulator.stop()).addBoth(lambda _: reactor.stop() if reactor.running else None)
