"""Ports that somebody listens on already, shared with MSNFTP transfers that await a peer there.

Not a listener: whoever has one asks here what to say to a connection that begins as MSNFTP. The AuthCookie decides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulator.client.direct_sockets import Unwatched, Watch
from emulator.client.direct_ways import Accept, Guest
from emulator.client.meetings import Meetings
from emulator.client.network import CallLater, Data, Ended, StreamEnded
from emulator.wire import msnftp, p2p
from emulator.wire.context import ServerContext
from emulator.wire.talk import Some, Talk

QUIET = 0.25  # seconds from the greeting in which a receiver says who it is; who brings a file waits to be told


def anywhere(address: str) -> bool:
    """A guest may come from any address."""
    return True


class SharedPorts:
    """`held(port)`: whether a listener here hands what begins as MSNFTP to `server`. `meetings`: T.120, RDP."""

    def __init__(self, call_later: CallLater) -> None:
        self._call_later = call_later
        self._doors: dict[int, SharedDoor] = {}
        self.meetings = Meetings()
        self.held: Callable[[int], bool] = lambda port: False

    def listen(
        self,
        address: str,
        accept: Accept,
        ports: tuple[int, ...],
        guest: Guest,
        *,
        watch: Callable[[], Watch] = Unwatched,
        admits: Callable[[str], bool] = anywhere,
    ) -> SharedDoor | None:
        """Await `guest` on the first of `ports` that is held and awaits nobody else; None where there is none.

        `admits`: may it come from that address? Asked of one who brings a file, whom nothing but its silence shows.
        """
        port = next((one for one in ports if one not in self._doors and self.held(one)), 0)
        if not port:
            return None
        door = self._doors[port] = SharedDoor(address, port, accept, guest, watch, admits, self._shut)
        return door

    def server(self, context: ServerContext) -> Talk[None]:
        """A connection that began with the greeting: an awaited guest's, else one of the survey's."""
        door = self._doors.get(context.local.port)
        if door is None:
            yield from msnftp.server(context)
            return
        hello = yield from msnftp.greeting()
        context.push(msnftp.VERSION)  # not by Send: what the guest is told must not overtake it
        stream = SharedStream(context, hello)
        quiet: Any = None
        if door.guest.brings and door.admits(context.observed.address):
            quiet = self._call_later(QUIET, lambda: door.let_in(stream))
        try:
            line = yield from msnftp.text_line()
            if not stream.taken:
                if door.guest.brings or msnftp.auth_cookie(line) != door.guest.cookie:
                    yield from msnftp.offer(line)
                    return
                door.let_in(stream)
            yield msnftp.sighting(door.guest.cookie)
            stream.deliver(line + msnftp.END_OF_LINE)
            while data := (yield Some()):
                stream.deliver(data)
        finally:
            if quiet is not None and quiet.active():
                quiet.cancel()
            stream.over()

    def _shut(self, door: SharedDoor) -> None:
        if self._doors.get(door.port) is door:
            del self._doors[door.port]


class SharedDoor:
    """A port on which one guest is awaited."""

    def __init__(
        self,
        address: str,
        port: int,
        accept: Accept,
        guest: Guest,
        watch: Callable[[], Watch],
        admits: Callable[[str], bool],
        shut: Callable[[SharedDoor], None],
    ) -> None:
        self.address = address
        self.port = port
        self.guest = guest
        self.admits = admits
        self._accept = accept
        self._watch = watch
        self._shut = shut
        self._open = True

    def close(self) -> None:
        """Nobody else is let in; who is inside stays."""
        self._open = False
        self._shut(self)

    def let_in(self, stream: SharedStream) -> None:
        """It is the guest. Too late for one who comes when the door is shut: the connection is closed."""
        if self._open:
            stream.take(self._watch())
            self._accept(stream)
        else:
            stream.close()


class SharedStream:
    """The guest's connection as a `PeerStream`. The greeting has been exchanged: its bytes are there, ours are sent."""

    def __init__(self, context: ServerContext, hello: bytes) -> None:
        self._context = context
        self._early = hello
        self._greeted = False
        self._watch: Watch | None = None
        self._data: Data | None = None
        self._ended: Ended | None = None
        self._closed = False
        self._problem = ""

    @property
    def taken(self) -> bool:
        """True once it is known whose it is."""
        return self._watch is not None

    def take(self, watch: Watch) -> None:
        """Somebody awaits it, and `watch` sees it from its first byte."""
        self._watch = watch
        watch.opened(self._context.local, self._context.observed, dialled=False)
        watch.received(self._early)
        watch.sent(msnftp.VERSION)

    def attach(self, data: Data, ended: Ended) -> None:
        self._data, self._ended = data, ended
        early, self._early = self._early, b""
        data(early)

    def send(self, data: p2p.Bytes) -> None:
        said = bytes(data)
        if said and not self._greeted:
            said, self._greeted = said.removeprefix(msnftp.VERSION), True
        if said and self._watch is not None and not self._closed:
            self._watch.sent(said)
            self._context.push(said)

    def room(self) -> None:
        """Files by MSNFTP are small."""

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._context.hang_up()

    def abandon(self, problem: Exception) -> None:
        self._problem = str(problem)
        self.close()

    def deliver(self, data: bytes) -> None:
        """Bytes came."""
        if self._watch is not None:
            self._watch.received(data)
        if self._data is None:
            self._early += data
        elif not self._closed:
            self._data(data)

    def over(self) -> None:
        """The connection is gone."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.ended("closed" if self._closed else "fin", self._problem)
            if self._ended is not None and not self._closed:
                self._ended(StreamEnded("the peer closed the connection"))
