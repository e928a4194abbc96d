"""What makes a session at the webcam reflector: createSession and createTunnel. Not the tunnel itself.

Its names and fields are known, the digest's secrets are not: any of the right shape is taken. Source: media.md 4.6.
"""

from __future__ import annotations

from emulator.services.web import answers
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.wire import reflector_http as words
from emulator.wire.http import Answered, Request, Response

HEADERS = (("Content-Type", "text/xml"), ("Cache-Control", "no-store"))


def create_session(request: Request, scene: Scene) -> Answered:
    """200 with a new sid, the number of a key, and where a tunnel is made."""
    sid = scene.entropy(5).hex()
    session = words.Session(sid, scene.entropy(1)[0] % words.KEYS, f"http://{words.HOST}{words.CREATE_TUNNEL}")
    return answers.answered(Response(200, HEADERS, words.session_answer(session)), sid=sid)


def create_tunnel(request: Request, scene: Scene) -> Answered:
    """200 with a new tid; 400 for no sid, 403 for a digest that can be none."""
    sid, proof = request.parameter("sid"), request.parameter("a")
    if not words.SID.fullmatch(sid):
        return answers.answered(Response(400, HEADERS))
    if not words.PROOF.fullmatch(proof):
        return answers.answered(Response(403, HEADERS))
    tid = scene.entropy(8).hex()
    return answers.answered(Response(200, HEADERS, words.tunnel_answer(tid, f"http://{words.HOST}:80")), tid=tid)


ROUTES = (
    *on((words.HOST,), "GET", words.CREATE_SESSION, create_session),
    *on((words.HOST,), "GET", words.CREATE_TUNNEL, create_tunnel),
)
