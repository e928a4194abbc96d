"""Which service answers which exchange: one explicit table. A test proves that none is missing and none is double."""

from __future__ import annotations

from collections.abc import Callable

from emulator.catalog import Catalog
from emulator.pki import Authority
from emulator.services import gateway
from emulator.services.msnp.house import House
from emulator.services.msnp.session import Session
from emulator.services.web import relay, site
from emulator.services.web.scene import RelaySessions, Scene
from emulator.wire import http
from emulator.wire.context import ServerContext
from emulator.wire.exchanges import STREAM_SERVERS
from emulator.wire.talk import Talk

# service name in the catalog -> what `firstbytes` calls its opening (TCP), or "" for datagrams
SERVICES: dict[str, tuple[str, ...]] = {
    "http": ("http",),
    "msnp": ("msnp",),
    "echo": ("echo-tcp", ""),
    "sip": ("sip",),
    "shared-secret": ("shared-secret",),
    "turn": ("",),
    "data-relay": ("pseudo-tls",),
    "reflector": ("reflector",),
    "webcam": ("webcam",),
    "p2p-direct": ("p2p-direct",),
    "trudp": ("",),
    "msnftp": ("msnftp",),
    "t120": ("t120",),
    "rdp": ("rdp",),
    "media": ("rtp-tcp", ""),
}


def stream_servers(
    catalog: Catalog,
    authority: Authority,
    house: House,
    *,
    now: Callable[[], float],
    entropy: Callable[[int], bytes],
    call_later: gateway.CallLater,
) -> dict[str, Callable[[ServerContext], Talk[None]]]:
    """Talk factories of the far end, keyed by what the first bytes say."""

    def msnp(context: ServerContext) -> Talk[None]:
        return Session(context, house).talk()

    gateways = gateway.Gateway(lambda context: Session(context, house, over_gateway=True).talk(), call_later)
    relay_sessions = RelaySessions()

    def web(context: ServerContext) -> Talk[None]:
        scene = Scene(
            now=now,
            entropy=entropy,
            observed=context.observed,
            secure=context.secure,
            crl=lambda: authority.crl(now()),
            catalog=catalog,
            relay_sessions=relay_sessions,
            world=house.world,
            settle=house.settle,
            sign_request=lambda request, name: authority.sign_request(request, name, now()),
        )

        def handle(request: http.Request) -> http.Answered | http.Later:
            if request.path == gateway.PATH:
                return gateways.handle(request, context)
            held = relay.hold(request, scene, call_later, lambda: site.answer(request, scene))
            return site.answer(request, scene) if held is None else held

        return http.server(handle)

    return {**STREAM_SERVERS, "http": web, "msnp": msnp}
