"""What every dialogue checks in an answer, each as one call that raises Differs.

Not the semantic checks of the exchanges: those stand in their modules.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from emulator.probe.web.context import Differs
from emulator.wire import markup, soap
from emulator.wire.errors import WireError
from emulator.wire.http import Response


def status(response: Response, wanted: int, what: str) -> None:
    """The status must be this one."""
    if response.status != wanted:
        raise Differs(f"{what}: status {response.status} instead of {wanted}", status=response.status)


def that(holds: bool, reason: str, response: Response) -> None:
    """A condition on a well-formed answer; `reason` says what is wrong when it does not hold."""
    if not holds:
        raise Differs(reason, status=response.status)


def root(response: Response, what: str) -> Element:
    """The answer's body must be XML."""
    try:
        return markup.parse(response.body)
    except WireError as error:
        raise Differs(f"{what}: {error}", status=response.status) from error


def reply(response: Response, name: str) -> Element:
    """The answer must be a SOAP envelope around this element; a fault is named in the reason."""
    try:
        found = soap.read_reply(response.body)
    except WireError as error:
        raise Differs(f"{name}: status {response.status}, {error}", status=response.status) from error
    if markup.local(found) != name:
        fault = soap.errorcode(found)
        raise Differs(f"{fault or markup.local(found)} instead of {name}", status=response.status)
    return found
