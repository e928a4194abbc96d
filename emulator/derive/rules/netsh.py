"""A rule set for the Windows firewall of the machine that Messenger runs on, as lines of `netsh advfirewall`.

Source: netsh advfirewall firewall add rule /?. A block rule there wins over any allow rule, whatever the order.
"""

from __future__ import annotations

from emulator.derive.rules.ruleset import DIRECTIONS, TRANSPORTS, RuleSet
from emulator.derive.rules.site import WHO, Site, port_list, reasons

GROUP = "Messenger"


def netsh(rules: RuleSet, site: Site) -> str:
    """Text for a .cmd file, run as administrator: outbound rules by remote port, inbound ones by local port."""
    lines = [
        "@echo off",
        f"rem messenger-lab rules netsh: {rules.title}.",
        "rem Run as administrator. Rules that block win over these: netsh advfirewall firewall show rule name=all",
    ]
    for direction in DIRECTIONS:
        for transport in TRANSPORTS:
            openings = rules.of(direction, transport)
            if not openings:
                continue
            lines += [f"rem {transport.upper()} {one.ports}, {WHO[direction]}: {reasons(one)}" for one in openings]
            way, side = ("out", "remoteport") if direction == "outward" else ("in", "localport")
            name = f"{GROUP} {transport.upper()} {way}"
            what = f"protocol={transport.upper()} {side}={port_list(openings)}"
            lines += [
                f'netsh advfirewall firewall delete rule name="{name}" >nul',
                f'netsh advfirewall firewall add rule name="{name}" dir={way} action=allow {what} profile=any',
            ]
    return "\r\n".join(lines) + "\r\n"
