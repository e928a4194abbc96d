"""The lab that is up, for commands that come and go: start it, find it, change its rules, end it.

Not the lab itself: a detached keeper process holds that, and one JSON file in the runtime directory names it.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from emulator.lab.addressing import LabError, Place
from emulator.lab.boxes import Boxes
from emulator.lab.process import start_time
from emulator.lab.runtime import prepare, runtime_directory

FORMAT = 1
NAME = "lab"  # of the lab that commands use when none is named
UP_LIMIT = 30.0  # seconds until the keeper must have built the lab and `serve` must be ready
DOWN_LIMIT = 15.0  # seconds for an orderly end


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A lab that is up. `keeper` is a pid, `keeper_started` its start in clock ticks since boot, `server` a pid."""

    format: int
    name: str
    keeper: int
    keeper_started: int
    server: int
    holders: dict[Place, int]
    addresses: dict[str, str]
    directory: str


def state_file(name: str, runtime: Path | None = None) -> Path:
    """Where the state of the lab called `name` is kept; its log is beside it."""
    return (runtime or runtime_directory(os.environ)) / f"{name}.json"


def join_file(name: str, runtime: Path | None = None) -> Path:
    """The join file of the emulator of the lab called `name`."""
    return (runtime or runtime_directory(os.environ)) / f"{name}-join.toml"


def hosts_file(name: str, runtime: Path | None = None) -> Path:
    """The addresses with which the emulator of the lab called `name` was started."""
    return (runtime or runtime_directory(os.environ)) / f"{name}-hosts.toml"


def keepers_files(name: str, runtime: Path | None = None) -> tuple[Path, ...]:
    """What a keeper removes when it ends, the lock last; its log stays, to be read."""
    state = state_file(name, runtime)
    return state, join_file(name, runtime), hosts_file(name, runtime), state.with_suffix(".lock")


def serve_command(arguments: Sequence[str]) -> list[str]:
    """The command line of `messenger-lab serve` for `up`."""
    return [sys.executable, "-m", "emulator", "serve", *arguments]


def up(command: Sequence[str], *, ready: Path | None = None, name: str = NAME, runtime: Path | None = None) -> State:
    """Build a lab that outlives this process, with `command` (see `serve_command`) running outside.

    Waits until the file `ready` appears (the join file, say). Raises LabError: one of that name is up already, the
    lab cannot be built, or the command ended before it was ready (with the end of its log).
    """
    where = runtime or runtime_directory(os.environ)
    if status(name=name, runtime=where) is not None:
        raise LabError(f"the lab {name!r} is up already: use it, or end it with `{_command('down', name)}`.")
    prepare(where)
    reader, writer = os.pipe()
    try:
        _start_keeper(where, name, ready, writer, command)
        os.close(writer)
        writer = -1
        said = _read_all(reader, UP_LIMIT)
    finally:
        for descriptor in (reader, writer):
            if descriptor >= 0:
                os.close(descriptor)
    state = status(name=name, runtime=where)
    if said != "ready" or state is None:
        raise LabError(said.strip() or f"the keeper of the lab ended without a word: see {where / name}.log.")
    return state


def status(*, name: str = NAME, runtime: Path | None = None) -> State | None:
    """The lab that is up, or None. A file left by a keeper that is gone is removed."""
    path = state_file(name, runtime)
    try:
        state = msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise LabError(f"{path}: {error}. Delete it when no lab is up.") from error
    if state.format != FORMAT or start_time(state.keeper) != state.keeper_started:
        path.unlink(missing_ok=True)
        return None
    return state


def down(*, name: str = NAME, runtime: Path | None = None) -> bool:
    """End the lab that is up; False when none was. Returns when its keeper is gone, by force if need be.

    Files that a lab of that name left are removed in any case.
    """
    state = status(name=name, runtime=runtime)
    if state is not None:
        _end_keeper(state)
    _tidy(name, runtime)
    return state is not None


