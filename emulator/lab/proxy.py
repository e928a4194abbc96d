"""The lab's squid: a scenario's configuration with its blanks filled in, started on the firewall.

Not a policy: who may pass is in the scenario's file alone.

A scenario's squid file has three blanks, each written in capitals between at signs: `@LISTEN@` (address and port),
`@AUTHENTICATOR@` (the helper that checks name and password) and `@PASSWORDS@` (its password file). What is not policy
(logs, cache, names) is added behind it.
"""

from __future__ import annotations

import hashlib
import os
import re
import select
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic

from emulator.lab.addressing import INSIDE_GATEWAY, PROXY_PORT, LabError
from emulator.lab.process import end

USER = "proxy"
URL = f"http://{INSIDE_GATEWAY}:{PROXY_PORT}"
START_LIMIT = 15.0  # seconds until it must listen
HELPERS = ("/usr/lib/squid", "/usr/lib64/squid", "/usr/libexec/squid", "/usr/local/libexec/squid")
BLANKS = ("LISTEN", "AUTHENTICATOR", "PASSWORDS")

REST = """
# Added by the lab: no policy below this line.
visible_hostname firewall.lab
pid_filename {directory}/squid.pid
cache_log {directory}/cache.log
access_log stdio:{directory}/access.log
coredump_dir {directory}
hosts_file {directory}/hosts
# There is no resolver in the firewall: what is not in the hosts file does not exist, at once.
dns_nameservers 127.0.0.1
dns_timeout 1 second
dns_retransmit_interval 1 second
cache deny all
cache_mem 8 MB
memory_pools off
netdb_filename none
pinger_enable off
shutdown_lifetime 0 seconds
"""

Give = Callable[[list[Path]], None]
Start = Callable[[list[str], Path], "subprocess.Popen[bytes]"]


class Proxy:
    """A running squid with the scenario's file `configuration`. `directory` is private to it and gone after `stop`."""

    def __init__(self, process: subprocess.Popen[bytes], configuration: Path, directory: Path) -> None:
        self.process = process
        self.configuration = configuration
        self.directory = directory

    @property
    def access_log(self) -> str:
        """What squid says it served so far, in its native format."""
        path = self.directory / "access.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def stop(self) -> None:
        """End squid and remove its directory."""
        end(self.process, grace=0)  # its logs are written through, and asked politely it takes two seconds
        shutil.rmtree(self.directory, ignore_errors=True)


def start(
    configuration: Path,
    directory: Path,
    credentials: tuple[str, str] | None,
    hosts: Mapping[str, str],
    give: Give,
    run: Start,
) -> Proxy:
    """Start squid as user `proxy` and wait until it listens.

    `credentials`: the one name and password that it will accept. `hosts`: all names that it can resolve. `give`
    makes files that user's, `run` starts a command as that user on the firewall with a working directory.
    Raises LabError: squid, its helper or its user is missing, the file cannot be read, has an unknown blank, or squid
    refuses it (with the last lines of its log).
    """
    program = shutil.which("squid", path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin")
    if program is None:
        raise LabError("squid is missing: install the package `squid`.")
    try:
        text = configuration.read_text("utf-8")
    except OSError as error:
        raise LabError(f"{configuration}: {error.strerror}. Name an existing squid file.") from error
    directory.mkdir(mode=0o700)
    filled = fill(text, configuration, directory) + REST.format(directory=directory)
    (directory / "squid.conf").write_text(filled)
    (directory / "passwords").write_text("".join(_password_line(*pair) for pair in [credentials] if pair is not None))
    (directory / "hosts").write_text("".join(f"{address} {name}\n" for name, address in hosts.items()))
    give([directory, *directory.iterdir()])
    process = run([program, "-N", "-f", str(directory / "squid.conf")], directory)
    try:
        _await_listening(process, configuration, directory)
    except BaseException:
        Proxy(process, configuration, directory).stop()
        raise
    return Proxy(process, configuration, directory)


def fill(text: str, source: Path, directory: Path) -> str:
    """The squid file with its blanks filled in. Raises LabError for a blank that does not exist."""

    def value(match: re.Match[str]) -> str:
        match match[1]:
            case "LISTEN":
                return f"{INSIDE_GATEWAY}:{PROXY_PORT}"
            case "AUTHENTICATOR":
                return _helper("basic_ncsa_auth")
            case "PASSWORDS":
                return str(directory / "passwords")
        raise LabError(f"{source}: unknown blank {match[0]}. Known: {', '.join(f'@{name}@' for name in BLANKS)}.")

    # Comments may speak of blanks without having them filled.
    return "\n".join(
        line if line.lstrip().startswith("#") else re.sub(r"@([A-Z_]+)@", value, line) for line in text.splitlines()
    )


def _helper(name: str) -> str:
    for folder in HELPERS:
        path = Path(folder, name)
        if os.access(path, os.X_OK):
            return str(path)
    raise LabError(f"squid's helper {name} is missing: install the package `squid`.")


def _password_line(name: str, password: str) -> str:
    # Plain MD5 in hexadecimal is one of the formats that the helper takes; the file lives as long as this squid does,
    # its password is drawn for it, and only squid may read it.
    return f"{name}:{hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()}\n"


def _await_listening(process: subprocess.Popen[bytes], configuration: Path, directory: Path) -> None:
    """Look at the kernel's table of sockets, not at the port: a trial connection would stand in the access log."""
    deadline = monotonic() + START_LIMIT
    pidfd = os.pidfd_open(process.pid)
    try:
        while not _listens(process.pid):
            left = deadline - monotonic()
            ended, _, _ = select.select([pidfd], [], [], max(0.0, min(0.02, left)))
            if ended or left <= 0:
                state = "ended at once" if ended else f"does not listen after {START_LIMIT:.0f} s"
                raise LabError(f"{configuration}: squid {state}. Mend the file. It said:\n{_last_words(directory)}")
    finally:
        os.close(pidfd)


def _listens(pid: int) -> bool:
    port = f":{PROXY_PORT:04X}"
    for table in ("tcp", "tcp6"):
        try:
            rows = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        if any(row.split()[1].endswith(port) and row.split()[3] == "0A" for row in rows):
            return True
    return False


def _last_words(directory: Path) -> str:
    lines: list[str] = []
    for name in ("output.log", "cache.log"):
        path = directory / name
        if path.exists():
            lines += path.read_text("utf-8", "replace").splitlines()[-12:]
    return "\n".join(lines) or "(nothing)"
