"""A client's life over SOAP without sockets: calls as XML text, answers as lxml trees.

Not the probe's codecs where a reading is what is tested: paths are those that client programs use.
"""

from __future__ import annotations

from typing import Any

from lxml import etree
from web_place import NOW, PASSWORD, ask, scene

from emulator.services.msnp.house import House
from emulator.services.msnp.session import Session
from emulator.wire import addressbook, challenge, oim, roaming, rst, sso
from emulator.wire.context import ServerContext
from emulator.wire.http import Response
from emulator.wire.markup import Xml, el
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation

SITES = (rst.PASSPORT, rst.CLEAR, "messenger.msn.com", rst.CONTACTS, "messengersecure.live.com", "storage.msn.com")
SHARING = "https://contacts.msn.com" + addressbook.SHARING_PATH
BOOK = "https://contacts.msn.com" + addressbook.BOOK_PATH
STORAGE = "https://storage.msn.com" + roaming.PATH
STORE = "https://ows.messenger.msn.com" + oim.STORE_PATH
RSI = "https://rsi.hotmail.com" + oim.READ_PATH


class Faulted(AssertionError):
    """A SOAP fault; `code` is detail/errorcode or faultcode."""

    def __init__(self, response: Response) -> None:
        root = etree.fromstring(response.body)
        self.code = root.findtext(".//{*}errorcode") or root.findtext(".//faultcode")
        self.root = root
        super().__init__(f"{response.status} {self.code}")


class Client:
    """Somebody who has signed in by RST.srf."""

    def __init__(self, home: House, address: str, password: str = PASSWORD) -> None:
        self.home = home
        self.address = address
        self.scene = scene(home=home)
        login = rst.Login(address, password, tuple(rst.Site(site) for site in SITES))
        response = ask("POST", "https://login.live.com/RST.srf", (), rst.request(login), at=self.scene).response
        outcome = rst.read_answer(response.body)
        assert not outcome.fault
        self.tickets = {token.site: token.ticket for token in outcome.tokens}
        self.secret = outcome.tokens[1].secret

    @property
    def ticket(self) -> str:
        """For contacts."""
        return self.tickets[rst.CONTACTS]

    def post(self, url: str, body: bytes) -> etree._Element:
        """First element of the answer's body. Raises Faulted."""
        response = ask("POST", url, (), body, at=self.scene).response
        if response.status != 200:
            raise Faulted(response)
        return etree.fromstring(response.body).find("{*}Body")[0]

    def book(self, operation: str, *content: Xml) -> etree._Element:
        return self.post(BOOK, addressbook.call(operation, self.ticket, *content))

    def sharing(self, operation: str, *content: Xml) -> etree._Element:
        return self.post(SHARING, addressbook.call(operation, self.ticket, *content))

    def storage(self, operation: str, *content: Xml, namespace: str = roaming.W10) -> etree._Element:
        ticket = self.tickets["storage.msn.com"]
        return self.post(STORAGE, roaming.call(operation, ticket, *content, namespace=namespace))

    def member(self, operation: str, role: str, address: str, *, number: int = 0) -> etree._Element:
        """AddMember or DeleteMember of one person."""
        which = el("MembershipId", number) if number else el("PassportName", address)
        member = el("Member", el("Type", "Passport"), el("State", "Accepted"), which, at={"xsi:type": "PassportMember"})
        handle = el("serviceHandle", el("Id", 0), el("Type", "Messenger"), el("ForeignId"))
        inside = el("Membership", el("MemberRole", role), el("Members", member))
        return self.sharing(operation, handle, el("memberships", inside))

    def lists(self, since: str = "") -> etree._Element:
        return self.post(SHARING, addressbook.find_membership(self.ticket, since=since))

    def contacts(self, since: str = "") -> etree._Element:
        return self.post(BOOK, addressbook.find_all(self.ticket, since=since))

    def profile(self) -> etree._Element:
        cid = self.home.world.account(self.address).cid
        return self.post(STORAGE, roaming.get_profile(self.tickets["storage.msn.com"], cid))

    def write(self, to: str, text: str, number: int = 1, nickname: str = "") -> etree._Element:
        """An offline message: challenged, then sent with its lock key."""
        message = oim.Message("{0F21A7D4-6C1B-4E0A-9B53-1E4C0D5A7702}", number, text)
        ticket = self.tickets["messengersecure.live.com"]
        values: dict[str, Any] = {
            "namespace": oim.W2004,
            "sender": self.address,
            "recipient": to,
            "ticket": ticket,
            "product": challenge.CLIENT,
            "number": number,
            "content": oim.mime(message),
            "nickname": nickname,
        }
        try:
            self.post(STORE, oim.store(oim.Store(lock_key="", **values)))
        except Faulted as refused:
            digits = refused.root.findtext(".//{*}LockKeyChallenge")
        key = challenge.lock_key(digits, challenge.CLIENT)
        return self.post(STORE, oim.store(oim.Store(lock_key=key, **values)))

    def mail(self, operation: str, *content: Xml) -> etree._Element:
        return self.post(RSI, oim.rsi_call(operation, self.tickets["messenger.msn.com"], *content))


