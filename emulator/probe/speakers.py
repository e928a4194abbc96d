"""How each exchange is spoken over an open connection: by a wire talk, a dialogue of requests, or two connections.

One registry, keyed by exchange id; not the protocols themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Protocol

from emulator.probe import gateway
from emulator.probe.recorder import Recorder
from emulator.probe.web import DIALOGUES
from emulator.probe.web.context import Differs, WebContext
from emulator.wire import http
from emulator.wire.context import ClientContext
from emulator.wire.errors import WireError
from emulator.wire.exchanges import STREAM_CLIENTS
from emulator.wire.msnp import notification, switchboard
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Talk

if TYPE_CHECKING:
    from emulator.probe.streams import StreamAttempt

Facts = dict[str, object]
Dialogue = Callable[[WebContext], Generator[http.Request, http.Response, Facts]]

PROXY_REFUSALS = (403, 405, 407, 451, 502, 503, 504)
OUR_SERVER = "Microsoft-IIS/6.0"  # every answer of the emulator says so; a proxy's own answer does not


class Refused(WireError):
    """A well-formed answer that is not the far end's. `proxy`: the proxy gave it."""

    def __init__(self, reason: str, *, status: int = 0, proxy: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.proxy = proxy


class Speaker(Protocol):
    """Speaks one exchange. `raw`: through a proxy it needs a tunnel (it is no HTTP request itself)."""

    raw: bool

    async def speak(self, attempt: StreamAttempt, recorder: Recorder) -> Facts:
        """Run the exchange on `attempt.link`; returns facts, raises what the attempt knows how to record."""
        ...


class TalkSpeaker:
    """An exchange that is one talk on one connection."""

    raw = True

    def __init__(self, client: Callable[[ClientContext], Talk[Facts]]) -> None:
        self._client = client

    async def speak(self, attempt: StreamAttempt, recorder: Recorder) -> Facts:
        conversation = await attempt.guarded(attempt.link, attempt.link.run(self._client(client_context(attempt))))
        return conversation.result or {}


class SwitchboardSpeaker:
    """An exchange that asks the notification server for a switchboard and goes on there."""

    raw = True

    def __init__(self, client: Callable[[ClientContext, str], Talk[Facts]]) -> None:
        self._client = client

    async def speak(self, attempt: StreamAttempt, recorder: Recorder) -> Facts:
        link = attempt.link
        asked = await attempt.guarded(link, link.run(notification.transfer_client(client_context(attempt))))
        assert asked.result is not None
        address, cookie = asked.result
        recorder.step("transfer")
        assert recorder.remote is not None
        board = await attempt.open(recorder.remote.address, recorder.remote.port, recorder)
        attempt.replace(board)
        recorder.local = board.local
        board.begin()
        done = await attempt.guarded(board, board.run(self._client(client_context(attempt), cookie)))
        return (done.result or {}) | {"switchboard": address}


class WebSpeaker:
    """An exchange that is a dialogue of HTTP requests."""

    raw = False

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue

    async def speak(self, attempt: StreamAttempt, recorder: Recorder) -> Facts:
        dialogue = _recorded(self._dialogue(_web_context(attempt)), attempt, recorder)
        conversation = await attempt.guarded(attempt.link, attempt.link.run(http.session(dialogue)))
        facts = conversation.result
        return facts if isinstance(facts, dict) else {}


def _recorded(
    dialogue: Generator[http.Request, http.Response, Facts], attempt: StreamAttempt, recorder: Recorder
) -> Generator[http.Request, http.Response, Facts]:
    """Pass requests and answers on, digest them, and recognise answers that the proxy gave itself."""
    try:
        request = next(dialogue)
        while True:
            response = yield request
            recorder.http_status = response.status
            if from_proxy(response, attempt):
                dialogue.close()
                raise Refused(f"the proxy answered {response.status}", status=response.status, proxy=True)
            if response.status == 407:
                dialogue.close()
                raise Refused("407 without a proxy in the path", status=407)
            recorder.pair(request.body, response.body, f"{request.method} {request.target[:80]}")
            request = dialogue.send(response)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    except Differs as differs:
        raise Refused(str(differs), status=recorder.http_status) from differs


def from_proxy(response: http.Response, attempt: StreamAttempt) -> bool:
    """True when the proxy gave this answer itself."""
    through_proxy = bool(attempt.flow.via) and not attempt.flow.tls
    return through_proxy and response.status in PROXY_REFUSALS and response.header("Server") != OUR_SERVER


def client_context(attempt: StreamAttempt) -> ClientContext:
    """Surroundings of a talk on an attempt's connection."""
    place, link = attempt.place, attempt.link
    nowhere = Endpoint("0.0.0.0", 0)
    return ClientContext(
        tag=attempt.tag,
        host=attempt.flow.host,
        local=link.local or nowhere,
        remote=link.remote or nowhere,
        relay_key=place.relay_key,
        entropy=place.entropy,
        now=place.now,
        agent=attempt.flow.agent,
    )


def _web_context(attempt: StreamAttempt) -> WebContext:
    place, flow = attempt.place, attempt.flow
    via_proxy = bool(flow.via) and not flow.tls
    authorization = place.proxy.authorization if place.proxy is not None and flow.credentials and via_proxy else ""
    return WebContext(
        tag=attempt.tag,
        host=flow.host,
        port=flow.port,
        secure=flow.tls,
        now=place.now,
        entropy=place.entropy,
        root_pem=place.root_pem,
        agent=flow.agent,
        via_proxy=via_proxy,
        proxy_authorization=authorization,
    )


SPEAKERS: dict[str, Speaker] = {
    **{name: TalkSpeaker(client) for name, client in STREAM_CLIENTS.items()},
    **{name: WebSpeaker(dialogue) for name, dialogue in DIALOGUES.items()},
    "gateway": WebSpeaker(gateway.dialogue),
    "gateway-call": WebSpeaker(gateway.call_dialogue),
    "msnp": TalkSpeaker(notification.client),
    "msnp-call": TalkSpeaker(notification.call_client),
    "msnp-folders": TalkSpeaker(notification.folders_client),
    "switchboard-p2p": SwitchboardSpeaker(switchboard.file_client),
    "switchboard-game": SwitchboardSpeaker(switchboard.game_client),
}
