"""Accounts: made, found, signed in to, and their settings, profile and pictures.

Not address books (`addressbook`) and not tickets (`tickets`). Source: msnp.md 2.6, 2.13, http.md 2, 5.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable

from emulator.wire import passport
from emulator.world import limits
from emulator.world.changes import (
    AccountCreated,
    DocumentRemoved,
    DocumentStored,
    PhotoRelated,
    ProfileChanged,
    SettingsChanged,
)
from emulator.world.errors import (
    AccountExists,
    ListFull,
    NoSuchDocument,
    SameMode,
    TooLong,
    WrongPassword,
)
from emulator.world.ledger import Ledger
from emulator.world.names import check_address, check_name, check_text, fold, is_volatile
from emulator.world.records import Account, Document, Pairs, Privacy, Prompt

SHORT_PASSWORD = 16  # characters after which some clients cut a password
_ROOM = {False: limits.ACCOUNTS, True: limits.VOLATILE_ACCOUNTS}


class Accounts:
    """Operations on accounts. With `open_accounts`, those of probes are made on the fly and called volatile.

    `newcomer` is called with every volatile account that was made on the fly, to give it contacts; `make_room` when
    there are too many, to forget some. With `anybody`, whoever signs in with an address that nobody has gets an account
    with the password of that first time.
    """

    def __init__(self, ledger: Ledger, *, open_accounts: bool, anybody: bool = False) -> None:
        self._ledger = ledger
        self.open_accounts = open_accounts
        self.anybody = anybody
        self.newcomer: Callable[[Account], None] = lambda account: None
        self.make_room: Callable[[], None] = lambda: None
        ledger.absent = self._on_the_fly

    def create(
        self,
        address: str,
        password: str,
        *,
        name: str = "",
        psm: str = "",
        country: str = "US",
        language: int = 1033,
        verified: bool = True,
        hidden: bool = False,
        resident: bool = False,
        blp: Privacy = "AL",
        gtc: Prompt = "A",
    ) -> Account:
        """A new account; its name is the local part when none is given.

        Raises BadAddress, AccountExists, TooLong, BadText, ListFull (20,000 accounts, 10,000 of
        probes).
        """
        key = fold(check_address(address))
        accounts = self._ledger.state.accounts
        if key in accounts:
            raise AccountExists(f"{address} exists already")
        self._room(volatile=is_volatile(key))
        numbers = passport.numbers(address)
        change = AccountCreated(
            account=key,
            at=self._ledger.stamp(),
            address=address,
            password=password,
            name=check_name(name or address.partition("@")[0]),
            cid=numbers.cid,
            puid=numbers.puid,
            psm=check_text(psm, limits.STATUS_MESSAGE, "status message"),
            country=country,
            language=language,
            verified=verified,
            hidden=hidden,
            resident=resident,
            blp=blp,
            gtc=gtc,
        )
        self._ledger.commit(change)
        return accounts[key]

    def by_cid(self, cid: int) -> Account | None:
        """The account of a CID, signed or unsigned; looks at every account."""
        wanted = cid & 0xFFFF_FFFF_FFFF_FFFF
        return next((one for one in self._ledger.state.accounts.values() if one.cid_unsigned == wanted), None)

    def authenticate(self, address: str, password: str) -> Account:
        """The account of that name and password.

        Some clients cut passwords to 16 characters, so that much is enough. A volatile account takes any password but
        the documented wrong one (`passport.WRONG_PASSWORD`), so that probes can see a refusal. Nobody signs in to a
        resident. Raises NoSuchAccount, WrongPassword; with `anybody` also what `create` raises.
        """
        account = self.newly(address, password) or self._ledger.account(address)
        if is_volatile(account.address):
            right = bool(password) and password != passport.WRONG_PASSWORD
        else:
            expected = account.password
            shortened = len(password) == SHORT_PASSWORD
            expected = expected[:SHORT_PASSWORD] if shortened else expected
            right = bool(password) and hmac.compare_digest(_raw(password), _raw(expected))
        if not right or account.resident:
            raise WrongPassword(f"wrong password for {account.address}")
        return account

    def newly(self, address: str, password: str) -> Account | None:
        """With `anybody`: the account that is made now for an address that nobody has; else None.

        An account without a password (made by a client that never shows it, MSNP7 and before) takes the first one that
        is shown. Raises as `create`.
        """
        if not self.anybody or is_volatile(address):
            return None
        account = self._ledger.find(address)
        if account is None:
            return self.create(address, password)
        if password and not account.password and not account.resident:
            self.set_password(account.address, password)
        return None

    def set_password(self, address: str, password: str) -> None:
        """Another password. Tickets that were issued stay good."""
        self._settings(address, password=password)

    def set_privacy(self, address: str, blp: Privacy) -> None:
        """BLP. Raises SameMode when it is so already."""
        if self._ledger.account(address).blp == blp:
            raise SameMode(f"BLP is {blp} already")
        self._settings(address, blp=blp)

    def set_prompt(self, address: str, gtc: Prompt) -> None:
        """GTC. Raises SameMode when it is so already."""
        if self._ledger.account(address).gtc == gtc:
            raise SameMode(f"GTC is {gtc} already")
        self._settings(address, gtc=gtc)

    def annotate(self, address: str, annotations: Iterable[tuple[str, str]]) -> None:
        """Annotations of the Me contact, merged by name; BLP and GTC among them are set as such.

        Raises TooLong, ListFull (64 annotations).
        """
        account = self._ledger.account(address)
        merged = dict(account.annotations)
        blp: Privacy | None = None
        gtc: Prompt | None = None
        for name, value in annotations:
            if name == "MSN.IM.BLP":
                blp = "BL" if value == "2" else "AL"
            elif name == "MSN.IM.GTC":
                gtc = "N" if value == "2" else "A"
            else:
                merged[check_text(name, limits.DETAIL, "annotation")] = check_text(value, limits.DETAIL, "annotation")
        if len(merged) > limits.DETAILS:
            raise ListFull(f"{len(merged)} annotations, limit {limits.DETAILS}")
        self._settings(address, blp=blp, gtc=gtc, annotations=tuple(merged.items()))

    def set_phones(self, address: str, phones: Pairs) -> None:
        """PHH, PHW, PHM and the like, all at once. Raises TooLong over 95 bytes."""
        if any(len(value.encode()) > limits.PHONE for _, value in phones) or len(phones) > limits.DETAILS:
            raise TooLong(f"a phone number over {limits.PHONE} bytes, or too many")
        self._settings(address, phones=phones)

    def set_name(self, address: str, name: str) -> None:
        """Friendly name. Raises TooLong over 387 encoded bytes, BadText."""
        account = self._ledger.account(address)
        if account.name != check_name(name):
            self._ledger.commit(ProfileChanged(account=account.key, at=self._ledger.stamp(account), name=name))

    def set_psm(self, address: str, psm: str) -> None:
        """Roaming status message, "" takes it away. Raises TooLong, BadText."""
        account = self._ledger.account(address)
        check_text(psm, limits.STATUS_MESSAGE, "status message")
        self._ledger.commit(ProfileChanged(account=account.key, at=self._ledger.stamp(account), psm=psm))

    def update_profile(self, address: str, *, name: str | None = None, psm: str | None = None) -> None:
        """Name and roaming status message in one change; None leaves a value. Raises TooLong, BadText."""
        account = self._ledger.account(address)
        check_name(name or "")
        check_text(psm or "", limits.STATUS_MESSAGE, "status message")
        self._ledger.commit(ProfileChanged(account=account.key, at=self._ledger.stamp(account), name=name, psm=psm))

    def store_document(self, address: str, data: bytes, mime: str, *, name: str = "", number: int = 0) -> Document:
        """Keep a picture: a new one, or in place of `number`. Of 16, the oldest that is no tile makes room.

        Raises TooLong over 256 KiB or when empty, NoSuchDocument for a number that is not there.
        """
        account = self._ledger.account(address)
        if not 0 < len(data) <= limits.DOCUMENT:
            raise TooLong(f"a picture of {len(data)} bytes, limit {limits.DOCUMENT}")
        check_text(name, limits.DETAIL, "picture's name")
        if number and number not in account.documents:
            raise NoSuchDocument(f"no picture {number}")
        if not number and len(account.documents) >= limits.DOCUMENTS:
            oldest = min(one for one in account.documents if one != account.photo)
            self._ledger.commit(DocumentRemoved(account=account.key, at=self._ledger.stamp(account), number=oldest))
        chosen = number or account.next_document
        at = self._ledger.stamp(account)
        change = DocumentStored(account=account.key, at=at, number=chosen, name=name, mime=mime, data=data)
        self._ledger.commit(change)
        return account.documents[chosen]

    def relate_photo(self, address: str, number: int) -> None:
        """Make a picture the user tile; 0: no tile. Raises NoSuchDocument."""
        account = self._ledger.account(address)
        if number and number not in account.documents:
            raise NoSuchDocument(f"no picture {number}")
        self._ledger.commit(PhotoRelated(account=account.key, at=self._ledger.stamp(account), number=number))

    def remove_document(self, address: str, number: int) -> None:
        """A picture is deleted; the tile with it when it is the tile. Raises NoSuchDocument."""
        account = self._ledger.account(address)
        if number not in account.documents:
            raise NoSuchDocument(f"no picture {number}")
        self._ledger.commit(DocumentRemoved(account=account.key, at=self._ledger.stamp(account), number=number))

    def set_tile(self, address: str, data: bytes, mime: str, *, name: str = "") -> Document:
        """Keep a picture and make it the user tile. Raises as `store_document`."""
        document = self.store_document(address, data, mime, name=name)
        self.relate_photo(address, document.number)
        return document

    def _settings(
        self,
        address: str,
        *,
        password: str | None = None,
        blp: Privacy | None = None,
        gtc: Prompt | None = None,
        phones: Pairs | None = None,
        annotations: Pairs | None = None,
    ) -> None:
        account = self._ledger.account(address)
        change = SettingsChanged(
            account=account.key,
            at=self._ledger.stamp(account),
            password=password,
            blp=blp,
            gtc=gtc,
            phones=phones,
            annotations=annotations,
        )
        self._ledger.commit(change)

    def _room(self, *, volatile: bool) -> None:
        state = self._ledger.state
        if volatile and len(state.volatile) >= limits.VOLATILE_ACCOUNTS:
            self.make_room()
        passing = len(state.volatile)
        if (passing if volatile else len(state.accounts) - passing) >= _ROOM[volatile]:
            raise ListFull(f"{_ROOM[volatile]} {'probe ' if volatile else ''}accounts are there")

    def _on_the_fly(self, address: str) -> Account | None:
        if not (self.open_accounts and is_volatile(address)):
            return None
        account = self.create(address.partition(";")[0], "")
        self.newcomer(account)
        return account


def _raw(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
