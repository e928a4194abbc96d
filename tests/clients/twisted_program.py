"""Runs the MSNP8 client of Twisted 15.0.0, unmodified but for lib2to3, and prints what it saw as JSON.

Not a test and not our client: `python twisted_program.py <msn.py> <address> <password> <account> <other>`. The adapter
below only gives the program of 2015 the text where Twisted now hands over bytes, and one address for every host.
"""

from __future__ import annotations

import hashlib
import json
import sys
import types
import warnings
from pathlib import Path
from typing import Any

from twisted.internet import asyncioreactor

asyncioreactor.install()
warnings.simplefilter("ignore")

from twisted.internet import defer, protocol, reactor, ssl, task  # noqa: E402

LIMIT = 20.0  # seconds for the whole life


class TextTransport:
    """A transport that takes text."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def write(self, data: str | bytes) -> None:
        self._transport.write(data.encode("latin-1") if isinstance(data, str) else data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class TextLines(protocol.Protocol):
    """LineReceiver of Twisted 15 on text: lines and raw data as str, one character for each byte."""

    _raw = False
    _buffer = ""
    _busy = False

    def makeConnection(self, transport: Any) -> None:
        super().makeConnection(TextTransport(transport))

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data.decode("latin-1")
        self._drain()

    def _drain(self) -> None:
        if self._busy:
            return
        self._busy = True
        try:
            while self._buffer:
                if self._raw:
                    piece, self._buffer = self._buffer, ""
                    self.rawDataReceived(piece)
                elif "\r\n" in self._buffer:
                    line, self._buffer = self._buffer.split("\r\n", 1)
                    self.lineReceived(line)
                else:
                    return
        finally:
            self._busy = False

    def setRawMode(self) -> None:
        self._raw = True

    def setLineMode(self, extra: str = "") -> None:
        self._raw = False
        self._buffer = extra + self._buffer

    def sendLine(self, line: str) -> None:
        self.transport.write(line + "\r\n")


class TextHTTPClient(TextLines):
    """HTTPClient of Twisted 15 on text, as far as the program uses it."""

    _first = True

    def sendCommand(self, command: str, path: str) -> None:
        self.transport.write(f"{command} {path} HTTP/1.0\r\n")

    def sendHeader(self, name: str, value: str) -> None:
        self.transport.write(f"{name}: {value}\r\n")

    def endHeaders(self) -> None:
        self.transport.write("\r\n")

    def lineReceived(self, line: str) -> None:
        if self._first:
            self._first = False
        elif line:
            name, value = line.split(":", 1)
            self.handleHeader(name, value.strip())
        else:
            self.setRawMode()
            self.handleEndHeaders()

    def rawDataReceived(self, data: str) -> None:
        """The page itself is not looked at."""


class Here:
    """The reactor, with every host at one address."""

    def __init__(self, address: str) -> None:
        self._address = address

    def connectSSL(self, host: str, port: int, factory: Any, context: Any) -> Any:
        return reactor.connectSSL(self._address, port, factory, context)

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


def load(source: Path, address: str) -> types.ModuleType:
    """The program as Python 3, with the adapter in place of what Twisted changed."""
    from lib2to3.refactor import RefactoringTool, get_fixers_from_package

    tool = RefactoringTool(get_fixers_from_package("lib2to3.fixes"))
    text = str(tool.refactor_string(source.read_text(encoding="utf-8") + "\n", str(source)))
    text = text.replace("from twisted.web.http import HTTPClient", "")
    text = text.replace("from twisted.protocols.basic import LineReceiver", "")
    module = types.ModuleType("msn")
    module.__dict__.update(LineReceiver=TextLines, HTTPClient=TextHTTPClient)
    exec(compile(text, str(source), "exec"), module.__dict__)
    module.__dict__.update(
        md5=lambda data: hashlib.md5(data.encode("latin-1")),
        reactor=Here(address),
        execute=defer.maybeDeferred,  # a Deferred within a Deferred is not unwrapped by `execute`
        ClientContextFactory=ssl.ClientContextFactory,
    )
    return module


def _clients(msn: Any, seen: dict[str, Any]) -> Any:
    """The program's classes with their callbacks filled in, which is how it is meant to be used."""

    class Notification(msn.NotificationClient):  # type: ignore[misc]
        def loggedIn(self, handle: str, name: str, verified: int) -> None:
            seen["signed_in"].append([handle, name.encode("latin-1").decode(), verified])

        def gotProfile(self, message: Any) -> None:
            seen["profiles"].append(message.getHeader("Content-Type"))
            self.factory.ready.callback(self)

        def loginFailure(self, message: str) -> None:
            seen["refused"].append(message)
            self.factory.ready.errback(RuntimeError(message))

        def gotContactStatus(self, status: str, handle: str, name: str) -> None:
            seen["contacts"].append([status, handle])

        contactStatusChanged = gotContactStatus

        def contactOffline(self, handle: str) -> None:
            seen["contacts"].append(["FLN", handle])

        def gotBadLine(self, line: str, why: Exception) -> None:
            seen["bad_lines"].append([line, str(why)])

        def gotMessage(self, message: Any) -> None:
            seen["notices"].append(message.getHeader("Content-Type"))

        def gotSwitchboardInvitation(
            self, session: int, host: str, port: int, key: str, caller: str, name: str
        ) -> None:
            board = Board()
            board.reply, board.userHandle, board.key, board.sessionID = 1, self.factory.userHandle, key, session
            _connect(host, port, board)

    class Board(msn.SwitchboardClient):  # type: ignore[misc]
        def loggedIn(self) -> None:
            if not self.reply:
                self.ready.callback(self)

        def gotChattingUsers(self, users: dict[str, str]) -> None:
            seen["chatting"].append(sorted(users))

        def userJoined(self, handle: str, name: str) -> None:
            seen["joined"].append(handle)
            if not self.reply:
                self.company.callback(None)

        def gotBadLine(self, line: str, why: Exception) -> None:
            seen["bad_lines"].append([line, str(why)])

        def gotMessage(self, message: Any) -> None:
            seen["messages"].append([self.userHandle, message.userHandle, message.getMessage()])
            if self.reply:
                self.sendMessage(msn.MSNMessage(message="and back"))
            else:
                self.answered.callback(None)

    return Notification, Board


