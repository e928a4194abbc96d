"""Links, addresses, routes and kernel settings of the three places. Not the firewall's rules.

All of it runs in threads of its own: entering a namespace then moves only that thread, and pyroute2, which brings its
own event loop, never meets the one that may be running in the caller's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from emulator.lab.addressing import GATEWAYS, Interface, LabError, Link, Place
from emulator.lab.namespaces import REMEDY, enter_network

T = TypeVar("T")

# IPv6 stays out: the lab is IPv4, and neighbour discovery would only add noise to captures.
EVERYWHERE = {"net/ipv6/conf/all/disable_ipv6": "1", "net/ipv6/conf/default/disable_ipv6": "1"}
FIREWALL = {
    "net/ipv4/ip_forward": "1",
    # ICMP errors without a rate limit: a limited REJECT looks like DROP from the inside.
    "net/ipv4/icmp_ratelimit": "0",
    "net/ipv4/icmp_ratemask": "0",
}


def build(holders: Mapping[Place, int], cables: tuple[Link, ...]) -> None:
    """Wire the namespaces of the holders' pids together. Raises LabError when the kernel refuses."""
    for place, holder in holders.items():
        _inside(holder, lambda place=place: _settings(EVERYWHERE | (FIREWALL if place == "firewall" else {})))  # type: ignore[misc]
    for link in cables:
        _inside(holders[link.one.place], lambda link=link: _cable(link, holders[link.other.place]))  # type: ignore[misc]
    for place, holder in holders.items():
        mine = [end for link in cables for end in (link.one, link.other) if end.place == place]
        _inside(holder, lambda place=place, mine=mine: _configure(place, mine))  # type: ignore[misc]


def _inside(holder: int, work: Callable[[], T]) -> T:
    """Run `work` in a thread inside a namespace; its error comes back as LabError."""
    result: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            enter_network(holder)
            result.append(work())
        except BaseException as error:  # handed to the caller below: a thread must not swallow it
            failure.append(error)

    thread = threading.Thread(target=run, name="lab-network")
    thread.start()
    thread.join()
    if not failure:
        return result[0]
    if isinstance(failure[0], (OSError, NetlinkError)):
        raise LabError(f"the lab's network cannot be built ({failure[0]}): {REMEDY}.") from failure[0]
    raise failure[0]


def _settings(values: Mapping[str, str]) -> None:
    for name, value in values.items():
        path = Path("/proc/sys", name)
        if path.exists():  # a kernel without IPv6 has nothing to switch off
            path.write_text(value)


def _cable(link: Link, other: int) -> None:
    with IPRoute() as route:
        route.link("add", ifname=link.one.name, kind="veth", peer={"ifname": link.other.name, "net_ns_pid": other})


def _configure(place: Place, mine: list[Interface]) -> None:
    with IPRoute() as route:
        route.link("set", index=route.link_lookup(ifname="lo")[0], state="up")
        for interface in mine:
            index = route.link_lookup(ifname=interface.name)[0]
            for address in interface.addresses:
                route.addr("add", index=index, address=address, prefixlen=interface.prefix)
            route.link("set", index=index, state="up")
        if place in GATEWAYS:
            route.route("add", dst="default", gateway=GATEWAYS[place])
