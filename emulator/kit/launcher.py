"""The first to run in a bundle: unpacks it to a private directory, starts it there, leaves nothing behind.

Standard library only, and nothing of the emulator: it runs before anything else can be imported.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

BAD_INPUT, CANNOT_RUN, INTERRUPTED = 2, 3, 130
NAME = "messenger-lab"
KEEP = "--keep"
ENDINGS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

# In the process that runs: where modules are; a thread that ends it when whoever started it is gone, however that was.
START = """
import os, shutil, signal, sys, threading
place, bundle, lifeline = sys.argv[1:4]
sys.argv[1:4] = []
sys.path.insert(0, os.path.join(place, "lib"))
orphan = []
def ended(number, frame):
    raise SystemExit(128 + number)
def watch(descriptor):
    os.read(descriptor, 1)
    orphan.append(True)
    os.kill(os.getpid(), signal.SIGTERM)
signal.signal(signal.SIGTERM, ended)
if lifeline:
    threading.Thread(target=watch, args=(int(lifeline),), daemon=True).start()
try:
    from emulator.cli.bundled import main
    main(bundle)
except ImportError as problem:
    print("messenger-lab: %s: if programs may not be loaded from %s, name another place: --keep DIRECTORY"
          % (problem, place), file=sys.stderr)
    sys.exit(3)
except KeyboardInterrupt:
    sys.exit(130)
finally:
    if orphan and lifeline:
        shutil.rmtree(place, ignore_errors=True)
"""


class _Refused(Exception):
    """It cannot run here; the text is for people. `code` is the exit code."""

    def __init__(self, words: str, code: int = CANNOT_RUN) -> None:
        super().__init__(words)
        self.code = code


def main() -> int:
    """Exit code of the run; 2 for wrong use, 3 when it cannot run here, 130 when interrupted."""
    bundle = Path(sys.argv[0]).resolve()
    for number in ENDINGS:
        if number != signal.SIGINT:
            signal.signal(number, _give_up)
    try:
        keep, arguments = _kept(sys.argv[1:])
        with zipfile.ZipFile(bundle) as archive:
            manifest = json.loads(archive.read("bundle.json"))
            directory = _fitting(bundle, manifest)
            if keep is not None:
                return _run(_cached(archive, directory, keep, manifest["digest"]), bundle, arguments, keep=True)
            place = Path(tempfile.mkdtemp(prefix=f"{NAME}-{manifest['digest'][:12]}-"))  # mode 0700
            try:
                _unpack(archive, directory, place)
                return _run(place, bundle, arguments, keep=False)
            finally:
                shutil.rmtree(place, ignore_errors=True)
    except _Refused as refused:
        print(f"{NAME}: {refused}", file=sys.stderr)
        return refused.code
    except OSError as problem:
        print(f"{NAME}: {problem.filename or bundle}: {problem.strerror or problem}: make room, or name another place "
              f"with {KEEP} DIRECTORY or TMPDIR", file=sys.stderr)  # fmt: skip
        return CANNOT_RUN
    except KeyboardInterrupt:
        return INTERRUPTED


def _kept(arguments: list[str]) -> tuple[Path | None, list[str]]:
    """`--keep DIRECTORY` comes first; the rest is for the command."""
    if not arguments or arguments[0] != KEEP:
        return None, arguments
    if len(arguments) < 2:
        raise _Refused(f"{KEEP} needs a directory, in which the unpacked bundle stays for the next start", BAD_INPUT)
    return Path(arguments[1]).expanduser().resolve(), arguments[2:]


def _fitting(bundle: Path, manifest: dict[str, Any]) -> str:
    """The directory with binaries for this machine."""
    sys.path.insert(0, os.path.join(bundle, "lib"))
    from packaging import tags

    known = {str(tag) for tag in tags.sys_tags()}
    for platform in manifest["platforms"]:
        if all(known.intersection(wanted) for wanted in platform["needs"].values()):
            return str(platform["directory"])
    newest = next(iter(tags.sys_tags()))
    built = "; ".join(f"{one['words']} ({_lacking(one['needs'], known)})" for one in manifest["platforms"])
    raise _Refused(
        f"this bundle does not fit here: this is {newest.interpreter} on {newest.platform}, the bundle was built "
        f"for {built}. Make one for this machine: messenger-lab bundle --platform {newest.platform} "
        f"--python {sys.version_info[0]}.{sys.version_info[1]}"
    )


def _lacking(needs: dict[str, list[str]], known: set[str]) -> str:
    """Which tags of a set of binaries do not fit."""
    return ", ".join(sorted({wanted[0] for wanted in needs.values() if not known.intersection(wanted)}))


def _cached(archive: zipfile.ZipFile, directory: str, keep: Path, digest: str) -> Path:
    """The place of an earlier start with the same bundle, or a new one; complete or not there."""
    place = keep / f"{NAME}-{digest[:16]}-{directory.rpartition('/')[2]}"
    if place.is_dir() and not place.is_symlink():
        found = place.stat()
        if hasattr(os, "getuid") and (found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o022):
            raise _Refused(f"{place}: others may write there, or it is not yours: name another directory", BAD_INPUT)
        return place
    keep.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = Path(tempfile.mkdtemp(prefix=f".{NAME}-", dir=keep))
    try:
        _unpack(archive, directory, draft)
        draft.rename(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return place


def _unpack(archive: zipfile.ZipFile, directory: str, place: Path) -> None:
    """All modules to `place/lib`; the join data stay in the bundle."""
    made: set[Path] = set()
    for name in archive.namelist():
        for prefix in ("lib/", f"{directory}/"):
            if name.startswith(prefix):
                path = place / "lib" / name.removeprefix(prefix)
                if path.parent not in made:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    made.add(path.parent)
                path.write_bytes(archive.read(name))


def _run(place: Path, bundle: Path, arguments: list[str], *, keep: bool) -> int:
    """Run it as a process of its own, so that its files can be removed behind it; what asks us to end is passed on.

    Whoever kills us leaves a pipe with one end: the process then ends, and removes the files itself.
    """
    process: list[subprocess.Popen[bytes]] = []
    asked: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        for one in process:
            _ask(one, number)

    before = {number: signal.signal(number, pass_on) for number in ENDINGS}
    lifeline: tuple[int, ...] = os.pipe() if os.name == "posix" else ()  # Windows hands no descriptors over
    argv = [sys.executable, "-I", "-S", *([] if keep else ["-B"]), "-c", START, str(place), str(bundle)]
    argv += [str(lifeline[0]) if lifeline and not keep else "", *arguments]
    try:
        process.append(subprocess.Popen(argv, pass_fds=lifeline[:1]))
        for number in asked:
            _ask(process[0], number)
        code = process[0].wait()
        return 128 - code if code < 0 else code
    finally:
        for descriptor in lifeline:
            os.close(descriptor)
        for one in process:
            if one.poll() is None:
                one.kill()
                one.wait()
        _restore(before)


def _restore(before: dict[int, Any]) -> None:
    setter: Callable[[int, Any], Any] = signal.signal
    for number, handler in before.items():
        setter(number, handler)


def _ask(process: subprocess.Popen[bytes], number: int) -> None:
    """Ctrl-C reaches it by itself where there are no signals to send."""
    if os.name == "posix" and process.poll() is None:
        process.send_signal(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)


def _give_up(number: int, frame: FrameType | None) -> None:
    """Asked to end before anything runs: the way out removes what was unpacked."""
    sys.exit(128 + number)