def _end_keeper(state: State) -> None:
    try:
        keeper = os.pidfd_open(state.keeper)
    except ProcessLookupError:
        return
    try:
        for number, limit in ((signal.SIGTERM, DOWN_LIMIT), (signal.SIGKILL, DOWN_LIMIT)):
            try:
                signal.pidfd_send_signal(keeper, number)
            except ProcessLookupError:
                break
            if select.select([keeper], [], [], limit)[0]:
                break
    finally:
        os.close(keeper)


def _tidy(name: str, runtime: Path | None) -> None:
    """Remove the files of a lab that is gone, or whose keeper was killed; not those of one that starts."""
    beside = state_file(name, runtime)
    if not beside.parent.is_dir():
        return
    lock = _locked(beside.with_suffix(".lock"))
    if lock is None:
        return
    for path in (beside.with_suffix(".log"), *keepers_files(name, runtime)):
        path.unlink(missing_ok=True)
    os.close(lock)
    with suppress(LabError), alone(name, runtime=runtime):
        pass  # a run that was killed left its lock; one that still ends takes it away itself


def load_lab(*, name: str = NAME, runtime: Path | None = None) -> Boxes:
    """Enter the lab that is up: what is started through it dies with us, the lab stays. LabError when none is up."""
    state = status(name=name, runtime=runtime)
    if state is None:
        raise LabError(f"no lab {name!r} is up: start one with `{_command('up', name)}`.")
    return Boxes(state.holders, state.addresses, runtime or runtime_directory(os.environ))


@contextmanager
def alone(name: str, *, runtime: Path | None = None) -> Iterator[None]:
    """Be the only run in the lab called `name`: a second one would change rules under the first. Raises LabError."""
    place = state_file(name, runtime).with_suffix(".run")
    lock = _locked(place)
    if lock is None:
        raise LabError(
            f"another run is using the lab {name!r}: wait for it, or run in another one "
            "(`messenger-lab lab up --name second`, `messenger-lab run --lab second ...`)."
        )
    try:
        yield
    finally:
        place.unlink(missing_ok=True)
        os.close(lock)


def _locked(place: Path) -> int | None:
    """The file that stands at a place, locked; None when somebody else has it. Its owner removes it in the end."""
    while True:
        lock = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), os.stat(place)):
                return lock
        except BlockingIOError:
            os.close(lock)
            return None
        except FileNotFoundError:
            pass
        os.close(lock)  # its owner removed it meanwhile


def apply(path: Path, *, name: str = NAME, runtime: Path | None = None) -> None:
    """Load an nft file into the firewall of the lab that is up. Raises LabError as `Boxes.apply` does."""
    with load_lab(name=name, runtime=runtime) as boxes:
        boxes.apply(path)


def _command(verb: str, name: str) -> str:
    return f"messenger-lab lab {verb}" + (f" --name {name}" if name != NAME else "")


def _start_keeper(where: Path, name: str, ready: Path | None, writer: int, command: Sequence[str]) -> None:
    argv = [sys.executable, "-m", "emulator.lab.keeper", "--runtime", str(where), "--name", name]
    argv += ["--report", str(writer)] + (["--ready", str(ready)] if ready is not None else [])
    with (where / f"{name}.log").open("wb") as log:
        # It forks and leaves, so this returns at once and the keeper is nobody's child.
        subprocess.run(
            [*argv, "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[writer],
            start_new_session=True,
            check=False,
            timeout=UP_LIMIT,
        )


def _read_all(reader: int, limit: float) -> str:
    """What the keeper says until it closes its end; a keeper that says nothing in time is given up."""
    said = b""
    while select.select([reader], [], [], limit)[0]:
        piece = os.read(reader, 65536)
        if not piece:
            return said.decode("utf-8", "replace")
        said += piece
    return f"the lab is not ready after {limit:.0f} s"
