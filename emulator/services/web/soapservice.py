"""One SOAP endpoint: parse, ticket, operation, fault. The operations themselves are handed in by its module.

Not for the ticket service, which has its own faults. Source: http.md 1.1 to 1.5, 4.7, clients.md 10.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element

import msgspec

from emulator.services.web import answers
from emulator.services.web.newcomer import furnish
from emulator.services.web.scene import Scene
from emulator.wire import soap, tags
from emulator.wire.errors import WireError
from emulator.wire.http import Answered, Request, Response
from emulator.wire.markup import Xml, el
from emulator.world.errors import ContactExists, GroupNameTooLong, WorldError
from emulator.world.records import Account
from emulator.world.world import World


class Asked(msgspec.Struct, frozen=True):
    """One call with what is known of the caller; without a ticket there is no account."""

    call: soap.Call
    ticket: str
    account: Account | None
    request: Request
    scene: Scene

    @property
    def me(self) -> Account:
        """The caller; services that take no tickets do not ask."""
        assert self.account is not None
        return self.account

    @property
    def world(self) -> World:
        """Where the caller lives."""
        return self.scene.world

    @property
    def payload(self) -> Element:
        """The operation's element."""
        return self.call.payload


Operation = Callable[[Asked], bytes]
TicketReader = Callable[[soap.Call, Request], str]


class SoapService(msgspec.Struct, frozen=True, kw_only=True):
    """`operations` by name of the body's first element. `ticket` reads the whole `t=…&p=…` (None: no ticket needed),
    `refused` is the fault for a missing, unknown or expired one."""

    actor: str
    operations: Mapping[str, Operation]
    namespaces: tuple[str, ...]
    ticket: TicketReader | None = None
    refused: Callable[[soap.Call], soap.Fault] | None = None

    def __call__(self, request: Request, scene: Scene) -> Answered:
        """Answer one POST: 200 with the response or 500 with a fault, never anything else."""
        try:
            call = soap.read_call(request.body, request.header("SOAPAction"))
        except WireError as error:
            fault = soap.unreadable(f"Schema validation error: {error}", actor=self.actor)
            return answers.answered(_fault(fault), refused="not SOAP")
        ticket = "" if self.ticket is None else self.ticket(call, request)
        tag = tags.from_ticket(ticket)
        try:
            response = answers.xml(self._run(call, ticket, request, scene))
        except soap.Refusal as refusal:
            return answers.answered(_fault(refusal.fault), tag, operation=call.operation, refused=refusal.fault.text)
        except WorldError as error:
            return answers.answered(
                _fault(explained(call, error)), tag, operation=call.operation, refused=type(error).__name__
            )
        return answers.answered(response, tag, operation=call.operation)

    def _run(self, call: soap.Call, ticket: str, request: Request, scene: Scene) -> bytes:
        operation = self.operations.get(call.operation)
        if operation is None or call.namespace not in self.namespaces:
            name = call.action or call.operation
            text = f"Server did not recognize the value of HTTP Header SOAPAction: {name}."
            raise soap.Refusal(soap.service_fault(self.namespaces[0], "Forbidden", text, actor=self.actor))
        account = None if self.refused is None else self._owner(call, ticket, scene.world, self.refused)
        return operation(Asked(call, ticket, account, request, scene))

    def _owner(self, call: soap.Call, ticket: str, world: World, refused: Callable[[soap.Call], soap.Fault]) -> Account:
        try:
            account = world.tickets.owner(ticket)
        except WorldError as error:
            raise soap.Refusal(refused(call)) from error
        furnish(world, account)
        return account


def explained(call: soap.Call, error: WorldError, code: str = "") -> soap.Fault:
    """The fault for what the world refused, in the namespace of the call; `code` instead of the usual one."""
    more = Xml("")
    if isinstance(error, ContactExists):
        more = el("conflictObjectId", error.contact)
    elif isinstance(error, GroupNameTooLong):
        more = el("parameterFault", "GroupName")
    actor = f"{call.namespace}/{call.operation}"
    return soap.service_fault(call.namespace, code or error.soap, str(error), actor=actor, more=more)


def passport_refused(call: soap.Call) -> soap.Fault:
    """The fault on which clients fetch a new ticket, in the namespace of the call."""
    return soap.service_fault(
        call.namespace, "PassportAuthFail", "No usable ticket", actor=f"{call.namespace}/{call.operation}"
    )


def ticket_or_cookie(text: str, request: Request) -> str:
    """A ticket out of a header element, else out of the cookie `MSPAuth`; "" when neither holds one."""
    if text.startswith("t="):
        return text
    cookie = request.cookie("MSPAuth")
    return f"t={cookie}&p={request.cookie('MSPProf')}" if cookie else ""


def _fault(fault: soap.Fault) -> Response:
    return answers.xml(soap.fault(fault), 500)
