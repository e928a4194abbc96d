"""A bundle made outside runs inside, through a real firewall, on a machine that has nothing but Python."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from bare_machine import CHECKOUT, bare, python
from field_place import Field

from emulator.catalog import load
from emulator.kit.bundle import Contents, build
from emulator.scenario.load import find
from emulator.scenario.load import load as load_scenario

LIMIT = 60.0  # seconds for one run
PIPES: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


@pytest.fixture(scope="module")
def bundle(field: Field) -> Path:
    """Made outside, by the command."""
    path = field.place / "messenger-lab.pyz"
    done = field.outside("bundle", "--join", str(field.join), "--output", str(path), "--scenario", "web-only")
    assert done.returncode == 0, done.stderr
    assert b"of use until" in done.stdout
    return path


def run(field: Field, name: str, bundle: Path, *arguments: str) -> Any:
    """Run the bundle inside; what it said, its record, and what is left in its directories."""
    place = field.new(name)
    done = field.lab.run("inside", bare(place, str(bundle), *arguments, "--json", "run.json"), LIMIT)
    record = place / "run.json"
    done.record = json.loads(record.read_text()) if record.exists() else None
    done.left = sorted(path.name for path in (place / "tmp").iterdir())
    return done


def test_the_machine_inside_has_nothing_but_python(field: Field) -> None:
    for module in ("twisted", "msgspec", "emulator"):
        done = field.lab.run("inside", bare(field.new(f"no-{module}"), "-c", f"import {module}"), LIMIT)
        assert b"ModuleNotFoundError" in done.stderr
    done = field.lab.run(
        "inside", bare(field.new("empty"), "-c", f"import os; print(os.listdir({str(CHECKOUT)!r}))"), 9
    )
    assert done.stdout.strip() == b"[]", done.stderr


def test_without_a_command_it_runs_its_scenario_and_the_firewall_is_judged(field: Field, bundle: Path) -> None:
    field.apply("web-only")
    done = run(field, "as-expected", bundle, "--junit", "junit.xml", "--html", "report.html")
    assert done.returncode == 0, (done.stderr, done.stdout)
    (one,) = done.record["passes"]
    assert (one["scenario"], one["control"], one["samples"]) == ("web-only", "up", 1)
    assert {item["state"] for item in one["expectations"]} == {"met"}
    verdicts = {item["verdict"]["verdict"] for item in one["judged"]}
    assert {"pass", "blocked.drop.outbound"} <= verdicts
    assert (field.place / "as-expected" / "report.html").stat().st_size > 100_000
    assert b"<testcase" in (field.place / "as-expected" / "junit.xml").read_bytes()
    assert done.left == []


def test_another_firewall_is_not_what_the_scenario_says(field: Field, bundle: Path) -> None:
    field.apply("block-all")
    done = run(field, "not-met", bundle, "run", "web-only", "--samples", "0", "--timeout", "0.5")
    assert done.returncode == 1, done.stderr
    assert "not-met" in {item["state"] for item in done.record["passes"][0]["expectations"]}
    assert done.left == []


def test_ctrl_c_ends_it_with_its_report_and_nothing_is_left(field: Field, bundle: Path) -> None:
    field.apply("web-only")  # what passes is soon done, the rest waits for its time-out
    place = field.new("interrupted")
    argv = bare(place, str(bundle), "--json", "run.json", "--progress", "lines", "--timeout", "20")
    process = field.lab.spawn("inside", argv, **PIPES)
    assert process.stdout.readline().startswith(b"[")  # flows are under way
    assert any((place / "tmp").iterdir())
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert json.loads((place / "run.json").read_text())["interrupted"]
    assert list((place / "tmp").iterdir()) == []


def test_nothing_is_left_when_it_is_killed(field: Field, bundle: Path) -> None:
    field.apply("web-only")
    place = field.new("killed")
    argv = bare(place, str(bundle), "--progress", "lines", "--timeout", "20")
    process = field.lab.spawn("inside", argv, **PIPES)
    assert process.stdout.readline().startswith(b"[")
    process.kill()
    process.communicate(timeout=20)  # the pipes close when the last process of it has ended
    assert list((place / "tmp").iterdir()) == []


def test_it_is_unpacked_once_where_it_is_kept(field: Field, bundle: Path) -> None:
    place = field.new("kept")
    cache = place / "cache"
    for _ in range(2):
        done = field.lab.run("inside", bare(place, str(bundle), "--keep", str(cache), "ping"), LIMIT)
        assert (done.returncode, done.stdout[:2]) == (0, b"up"), done.stderr
    (kept,) = cache.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    token = next(line for line in field.join.read_text().splitlines() if line.startswith("token")).split('"')[1]
    assert not [path for path in kept.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
    kept.chmod(0o777)
    done = field.lab.run("inside", bare(place, str(bundle), "--keep", str(cache), "ping"), LIMIT)
    assert done.returncode == 2
    assert b"others may write there" in done.stderr


def test_the_file_is_private_and_holds_the_probe_alone(bundle: Path) -> None:
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    names = zipfile.ZipFile(bundle).namelist()
    foreign = ("emulator/lab/", "emulator/store/", "emulator/world/", "pyroute2", "pytest", "/test/", "services/msnp")
    assert [name for name in names if any(part in name for part in foreign)] == []
    assert len(zipfile.ZipFile(bundle).read("join.toml")) > 1000
    assert bundle.stat().st_size < 15_000_000


@pytest.fixture(scope="module")
def loose(field: Field) -> Any:
    """Makes bundles that the command would not make."""
    catalog = load()
    scenario = (find("open", cwd=CHECKOUT), load_scenario("open", catalog, cwd=CHECKOUT))

    def make(name: str, **more: Any) -> Path:
        path = field.place / name
        path.write_bytes(build(Contents(scenarios=[scenario], chosen=["open"], **more)))
        return path

    return make


def test_an_expired_one_says_so_and_takes_another_join_file(field: Field, loose: Any) -> None:
    expired = loose("expired.pyz", join=field.join.read_text(), expires=1_700_000_000.0)
    done = run(field, "expired", expired)
    assert done.returncode == 2
    assert b"expired.pyz: its join data expired" in done.stderr
    assert b"--join FILE" in done.stderr
    field.apply("open")
    done = run(field, "renewed", expired, "--join", str(field.join), "--samples", "0")
    assert done.returncode == 0, done.stderr


def test_where_it_does_not_fit_it_says_for_what_it_was_built(field: Field, loose: Any) -> None:
    with zipfile.ZipFile(loose("whole.pyz")) as whole, zipfile.ZipFile(field.place / "foreign.pyz", "w") as foreign:
        for name in whole.namelist():
            data = whole.read(name)
            if name == "bundle.json":
                data = data.replace(b"cp311-", b"cp399-").replace(b"x86_64", b"riscv64")
            foreign.writestr(name, data)
    done = run(field, "foreign", field.place / "foreign.pyz")
    assert done.returncode == 3
    assert b"does not fit here: this is cp" in done.stderr
    assert b"cp399-" in done.stderr
    assert b"messenger-lab bundle --platform" in done.stderr
    assert done.left == []


def test_help_says_what_it_is(field: Field, bundle: Path) -> None:
    done = field.lab.run("inside", bare(field.new("help"), str(bundle), "--help"), LIMIT)
    assert done.returncode == 0
    said = " ".join(done.stdout.decode().split())
    assert "runs web-only from here when no scenario is named; the join data in it serve until" in said


def test_bad_use_is_said(field: Field, bundle: Path, tmp_path: Path) -> None:
    for arguments, words in (
        (("bundle",), b"needs --join FILE"),
        (("bundle", "--join", str(field.join), "--platform", "amiga"), b"name one as wheels do"),
        (("bundle", "--join", str(field.join), "--platform", "win_amd64", "--python", "2.7"), b"3.11 or newer"),
        (("bundle", "--join", str(field.join), "--python", "3.12"), b"--python needs --platform"),
        (("bundle", "--join", str(field.join), "--wheelhouse", str(tmp_path / "no")), b"is no directory"),
        (("bundle", "--join", str(field.join), "--output", str(tmp_path)), b"is a directory"),
    ):
        done = field.outside(*arguments)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr


def test_an_old_python_is_told_so(field: Field, bundle: Path) -> None:
    """By the first lines of it, which any Python can read."""
    main = zipfile.ZipFile(bundle).read("__main__.py").decode()
    script = f"import sys; sys.version_info = (3, 6); exec({main!r})"
    done = subprocess.run([python(), "-I", "-S", "-c", script], capture_output=True, text=True, check=False, timeout=9)
    assert done.returncode == 3
    assert "Python 3.11 or newer is needed" in done.stderr
