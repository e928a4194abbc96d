"""Exchange `config`: the client configuration, by GET and by SOAP.

Not per user or market: everybody gets the same document. Source: http.md 13.
"""

from __future__ import annotations

import re

from emulator.services.web import answers
from emulator.services.web.route import on
from emulator.services.web.scene import Scene
from emulator.services.web.soapservice import Asked, SoapService
from emulator.wire import clientconfig
from emulator.wire.http import Answered, Request, Response
from emulator.wire.soap import CONTENT_TYPE


def document(request: Request, scene: Scene) -> Answered:
    """200 and nothing without a version, 500 for a version that is none: as the client knows it."""
    version = request.parameter("ver")
    if not version:
        return answers.answered(Response(200, (("Content-Type", CONTENT_TYPE), answers.PRIVATE)))
    if not re.fullmatch(r"[0-9.]{1,32}", version):
        return answers.answered(Response(500, (answers.PRIVATE,)), refused="version")
    return answers.answered(answers.file(request, clientconfig.config(), CONTENT_TYPE, cache="private, max-age=0"))


def by_soap(asked: Asked) -> bytes:
    """The same document inside an envelope."""
    return clientconfig.answer()


service = SoapService(
    actor="http://config.messenger.msn.com" + clientconfig.PATH,
    operations={"GetClientConfig": by_soap},
    namespaces=(clientconfig.NAMESPACE,),
)
HOSTS = ("config.messenger.msn.com",)
ROUTES = (
    *on(HOSTS, "GET", clientconfig.PATH, document),
    *on(HOSTS, "POST", clientconfig.PATH, service),
)
