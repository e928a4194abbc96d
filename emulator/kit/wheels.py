"""Files of distributions: of those that are installed here, and of wheels for other platforms, fetched with pip.

Not their choice (`closure`), and not the bundle.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from email import message_from_string
from importlib import metadata
from pathlib import Path

import msgspec
from packaging import tags
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from emulator.kit import closure
from emulator.problems import BadInput, CannotRun

Files = dict[str, bytes]
FETCH_LIMIT = 300.0  # seconds for one call of pip
UNUSED = {"test", "tests", "newsfragments"}  # directories that no program needs
SYSTEMS = {"win": ("win32", "Windows", "nt"), "macosx": ("darwin", "Darwin", "posix")}
LINUX = ("linux", "Linux", "posix")
LEGACY = {"manylinux2014": 17, "manylinux2010": 12, "manylinux1": 5}  # PEP 600: glibc 2.x of the older names


class Piece(msgspec.Struct, frozen=True):
    """One distribution: its files by their path below a directory for modules. `tags`: what a machine must fit one of
    (PEP 425); empty for pure Python.
    """

    name: str
    tags: tuple[str, ...]
    files: Files


class Target(msgspec.Struct, frozen=True):
    """Another machine: a platform tag as wheels have it, and a Python version like `3.12`."""

    platform: str
    python: str

    @property
    def environment(self) -> dict[str, str]:
        """Markers (PEP 508) of that machine."""
        system = next((facts for prefix, facts in SYSTEMS.items() if self.platform.startswith(prefix)), LINUX)
        named = dict(zip(("sys_platform", "platform_system", "os_name"), system, strict=True))
        machine = re.sub(r"^(win|macosx_\d+_\d+|(many|musl)?linux(_?\d+)*)_", "", self.platform)
        return (
            {key: str(value) for key, value in default_environment().items()}
            | named
            | {
                "platform_machine": machine,
                "python_version": self.python,
                "python_full_version": f"{self.python}.0",
            }
        )


def target(platform: str, python: str) -> Target:
    """Raises BadInput when it is none that a bundle can be for."""
    if not re.fullmatch(r"(win|macosx_|manylinux|musllinux_|linux_)[a-z0-9_]+", platform):
        raise BadInput(
            f"--platform {platform!r}: name one as wheels do: win_amd64, macosx_14_0_arm64, manylinux_2_34_x86_64"
        )
    if not re.fullmatch(r"3\.\d+", python) or int(python.partition(".")[2]) < 11:
        raise BadInput(f"--python {python!r}: give 3.11 or newer, as 3.12")
    return Target(platform, python)


def here() -> dict[str, Piece]:
    """All distributions that the probe side needs on this machine, as they are installed, by canonical name."""
    roots = closure.distributions(closure.needs().tops)
    environment = {key: str(value) for key, value in default_environment().items()}
    return {name: _installed(name) for name in closure.required(roots, environment, _known())}


def fetched(where: Target, wheelhouse: Path | None, installed: Mapping[str, Piece]) -> dict[str, Piece]:
    """The same for another machine: pure ones from here, the others by pip, from `wheelhouse` or where pip looks.

    Raises CannotRun with what pip said.
    """
    known = _known()
    roots = closure.distributions(closure.needs().tops)
    pieces: dict[str, Piece] = {}
    with tempfile.TemporaryDirectory(prefix="messenger-lab-wheels-") as directory:
        while True:  # what is not installed here (because of its marker) tells of its needs when it has come
            names = closure.required(roots, where.environment, known)
            missing = {name: one for name, one in names.items() if name not in pieces}
            if not missing:
                return pieces
            pieces |= {name: installed[name] for name in missing if name in installed and not installed[name].tags}
            wanted = [_pinned(one) for name, one in missing.items() if name not in pieces]
            for wheel in _download(where, wheelhouse, wanted, Path(directory)):
                piece, found = _unpacked(wheel)
                pieces[piece.name] = piece
                known.setdefault(piece.name, found)


def _known() -> dict[str, metadata.Distribution]:
    return {canonicalize_name(one.metadata["Name"]): one for one in metadata.distributions()}


def _pinned(one: Requirement) -> str:
    """The version that is installed here, else what is asked for."""
    try:
        return f"{one.name}=={metadata.version(one.name)}"
    except metadata.PackageNotFoundError:
        return f"{one.name}{one.specifier}"


def _download(where: Target, wheelhouse: Path | None, wanted: Sequence[str], directory: Path) -> list[Path]:
    if not wanted:
        return []
    before = set(directory.iterdir())
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    argv += ["--only-binary=:all:", "--implementation", "cp", "--python-version", where.python]
    argv += [word for tag in platforms(where.platform) for word in ("--platform", tag)]
    argv += ["--no-index", "--find-links", str(wheelhouse)] if wheelhouse is not None else []
    try:
        done = subprocess.run(
            [*argv, "--dest", str(directory), *wanted],
            capture_output=True, text=True, timeout=FETCH_LIMIT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise CannotRun(f"pip has not fetched wheels for {where.platform} in {FETCH_LIMIT:.0f} s") from error
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr.strip()]
        raise CannotRun(
            f"no wheels for {where.platform}, Python {where.python}: {' '.join(said)[-600:]}: let pip reach an "
            "index, name a newer platform tag, or a directory of wheels with --wheelhouse"
        )
    return sorted(set(directory.iterdir()) - before)


def platforms(tag: str) -> list[str]:
    """A platform tag and the older ones that fit there too, newest first."""
    if found := re.fullmatch(r"manylinux_2_(\d+)_(\w+)", tag):
        newest, machine = int(found[1]), found[2]
        older = [f"manylinux_2_{minor}_{machine}" for minor in range(newest, 4, -1)]
        return older + [f"{name}_{machine}" for name, minor in LEGACY.items() if minor <= newest]
    if found := re.fullmatch(r"macosx_(\d+)_(\d+)_(\w+)", tag):
        return list(tags.mac_platforms((int(found[1]), int(found[2])), found[3]))
    return [tag]


def _installed(name: str) -> Piece:
    found = closure.installed(name)
    if found.files is None:
        raise CannotRun(f"{name} was installed without a list of its files: install it again with pip")
    # Beside the modules lie scripts of the environment (../../bin): they are not needed.
    files = {
        str(one): Path(str(one.locate())).read_bytes()
        for one in found.files
        if wanted(one.parts) and Path(str(one.locate())).is_file()
    }
    return Piece(name, _tags(found), files)


def wanted(parts: Sequence[str]) -> bool:
    """Whether a file of a distribution goes along."""
    return not (parts[0] == ".." or {*parts} & UNUSED or "__pycache__" in parts or parts[-1].endswith((".pyc", ".pyi")))


def _unpacked(wheel: Path) -> tuple[Piece, metadata.Distribution]:
    """A wheel's files where an installer would put them (scripts and headers left out)."""
    with zipfile.ZipFile(wheel) as archive:
        files = dict(_places(archive.namelist(), archive.read))
    info = next(name.partition("/")[0] for name in files if name.endswith(".dist-info/METADATA"))
    found = _InWheel(lambda name: files.get(f"{info}/{name}", b"").decode())
    return Piece(canonicalize_name(found.metadata["Name"]), _tags(found), files), found


def _places(names: Sequence[str], read: Callable[[str], bytes]) -> Iterator[tuple[str, bytes]]:
    for name in names:
        parts = name.split("/")
        if parts[0].endswith(".data"):
            if parts[1] not in ("purelib", "platlib"):
                continue
            parts = parts[2:]
        if not name.endswith("/") and wanted(parts):
            yield "/".join(parts), read(name)


class _InWheel(metadata.Distribution):
    """A distribution that is not installed: its metadata alone."""

    def __init__(self, read: Callable[[str], str]) -> None:
        self._read = read

    def read_text(self, filename: str) -> str | None:
        return self._read(filename) or None

    def locate_file(self, path: object) -> Path:
        return Path(str(path))


def _tags(found: metadata.Distribution) -> tuple[str, ...]:
    """Compatibility tags of a binary wheel; none when it is pure."""
    wheel = message_from_string(found.read_text("WHEEL") or "Root-Is-Purelib: true")
    if wheel["Root-Is-Purelib"] == "true":
        return ()
    return tuple(str(tag) for text in wheel.get_all("Tag") or [] for tag in sorted(map(str, tags.parse_tag(text))))
