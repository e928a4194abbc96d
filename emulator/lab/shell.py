"""A shell or one command in a box of the lab, on the terminal of whoever asks for it.

Not `Boxes.spawn`: it shares the caller's session and terminal, so job control and Ctrl-C work as in any shell.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from emulator.lab.addressing import Place
from emulator.lab.boxes import Boxes
from emulator.lab.process import start_in

# The person's own settings first, so that the prompt is theirs with the place in front.
BASH = """exec {descriptor}<&-
[ -f ~/.bashrc ] && . ~/.bashrc
PS1='({place}) '"$PS1"
"""


def attach(boxes: Boxes, place: Place, argv: Sequence[str]) -> int:
    """Run `argv`, or a shell, in a box and on our terminal; returns its exit code.

    Inside and outside, names are asked of the emulator, round the firewall: there is no other name server in the lab.
    128 + n: ended by signal n. Raises LabError: the lab is gone, or there is no such command.
    """
    descriptor = os.memfd_create("messenger-lab-shell", 0)  # read once by bash, and never a file
    environment = dict(os.environ) | {"MESSENGER_LAB_PLACE": place}
    command = list(argv)
    if not command:
        path = os.environ.get("SHELL") or "/bin/sh"
        command = [path]
        environment["PS1"] = f"({place}) $ "
        if Path(path).name == "bash":
            os.write(descriptor, BASH.format(descriptor=descriptor, place=place).encode())
            command += ["--rcfile", f"/dev/fd/{descriptor}", "-i"]
    # Ctrl-C is for the command. A handler, because what is ignored stays ignored in the command.
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGQUIT)}
    try:
        process = start_in(
            boxes.pid(place),
            command,
            stdin=None,
            env=environment,
            resolver=_resolver(boxes) if place != "firewall" else None,
            foreground=True,
            keep=(descriptor,),
        )
        code = process.wait()
    finally:
        os.close(descriptor)
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _resolver(boxes: Boxes) -> Path:
    path = boxes.directory / "resolv.conf"
    path.write_text(f"nameserver {boxes.mgmt_outside}\n")
    return path
