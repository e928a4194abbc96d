"""Words for people, used by terminal, JUnit and page alike: symbols, ways, whose device. No layout, no evidence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec

from emulator.catalog import Catalog
from emulator.judge.compare import Kind
from emulator.judge.journey import JourneyRecord
from emulator.judge.record import Judged, RunRecord
from emulator.judge.verdicts import MEANING

Way = Literal["out", "back", "in", "reply", "both", ""]  # in, reply: of flows that the contact opened
Lane = Literal["through", "swallowed", "refused", "impersonated", "lost", "hurt", "open"]

MARK = {"works": "●", "degraded": "◐", "broken": "○", "not-tested": "?"}
ASCII_MARK = {"works": "W", "degraded": "D", "broken": "B", "not-tested": "?"}
STATE_MARK = {"pass": "✓", "part": "◐", "stop": "✕", "open": "?"}
ASCII_STATE_MARK = {"pass": "+", "part": "~", "stop": "x", "open": "?"}
STATE_WORD = {"pass": "passes", "part": "passes in part", "stop": "stopped", "open": "undecided"}
JOURNEY_GRADE = {"done": "works", "broken": "broken", "not-run": "not-tested"}  # whose mark and style they share
STEP_STATE = {"done": "pass", "failed": "stop", "not-run": "open"}
STEP_WORD = {"done": "done", "failed": "failed", "not-run": "not run"}
MET_MARK = {"met": "✓", "not-met": "✕", "undecided": "?", "error": "!"}
MET_WORD = {"met": "met", "not-met": "not met", "undecided": "undecided", "error": "error"}

WAY_WORD: dict[Way, str] = {
    "out": "on the way out",
    "back": "on the way back",
    "in": "on the way in",
    "reply": "on the way out again",
    "both": "out or back",
    "": "not decided",
}

EXIT_WORD = {
    0: "all as expected",
    1: "some expectation is not met",
    2: "bad input",
    3: "could not be decided or run",
    130: "interrupted",
}

DIRECTION = (
    '"out" is what the client sends, "back" the answer to it; "in" is what a contact sends that opens the flow itself, '
    '"reply" the answer to that.'
)
ARROW: dict[Way, str] = {"out": "→ out", "back": "← back", "in": "← in", "reply": "→ reply", "both": "↔ both"}
DEVICE_HEADING: dict[Kind, str] = {
    "lost": "Passes over the cable, and not through the device",
    "same": "Does not pass over the cable either: not the device's doing",
    "better": "Passes now, and did not over the cable: the reference is out of date",
}
INWARD: dict[Way, Way] = {"out": "in", "back": "reply"}


def journey_grade(journey: JourneyRecord) -> str:
    """The grade whose mark a journey shares: one that needed a fallback is degraded."""
    return "degraded" if journey.state == "done" and journey.by else JOURNEY_GRADE[journey.state]


def step_title(catalog: Catalog, journey: str, step: str) -> str:
    """A step's title in English, with its label; its id where the catalog has become another."""
    known = catalog.journey_by_id.get(journey)
    return next((one.labelled("en") for one in known.step if one.id == step), step) if known is not None else step


class Stopped(msgspec.Struct, frozen=True):
    """Where a verdict puts the flow: the `lane` of the drawing, and the way (out, back) on which it happened."""

    lane: Lane
    way: Way


MEANING_INWARD = {
    "blocked.drop.outbound": "dropped on the way in: the contact dialled, and nothing of it arrived here",
    "blocked.drop.return": "dropped on the way out again: it arrived here and was answered",
    "pass": "passes, opened by the contact: both ends saw the same bytes",
}

