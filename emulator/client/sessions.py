"""Open sessions between peers who met at a switchboard: who takes what comes in them, and the way that it goes.

Not what they are for: files and pictures (`transfer`), messages both ways (`channel`). Not the negotiation (`calls`).
"""

from __future__ import annotations

from collections.abc import Callable

from emulator.client.board import Board
from emulator.client.calls import Calls
from emulator.client.channel import Channel
from emulator.client.direct import Direct
from emulator.client.direct_bridge import DirectBridge, Limits, NoWay
from emulator.client.direct_passage import Passage
from emulator.client.direct_session import Session, nothing, passage_of
from emulator.client.direct_ways import Ways
from emulator.client.network import ClientError, Network, StreamEnded
from emulator.client.peers import Kept, Peers, Sink
from emulator.wire import p2p, slp
from emulator.wire.errors import WireError
from emulator.wire.p2p import Header
from emulator.wire.slp import Slp

SESSIONS = 64  # sessions that may be open at once; the oldest is forgotten first
FAREWELL = 5.0  # seconds after BYE in which the peer may close the connection itself


class Sessions:
    """Sessions of one account on one board.

    `on_blob` gets complete messages in sessions that were never agreed on. `on_invited` gets invitations to what this
    end does not know by itself (declined when nobody sets it).
    """

    def __init__(self, board: Board, network: Network, ways: Ways | None = None, limits: Limits = Limits()) -> None:
        self._me = board.me
        self._network = network
        self._bridge: DirectBridge | None = None
        self._peers = Peers(board, network, self._sink)
        self._calls = Calls(self._peers, board.me, network.entropy)
        self._calls.invited, self._calls.ended = self._invited, self._bye
        self._sessions: dict[int, Session] = {}
        self.on_blob: Callable[[str, int, bytes], None] = lambda sender, session, data: None
        self.on_invited: Callable[[Slp], None] = self._calls.decline
        self.sessions_ended = 0  # by BYE
        if ways is not None:
            self.connect_directly(ways, limits)
        board.at_end(self._end)
        board.at_left(self._left)

    def connect_directly(self, ways: Ways, limits: Limits = Limits()) -> None:
        """From now on use direct connections."""
        self._bridge = self._calls.bridge = DirectBridge(
            self._calls,
            self._network,
            ways,
            limits,
            number=self._peers.number,
            known=lambda request: self._of(request.call_id, request.caller) is not None,
            opened=self._opened,
        )

    @property
    def calls(self) -> Calls:
        """The negotiation, for other kinds of sessions and for bridges."""
        return self._calls

    # messages both ways

    async def open_channel(self, to: str, guid: str, context: str, *, app: int, flags: int = p2p.PLAIN) -> Channel:
        """Invite to a session of messages; `answer` of the channel is what the peer's 200 said.

        Raises Unexpected (`code` 603: declined), ClientError when the conversation ends before.
        """
        number = self._new_session()
        body = (("EUF-GUID", guid), ("SessionID", str(number)), ("AppID", str(app)), ("Context", context))
        session = Session(None, None, nothing)
        channel = self._channel(session, to, number, app, flags)  # messages may come right behind the acceptance
        try:
            await self._calls.invite(
                to,
                body,
                opening=lambda sent: setattr(session, "call", sent),
                accepted=lambda answer: setattr(channel, "answer", answer),
            )
        except BaseException:
            self._sessions.pop(number, None)
            raise
        return channel

    def admit(self, invitation: Slp, *, app: int, flags: int = p2p.PLAIN, more: slp.Fields = ()) -> Channel:
        """Accept a session of messages; `more` are fields of the 200. Raises WireError for a session that cannot be."""
        number = invitation.session
        if not number or number in self._sessions:
            raise WireError(f"a session with the number {number}")
        channel = self._channel(Session(invitation, None, nothing), invitation.caller, number, app, flags)
        self._calls.accept(invitation, more)
        return channel

    def _channel(self, session: Session, to: str, number: int, app: int, flags: int) -> Channel:
        async def send(data: bytes) -> None:
            await self._peers.send(to, data, session=number, flags=flags, app=app, carrier=session.direct)

        async def connect() -> None:
            assert session.call is not None
            if self._bridge is None:
                raise NoWay("this end makes no direct connections")
            self._opened(session.call, await self._bridge.connect(session.call))

        def close() -> None:
            if self._sessions.get(number) is session:
                del self._sessions[number]
                self._close(session)

        channel = Channel(to, session, send, connect, close)
        session.stop, session.messages = channel.end, channel
        self._open(number, session)
        return channel

    # the ways of data

    async def _pass(self, session: Session, to: str, data: bytes, flags: int, app: int) -> Passage:
        """Data of a session by the best way there is: a connection of its own, else the switchboard."""
        assert session.call is not None
        why, direct = "", None
        if self._bridge is not None:
            try:
                direct = await self._bridge.connect(session.call)
                self._opened(session.call, direct)
            except NoWay as none:
                why = str(none)
        started = self._network.now()
        try:
            await self._peers.send(to, data, session=session.call.session, flags=flags, app=app, carrier=direct)
        except StreamEnded as problem:
            if direct is None:
                raise
            raise StreamEnded(f"the direct connection ended early: {problem}") from problem
        return passage_of(direct, self._network.now() - started, why)

    def _close(self, session: Session) -> None:
        """BYE, on the session's connection if it has one, which is closed then."""
        if session.call is not None:
            direct = session.direct
            said = self._calls.bye(session.call, direct)
            if direct is not None:
                direct.close_later(FAREWELL)
                # When the conversation ended before, the acknowledgement may still be on its way: the peer closes then.
                said.addCallback(lambda _: None if self._peers.over else direct.close())

    def _part(self, session: Session) -> None:
        """Without a word: the session's connection and listener are closed."""
        if session.direct is not None:
            session.direct.close()
        if session.call is not None and self._bridge is not None:
            self._bridge.closed(session.call)

    def _opened(self, call: Slp, direct: Direct) -> None:
        """A connection came up for a call."""
        session = self._of(call.call_id, "")
        if session is None or direct.over is not None:
            direct.close()
            return
        if session.direct is not None:
            session.direct.close()
        session.direct = direct
        peer = self._calls.peer(session.call or call).partition(";")[0]
        direct.deliver = lambda header, piece, by: self._peers.take(
            peer, header, piece, p2p.FILE if header.is_data else p2p.NEGOTIATION, by
        )
        direct.on_ended = lambda error: self._lost(direct, error)

    def _lost(self, direct: Direct, error: ClientError) -> None:
        self._peers.lost(direct, error)
        for number, session in tuple(self._sessions.items()):
            if session.direct is direct:
                self._sessions.pop(number).stop(StreamEnded(f"the direct connection ended early: {error}"))

    def _of(self, call_id: str, peer: str) -> Session | None:
        """The open session of a call; with `peer` only if it is with that account."""
        for session in self._sessions.values():
            if session.has(call_id) and session.call is not None:
                other = self._calls.peer(session.call).partition(";")[0]
                return session if not peer or other.lower() == peer.lower() else None
        return None

    # what peers say

    def _invited(self, invitation: Slp) -> None:
        self.on_invited(invitation)

    def _sink(self, sender: str, header: Header, app: int) -> Sink:
        """Who takes a message: the negotiation, a session's data, or whoever wants blobs."""
        if header.session == 0:
            return Kept(lambda last, text: self._calls.take(sender, text))
        session = self._sessions.get(header.session)
        if session is not None and session.messages is not None and session.messages.peer.lower() == sender.lower():
            return session.messages.sink(header)
        data = header.is_data or app == p2p.FILE
        if session is not None and session.sink is not None and data:
            session.started = self._network.now()
            return session.sink
        return Kept(lambda last, blob: self.on_blob(sender, header.session, blob))

    def _bye(self, bye: Slp) -> None:
        self.sessions_ended += 1
        closed = [number for number, one in self._sessions.items() if one.has(bye.call_id)]
        for number in closed:
            session = self._sessions.pop(number)
            self._part(session)
            session.stop(StreamEnded("the peer closed the session"))

    def _left(self, peer: str) -> None:
        """Somebody left the conversation: what went through it goes no further; direct connections live on."""
        error = StreamEnded(f"{peer} left the conversation")
        for number, session in tuple(self._sessions.items()):
            other = "" if session.call is None else self._calls.peer(session.call).partition(";")[0]
            if other.lower() == peer.lower() and session.direct is None:
                del self._sessions[number]
                self._part(session)
                session.stop(error)
        self._peers.left(peer, error)
        self._calls.left(peer, error)

    def _open(self, number: int, session: Session) -> None:
        self._sessions[number] = session
        while len(self._sessions) > SESSIONS:
            oldest = self._sessions.pop(next(iter(self._sessions)))
            self._part(oldest)
            oldest.stop(StreamEnded("too many sessions"))

    def _new_session(self) -> int:
        number = self._peers.number()
        while number in self._sessions:
            number = number % 0x7FFFFFFF + 1
        return number

    def _end(self, error: ClientError) -> None:
        self._peers.end(error)
        self._calls.end(error)
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            self._part(session)
            session.stop(error)
        if self._bridge is not None:
            self._bridge.end()
