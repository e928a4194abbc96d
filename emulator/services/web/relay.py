"""Exchange `relay-http`: a data relay in plain HTTP: open or meet, push, pull, close.

Nobody described the original: emulated throughout. The ticket rides in `Authorization: Passport1.4 from-PP='…'`,
offsets in Content-Range and Range, the token of a side in the path. Whoever opens a session gets both tokens to give
one away; with `?meet=` and 32 hex digits that both sides know, each gets its own. Pulls wait for pushes.
Source: http.md 18.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

import msgspec

from emulator.services.web import answers, pages
from emulator.services.web.relay_sessions import LIFETIME, RelayError, Side
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire import passport
from emulator.wire.http import Answered, Headers, Later, Request, Response
from emulator.wire.webfiles import RELAY_PATH

WAIT = 25.0  # seconds that a pull waits at most
CallLater = Callable[[float, Callable[[], None]], Any]
STATUS = {"unknown": 404, "gone": 410, "forbidden": 403, "offset": 409, "size": 413, "lag": 429}
NO_STORE = ("Cache-Control", "no-store")
_END = re.compile(re.escape(RELAY_PATH) + r"/([0-9a-f]{32})/([ab])/([0-9a-f]{32})")


def open_session(request: Request, scene: Scene) -> Answered:
    """201 with id and tokens, 401 without a ticket, 400 for a broken meeting, 403 for a third, 503 when full."""
    if not _has_ticket(request):
        challenge = ("WWW-Authenticate", passport.failure("Ticket needed"))
        return answers.answered(Response(401, (challenge, NO_STORE)))
    identifier, *tokens = (scene.entropy(16).hex() for _ in range(3))
    meeting = request.parameter("meet")
    if meeting:
        return _meet(meeting, identifier, tokens, scene)
    if not scene.relay_sessions.open(identifier, {"a": tokens[0], "b": tokens[1]}, scene.now()):
        return answers.answered(Response(503, (NO_STORE,)))
    body = msgspec.json.encode({"id": identifier, "writer": tokens, "ttl": int(LIFETIME)})
    headers = (("Location", f"{RELAY_PATH}/{identifier}"), ("Content-Type", "application/json"), NO_STORE)
    return answers.answered(Response(201, headers, body))


def _meet(meeting: str, identifier: str, tokens: list[str], scene: Scene) -> Answered:
    if not re.fullmatch(r"[0-9a-f]{32}", meeting):
        return answers.answered(Response(400, (NO_STORE,)))
    try:
        met = scene.relay_sessions.meet(meeting, identifier, {"a": tokens[0], "b": tokens[1]}, scene.now())
    except RelayError as error:
        return answers.answered(Response(STATUS[error.problem], (NO_STORE,)), refused=error.problem)
    if met is None:
        return answers.answered(Response(503, (NO_STORE,)))
    found, side, token = met
    body = msgspec.json.encode({"id": found, "side": side, "token": token, "ttl": int(LIFETIME)})
    headers = (("Location", f"{RELAY_PATH}/{found}/{side}/{token}"), ("Content-Type", "application/json"), NO_STORE)
    return answers.answered(Response(201, headers, body))


def use(request: Request, scene: Scene) -> Answered:
    """POST pushes, GET pulls, DELETE closes; a session that is over is 410."""
    match = _END.fullmatch(request.path)
    if match is None:
        return pages.unknown(request)
    identifier, side, token = match.group(1), cast(Side, match.group(2)), match.group(3)
    sessions, now = scene.relay_sessions, scene.now()
    try:
        if request.method == "POST":
            offset = _number(r"bytes (\d{1,12})-\d{1,12}/\*", request.header("Content-Range"))
            sessions.push(identifier, side, token, offset, request.body, now)
            return answers.answered(Response(204, (NO_STORE,)))
        if request.method == "DELETE":
            sessions.close(identifier, side, token, now)
            return answers.answered(Response(204, (NO_STORE,)))
        offset = _number(r"bytes=(\d{1,12})-", request.header("Range"))
        data = sessions.pull(identifier, side, token, offset, now)
    except RelayError as error:
        return answers.answered(Response(STATUS[error.problem], (NO_STORE,)), refused=error.problem)
    if not data:
        return answers.answered(Response(204, (NO_STORE,)))
    content = ("Content-Range", f"bytes {offset}-{offset + len(data) - 1}/*")
    headers: Headers = (("Content-Type", "application/octet-stream"), content, NO_STORE)
    return answers.answered(Response(206, headers, data))


def hold(request: Request, scene: Scene, call_later: CallLater, answer: Callable[[], Answered]) -> Later | None:
    """A pull for which nothing waits is answered when something comes, at the latest after `?wait=` seconds (25).

    None for every other request, which is answered at once.
    """
    match = _END.fullmatch(request.path)
    if match is None or request.method != "GET" or request.host not in HOSTS:
        return None
    text = request.parameter("wait")
    seconds = min(float(text), WAIT) if re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) else WAIT
    identifier, side, token = match.group(1), cast(Side, match.group(2)), match.group(3)
    offset = _number(r"bytes=(\d{1,12})-", request.header("Range"))
    try:
        if not seconds or scene.relay_sessions.pull(identifier, side, token, offset, scene.now()):
            return None
    except RelayError:
        return None

    def start(take: Callable[[Answered], None]) -> None:
        def news() -> None:
            if timer.active():
                timer.cancel()
            take(answer())

        def late() -> None:
            forget()
            take(answer())

        timer = call_later(seconds, late)
        forget = scene.relay_sessions.wait(identifier, side, news)

    return Later(start)


def _has_ticket(request: Request) -> bool:
    return bool(passport.value_of(passport.presented_ticket(request.header("Authorization"))))


def _number(pattern: str, header: str) -> int:
    """The offset in a range header; -1, which fits no session, when there is none."""
    match = re.fullmatch(pattern, header.strip(), re.ASCII)
    return int(match.group(1)) if match else -1


HOSTS = ("relay.data.edge.messenger.live.com",)
ROUTES = (
    *on(HOSTS, "POST", RELAY_PATH, open_session),
    *(route for method in ("POST", "GET", "DELETE") for route in on(HOSTS, method, RELAY_PATH + "/*", use)),
)