def _connect(host: str, port: int, client: Any) -> None:
    factory = protocol.ClientFactory()
    factory.noisy = False
    factory.buildProtocol = lambda peer: client  # type: ignore[method-assign]
    reactor.connectTCP(host, port, factory)


async def _sign_in(msn: Any, kind: Any, address: str, account: str, password: str) -> Any:
    factory = msn.NotificationFactory()
    factory.noisy = False
    factory.userHandle, factory.password = account, password
    factory.ready = defer.Deferred()
    client = kind()
    client.factory = factory
    _connect(address, msn.MSN_PORT, client)
    return await factory.ready


async def _life(source: Path, address: str, password: str, account: str, other: str, seen: dict[str, Any]) -> None:
    msn = load(source, address)
    notification, board_kind = _clients(msn, seen)
    try:
        await _sign_in(msn, notification, address, account, "not-it")
    except RuntimeError:
        pass
    one = await _sign_in(msn, notification, address, account, password)
    two = await _sign_in(msn, notification, address, other, password)
    for client in (one, two):
        contacts, _ = await client.syncList(0)
        seen["lists"].append(
            {
                "version": contacts.version,
                "groups": {str(key): value for key, value in contacts.groups.items()},
                "people": sorted([one.userHandle, one.lists, one.groups] for one in contacts.contacts.values()),
            }
        )

    async def attempt(name: str, what: Any) -> Any:
        """A call of the program whose answer it must understand; a second is long on loopback."""
        try:
            result = await what().addTimeout(1.0, reactor)
            seen["done"].append(name)
            return result
        except Exception as error:
            seen["undone"].append([name, type(error).__name__])
            return None

    await attempt("changeStatus", lambda: one.changeStatus("BSY"))
    added = await attempt("addListGroup", lambda: one.addListGroup("New group"))
    group = added[2] if added else 0
    await attempt("renameListGroup", lambda: one.renameListGroup(group, "Better group"))
    await attempt("addContact", lambda: one.addContact(msn.FORWARD_LIST, other, group))
    await attempt("remContact", lambda: one.remContact(msn.FORWARD_LIST, other, group))
    await attempt("changeScreenName", lambda: one.changeScreenName("Anna A"))
    host, port, key = await one.requestSwitchboardServer()
    board = board_kind()
    board.userHandle, board.key = account, key
    board.ready, board.company, board.answered = (defer.Deferred() for _ in range(3))
    _connect(host, port, board)
    await board.ready
    await attempt("inviteUser", lambda: board.inviteUser(other))
    await attempt("userJoined", lambda: board.company)
    message = msn.MSNMessage(message="hello there")
    message.ack = "A"
    await attempt("sendMessage", lambda: board.sendMessage(message))
    await attempt("answer", lambda: board.answered)
    await attempt("setPhoneDetails", lambda: one.setPhoneDetails("PHH", "555 1234"))
    await attempt("setPrivacyMode", lambda: one.setPrivacyMode(0))  # last: it takes the connection down if misread
    two.logOut()


def main() -> None:
    """One life, at most 20 seconds of it."""
    source, address, password, account, other = sys.argv[1:]
    names = ("signed_in", "profiles", "refused", "contacts", "bad_lines", "notices", "chatting", "joined", "messages")
    seen: dict[str, Any] = {name: [] for name in (*names, "lists", "done", "undone", "failed")}

    def life(running: Any) -> Any:
        whole = defer.ensureDeferred(_life(Path(source), address, password, account, other, seen))
        whole.addTimeout(LIMIT, reactor)
        return whole.addErrback(lambda failure: seen["failed"].append(failure.getTraceback()))

    out = sys.stdout
    sys.stdout = sys.stderr  # the program prints
    try:
        task.react(life)
    except SystemExit:
        pass
    print(json.dumps(seen), file=out)


if __name__ == "__main__":
    main()
