"""Runs on the machine of a vantage, where execnet sends it: takes a bundle, runs it, hands progress and record back.

Standard library only, and nothing of the emulator. What it was sent and what it made is gone when it ends.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from typing import Any

GRACE = 3.0  # seconds for a run to end when nobody waits for its record any more; execnet gives us five


def main(channel: Any) -> None:
    """Messages in: an order, the bundle in pieces, then "stop" at any time. Out: progress, and at last a record."""
    order = channel.receive()
    if sys.version_info < (3, 11):  # noqa: UP036 (this is sent to any Python)
        channel.send(("failed", "Python 3.11 or newer is needed, python3 there is " + sys.version.split()[0]))
        return
    place = tempfile.mkdtemp(prefix="messenger-lab-vantage-")  # mode 0700
    try:
        bundle = os.path.join(place, "messenger-lab.pyz")
        with open(bundle, "wb") as file:
            for _ in range(order["pieces"]):
                file.write(channel.receive())
        channel.send(run(channel, place, bundle, order))
    except EOFError:
        pass  # whoever sent us is gone
    except OSError as problem:
        channel.send(("failed", "%s: %s" % (problem.filename or place, problem.strerror or problem)))  # noqa: UP031
    finally:
        shutil.rmtree(place, ignore_errors=True)


def run(channel: Any, place: str, bundle: str, order: dict[str, Any]) -> tuple[Any, ...]:
    """("record", exit code, JSON or b"", last words)."""
    record = os.path.join(place, "run.json")
    argv = [sys.executable, "-I", bundle, "run", *order["arguments"], "--join", "-"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*argv, "--json", record, "--progress", "lines"],
        stdin=pipe, stdout=pipe, stderr=pipe, cwd=place, env={**os.environ, "TMPDIR": place},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    said: list[bytes] = []
    listening = threading.Thread(target=_listen, args=(process.stderr, said), daemon=True)
    listening.start()
    channel.setcallback(lambda word: _obey(process, word), endmarker=None)
    try:
        process.stdin.write(order["join"].encode())
        process.stdin.close()
    except OSError:
        pass  # it has ended: its last words tell why
    for line in process.stdout:
        _tell(channel, line)
    code = process.wait()
    listening.join(GRACE)
    data = b""
    if os.path.exists(record):
        with open(record, "rb") as file:
            data = file.read()
    return "record", code, data, b"".join(said).decode("utf-8", "replace")[-2000:]


def _obey(process: subprocess.Popen[bytes], word: object) -> None:
    """ "stop": end with a report, as after Ctrl-C. None: the channel has closed, nobody wants one."""
    if process.poll() is not None:
        return
    if word is None or os.name != "posix":
        process.terminate()
        timer = threading.Timer(GRACE, process.kill)
        timer.daemon = True
        timer.start()
    else:
        process.send_signal(signal.SIGINT)


def _listen(pipe: Any, said: list[bytes]) -> None:
    for line in pipe:
        said.append(line)
        del said[:-40]


def _tell(channel: Any, line: bytes) -> None:
    try:
        done, total = json.loads(line)
        channel.send(("progress", done, total))
    except (ValueError, TypeError, OSError):
        pass  # not for us; or nobody hears it any more


if __name__ == "__channelexec__":
    main(globals()["channel"])  # execnet puts it there
