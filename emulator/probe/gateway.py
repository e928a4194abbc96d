"""The near end of the HTTP gateway: an MSNP client talk whose bytes ride in POST bodies.

Not a transport: a dialogue of requests, like every web exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from emulator.probe.web.context import Differs, WebContext
from emulator.probe.web.requests import request
from emulator.wire import http
from emulator.wire.context import ClientContext
from emulator.wire.msnp import notification
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation, Talk

PATH = "/gateway/gateway.dll"
CONTENT = (("Content-Type", "application/x-msn-messenger"), ("Pragma", "no-cache"))
ROUNDS = 60  # requests of one session

Dialogue = Generator[http.Request, http.Response, dict[str, object]]


def dialogue(context: WebContext) -> Dialogue:
    """Exchange `gateway`: open a session, sign in through it, poll, leave; the last answer must close it."""
    return _session(context, notification.client)


def call_dialogue(context: WebContext) -> Dialogue:
    """Exchange `gateway-call`: the same session carries a call invitation (UUN type 2)."""
    return _session(context, notification.call_client)


def _session(context: WebContext, client: Callable[[ClientContext], Talk[dict[str, object]]]) -> Dialogue:
    conversation = Conversation(client(_client_context(context)))
    out = conversation.start()
    target = f"{PATH}?Action=open&Server=NS&IP=messenger.hotmail.com"
    polls = 0
    for _ in range(ROUNDS):
        answer = yield request(context, "POST", target, CONTENT, out)
        state = _state(answer)
        out = conversation.feed(answer.body) if answer.body else b""
        if conversation.error is not None:
            raise Differs(f"MSNP inside the gateway: {conversation.error}")
        if conversation.finished and not out:
            if state.get("Session") != "close":
                raise Differs("the gateway kept the session open after OUT")
            assert conversation.result is not None
            return conversation.result | {"polls": polls, "gateway": state["GW-IP"]}
        target = f"{PATH}?SessionID={state['SessionID']}"
        if not out:
            polls += 1
            target = f"{PATH}?Action=poll&SessionID={state['SessionID']}"
    raise Differs(f"no end of the session within {ROUNDS} requests")


def _state(answer: http.Response) -> dict[str, str]:
    if answer.status != 200:
        raise Differs(f"the gateway answered {answer.status}", status=answer.status)
    pairs = (piece.partition("=") for piece in answer.header("X-MSN-Messenger").split("; "))
    state = {name: value for name, sep, value in pairs if sep}
    if "SessionID" not in state or "GW-IP" not in state:
        raise Differs("an answer without SessionID or GW-IP in X-MSN-Messenger")
    return state


def _client_context(context: WebContext) -> ClientContext:
    nowhere = Endpoint("0.0.0.0", 0)
    return ClientContext(
        tag=context.tag,
        host=context.host,
        local=nowhere,
        remote=nowhere,
        relay_key=b"",
        entropy=context.entropy,
        now=context.now,
    )
