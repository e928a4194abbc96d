"""What the lab needs of this machine, for `doctor`: asked of the machine, not guessed from its name.

Changes nothing but this process: what is tried is tried in namespaces that vanish at once.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable

import msgspec

PATH = "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin:/usr/local/bin"
LIMIT = 10.0  # seconds per trial

# Everything that the scenarios' files use: state, both kinds of reject, sets, port arithmetic.
TRIAL_RULES = b"""
table inet trial {
  set ports { type inet_service; flags interval; elements = { 80, 1025-65535 } }
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    tcp dport @ports accept
    tcp dport & 1 == 1 reject with tcp reset
    reject with icmpx admin-prohibited
  }
}
"""


class Requirement(msgspec.Struct, frozen=True):
    """One need: whether it is met, what is lost without it, and how to meet it. `way`: how it is met, if in doubt."""

    name: str
    ok: bool
    costs: str
    remedy: str
    way: str = ""


def check() -> tuple[Requirement, ...]:
    """All needs of the lab, in the order in which they matter.

    Who is not root is root of a user namespace afterwards, where that is possible: for a process that only asks.
    """
    linux = sys.platform == "linux"
    rights = _rights() if linux else Requirement("rights", False, "", "")
    namespaces = rights.ok and _tries(_namespace)
    nft = shutil.which("nft", path=PATH)
    no_lab = "no lab on this machine; `serve` and `run` on two machines still work"
    no_rules = "no firewall in the lab"
    return (
        Requirement("linux", linux, no_lab, "use a Linux machine, or a container with --privileged"),
        msgspec.structs.replace(rights, costs=no_lab),
        Requirement("namespaces", namespaces, no_lab, "run as root; in a container add --cap-add SYS_ADMIN,NET_ADMIN"),
        Requirement("links", namespaces and _tries(_links), no_lab, "load the kernel module veth"),
        Requirement("nft", nft is not None, no_rules, "install the package `nftables`"),
        Requirement(
            "nft-rules",
            namespaces and nft is not None and _tries(lambda: _rules(nft)),
            no_rules,
            "load the kernel modules nf_tables, nft_ct, nft_reject_inet and nf_conntrack",
        ),
        Requirement(
            "squid", _found("squid"), "the scenario proxy-note cannot run in the lab", "install the package `squid`"
        ),
        Requirement("tshark", _found("tshark"), "no captures with decoded packets", "install the package `tshark`"),
    )


def _rights() -> Requirement:
    """Which way this user can go on this machine: root, a user namespace, or neither."""
    from emulator.lab.addressing import LabError
    from emulator.lab.namespaces import acquire, obstacle, person, privileged

    if privileged():
        forbidden = obstacle()
        others = f"not possible for other users: {forbidden[0]}" if forbidden else "other users: in user namespaces"
        return Requirement("rights", True, "", "run as root", f"as root ({others})")
    who = person()
    try:
        acquire()
    except LabError as error:
        return Requirement("rights", False, "", str(error))
    return Requirement("rights", True, "", "run as root", f"without root: user {who} in a user namespace")


def _found(program: str) -> bool:
    return shutil.which(program, path=PATH) is not None


def _tries(trial: Callable[[], None]) -> bool:
    # Imported here: on other systems these modules cannot be loaded, and only `check` must work there.
    from emulator.lab.addressing import LabError

    try:
        trial()
    except (LabError, OSError, subprocess.SubprocessError):
        return False
    return True


def _namespace() -> None:
    from emulator.lab.process import end, hold

    end(hold(), grace=0)


def _links() -> None:
    from emulator.lab.addressing import PLACES, links
    from emulator.lab.network import build
    from emulator.lab.process import end, hold

    holding = {}
    try:
        for place in PLACES:
            holding[place] = hold()
        build({place: one.pid for place, one in holding.items()}, links({"peer": "203.0.113.10"}))
    finally:
        for one in holding.values():
            end(one, grace=0)


def _rules(nft: str) -> None:
    from emulator.lab.process import end, hold, start_in

    holder = hold()
    try:
        process = start_in(
            holder.pid,
            [nft, "-f", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.communicate(TRIAL_RULES, LIMIT)
            if process.returncode != 0:
                raise OSError("nft refuses rules that the scenarios need")
        finally:
            end(process, grace=0)
    finally:
        end(holder, grace=0)