class Messenger:
    """A notification session of a client, signed in with what RST gave it."""

    def __init__(self, client: Client) -> None:
        self.inbox = bytearray()
        context = ServerContext(
            observed=Endpoint("192.0.2.10", 50321),
            local=Endpoint("203.0.113.20", 1863),
            second=Endpoint("203.0.113.9", 7001),
            relay=Endpoint("203.0.113.8", 30478),
            relay_key=b"k" * 16,
            entropy=client.scene.entropy,
            now=lambda: NOW,
            push=self.inbox.extend,
        )
        self.far: Conversation[Any] = Conversation(Session(context, client.home).talk())
        self.inbox += self.far.start()
        self.send(b"VER 1 MSNP15 CVR0\r\n")
        self.send(f"CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 8.1.0178 msmsgs {client.address}\r\n".encode())
        asked = self.send(f"USR 3 SSO I {client.address}\r\n".encode())
        nonce = asked.split()[-1].decode()
        blob = sso.response(client.secret, nonce, bytes(8))
        self.signed_in = self.send(f"USR 4 SSO S {client.tickets[rst.CLEAR]} {blob}\r\n".encode())
        self.present = self.send(b"CHG 5 NLN 2007498796 0\r\n")

    def send(self, data: bytes) -> bytes:
        self.inbox += self.far.feed(data)
        return self.read()

    def read(self) -> bytes:
        """What has arrived since the last look."""
        data = bytes(self.inbox)
        self.inbox.clear()
        return data


def people(tree: etree._Element) -> dict[str, list[str]]:
    """Addresses by role, deleted ones with a minus before them."""
    found: dict[str, list[str]] = {}
    for one in tree.iterfind(".//{*}Membership"):
        names = found.setdefault(one.findtext("{*}MemberRole"), [])
        for member in one.iterfind("{*}Members/{*}Member"):
            gone = "-" if member.findtext("{*}Deleted") == "true" else ""
            names.append(gone + member.findtext("{*}PassportName"))
    return found


def entries(tree: etree._Element) -> dict[str, etree._Element]:
    """contactInfo by address, deleted ones with a minus before them; without the Me contact."""
    found = {}
    for one in tree.iterfind(".//{*}Contact"):
        info = one.find("{*}contactInfo")
        if info.findtext("{*}contactType") != "Me":
            gone = "-" if one.findtext("{*}fDeleted") == "true" else ""
            found[gone + (info.findtext("{*}passportName") or info.findtext(".//{*}email") or "")] = info
    return found


def groups(tree: etree._Element) -> dict[str, str]:
    """Id by name, deleted ones with a minus before them."""
    return {
        ("-" if one.findtext("{*}fDeleted") == "true" else "") + one.findtext("{*}groupInfo/{*}name"): one.findtext(
            "{*}groupId"
        )
        for one in tree.iterfind(".//{*}Group")
    }
