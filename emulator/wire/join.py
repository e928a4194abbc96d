"""The join file: one TOML file that a person carries from `serve` to `run`. Not a channel, and not stored state."""

from __future__ import annotations

import base64
import binascii

import msgspec

from emulator.problems import BadInput

FORMAT = 1
VARIABLE = "MESSENGER_LAB_JOIN"


class JoinError(BadInput):
    """The join data cannot be used; the text names the field and the remedy."""


class Join(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `run` must know of an emulator.

    `created` and `expires` are seconds since the epoch. `control` are HTTPS URLs, `pin` the SHA-256 (hex) of the
    certificate behind them. `addresses` maps host names, `peer` (the emulated contact) and `second` (the second echo
    server) to IPv4 addresses. `seed` decides the sampled ports at both ends. `catalog` is the catalog's digest.
    """

    format: int
    emulator: str
    created: float
    expires: float
    control: tuple[str, ...]
    pin: str
    token: str
    seed: str
    samples: int
    relay_key: str
    catalog: str
    root: str
    addresses: dict[str, str]

    def address(self, host: str) -> str:
        """Address of a host, of `peer` or of `second`; KeyError when the emulator does not play it."""
        return self.addresses[host.lower()]


def dump(join: Join) -> str:
    """The join file's text. Keys and strings are ASCII by construction; the root certificate is PEM."""
    rows = ["# messenger-lab join file: carry it to the inside machine. It holds a secret and expires."]
    for name in Join.__struct_fields__:
        value = getattr(join, name)
        match value:
            case dict():
                rows += ["", f"[{name}]", *(f"{_quote(key)} = {_quote(item)}" for key, item in value.items())]
            case tuple():
                rows.append(f"{name} = [{', '.join(_quote(item) for item in value)}]")
            case str() if "\n" in value:
                rows.append(f"{name} = '''\n{value}'''")
            case str():
                rows.append(f"{name} = {_quote(value)}")
            case _:
                rows.append(f"{name} = {value}")
    return "\n".join(rows) + "\n"


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def load(text: str, *, now: float, catalog: str, source: str) -> Join:
    """Parse and check a join file. `source` names it in errors; `now` is seconds since the epoch.

    Raises JoinError: not TOML, a field missing or wrong, another format, another catalog, expired.
    """
    try:
        head = msgspec.toml.decode(text.encode(), type=dict[str, object])
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise JoinError(f"{source}: not a join file: {error}. Copy it again from `messenger-lab serve`.") from error
    if head.get("format") != FORMAT:
        raise JoinError(
            f"{source}: field `format` is {head.get('format')!r}, this version reads {FORMAT}. "
            "Run the same messenger-lab version at both ends."
        )
    try:
        join = msgspec.toml.decode(text.encode(), type=Join)
    except msgspec.ValidationError as error:
        raise JoinError(f"{source}: {error}. Copy it again from `messenger-lab serve`.") from error
    if join.catalog != catalog:
        raise JoinError(
            f"{source}: field `catalog` is {join.catalog[:12]}…, here it is {catalog[:12]}…: the two ends "
            "hold different tables. Run the same messenger-lab version at both ends."
        )
    if now >= join.expires:
        raise JoinError(
            f"{source}: field `expires`: it expired {int(now - join.expires)} s ago. "
            "Take the file that the running `messenger-lab serve` wrote, or start serve again."
        )
    return join


def from_line(line: str) -> str:
    """The join file's text from such a line. Raises JoinError when it is not base64."""
    try:
        return base64.b64decode(line.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise JoinError(f"{VARIABLE}: not one base64 line: {error}. Make it with `base64 -w0 join.toml`.") from error