PLACE: dict[str, Stopped] = {
    "error": Stopped("open", ""),
    "not-tested": Stopped("open", ""),
    "dns.nxdomain": Stopped("refused", "out"),
    "dns.refused": Stopped("refused", "out"),
    "dns.timeout": Stopped("swallowed", "out"),
    "dns.redirected": Stopped("impersonated", "out"),
    "proxy.intercepted": Stopped("impersonated", "out"),
    "proxy.auth-required": Stopped("refused", "out"),
    "proxy.denied": Stopped("refused", "out"),
    "proxy.connect-denied": Stopped("refused", "out"),
    "proxy.error": Stopped("refused", "out"),
    "blocked.drop.outbound": Stopped("swallowed", "out"),
    "blocked.drop.return": Stopped("lost", "back"),
    "blocked.drop.data": Stopped("swallowed", "out"),
    "blocked.rst": Stopped("refused", "out"),
    "blocked.icmp": Stopped("refused", "out"),
    "dpi": Stopped("swallowed", "out"),
    "tls.intercepted": Stopped("impersonated", "out"),
    "tls.blocked": Stopped("swallowed", "out"),
    "tls.downgraded": Stopped("hurt", "both"),
    "wrong-server": Stopped("impersonated", "out"),
    "blockpage": Stopped("impersonated", "out"),
    "modified": Stopped("hurt", "both"),
    "state-timeout": Stopped("hurt", "both"),
    "throttled": Stopped("hurt", "both"),
    "lossy": Stopped("hurt", "both"),
    "pass": Stopped("through", ""),
    "unknown": Stopped("open", ""),
}


def place(verdict: str) -> Stopped:
    """Lane and way of a verdict; a verdict of a newer classifier counts as undecided."""
    return PLACE.get(verdict, Stopped("open", ""))


def way(verdict: str, direction: str = "outward") -> Way:
    """The way on which it happened to a flow of that direction."""
    found = place(verdict).way
    return INWARD.get(found, found) if direction == "inward" else found


def meaning(verdict: str, direction: str = "outward") -> str:
    """A verdict in plain words."""
    if direction == "inward" and verdict in MEANING_INWARD:
        return MEANING_INWARD[verdict]
    return MEANING.get(verdict, verdict)


def whose(item: Judged) -> str:
    """Whose device stopped the flow, as far as the evidence tells; "" for a flow that passed or is undecided."""
    verdict = item.verdict.verdict
    if item.verdict.device:
        return item.verdict.device
    if item.flow.via and verdict.startswith("proxy."):
        return f"proxy {item.flow.via.partition('://')[2] or item.flow.via}"
    if verdict.startswith("dns."):
        return "resolver"
    match place(verdict).lane:
        case "swallowed" | "lost":
            return "silent device"
        case "refused" | "impersonated" | "hurt":
            return "unnamed device"
        case _:
            return ""


def feature_name(catalog: Catalog, feature: str, language: str = "en") -> str:
    """A feature's name in `en` or `pt`."""
    return str(getattr(catalog.feature_by_id[feature].name, language))


def flow_line(item: Judged) -> str:
    """A flow and its verdict in one line, for lists: id, verdict, certainty, why, and the device where it is known."""
    verdict = item.verdict
    about = verdict.detail or meaning(verdict.verdict)
    device = f", device {verdict.device}" if verdict.device else ""
    return f"{item.flow.id}: {verdict.verdict} ({verdict.certainty}) {about}{device}"


def moment(seconds: float) -> str:
    """A point in time for people: `2026-11-28 21:00:00 UTC`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def sentence(record: RunRecord) -> str:
    """The verdict of the run in one sentence."""
    total = sum(len(one.expectations) for one in record.passes)
    met = sum(1 for one in record.passes for item in one.expectations if item.state == "met")
    passes = f"{len(record.passes)} {'pass' if len(record.passes) == 1 else 'passes'}"
    counted = f"{met} of {total} expectations met in {passes}"
    rest = f"; {len(record.not_run)} not run" if record.not_run else ""
    rest += f"; {len(record.skipped)} skipped" if record.skipped else ""
    match record.exit_code:
        case 0 if not total:
            return f"What was found is what stands here: nothing was expected of {passes}{rest}."
        case 0:
            return f"Everything is as the scenarios say: {counted}{rest}."
        case 1:
            return f"Not everything is as the scenarios say: {counted}{rest}."
        case 130:
            return f"The run was interrupted: {counted}{rest}."
        case _:
            return f"The run does not decide everything: {counted}{rest}."
