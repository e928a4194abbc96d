"""Why the world refuses: one class per reason, with the codes by which the two protocols say it.

Not protocol errors: a service may choose another code. Source: msnp.md 1.8, http.md 4.7, 14.
"""

from __future__ import annotations

from typing import ClassVar


class WorldError(Exception):
    """Refused, and nothing has changed. `msnp` is the number of MSNP, `soap` the error code of the address book."""

    msnp: ClassVar[int] = 500
    soap: ClassVar[str] = "Forbidden"


class NoSuchAccount(WorldError):
    """Nobody has this address. Up to MSNP9 the number is 205; for contacts SOAP says `InvalidPassportUser`."""

    msnp = 208
    soap = "UserDoesNotExist"


class BadAddress(WorldError):
    """Not an address or a phone number."""

    msnp = 201
    soap = "BadEmailArgument"


class BadText(WorldError):
    """A text with control characters, which neither protocol could carry back."""

    msnp = 209
    soap = "BadArgumentLength"


class TooLong(WorldError):
    """A name or text over its limit (for friendly names; group names are `GroupNameTooLong`)."""

    msnp = 209
    soap = "BadArgumentLength"


class Forbidden(WorldError):
    """Not for clients to change: Reverse entries follow the address books of others; nobody lists himself."""

    msnp = 201
    soap = "Forbidden"


class AccountExists(WorldError):
    """There is an account of this address already."""

    msnp = 215
    soap = "ABAlreadyExists"


class ContactExists(WorldError):
    """In the address book already; `contact` is its id (`additionalDetails/conflictObjectId`)."""

    msnp = 215
    soap = "ContactAlreadyExists"

    def __init__(self, text: str, contact: str) -> None:
        super().__init__(text)
        self.contact = contact


class NoSuchContact(WorldError):
    """Not in the address book."""

    msnp = 216
    soap = "ContactDoesNotExist"


class MemberExists(WorldError):
    """On this list already."""

    msnp = 215
    soap = "MemberAlreadyExists"


class NoSuchMember(WorldError):
    """Not on this list. Clients that remove somebody from Pending after they decided may be told: done."""

    msnp = 216
    soap = "MemberDoesNotExist"


class Opposite(WorldError):
    """Allow and Block exclude each other."""

    msnp = 219
    soap = "Forbidden"


class GroupExists(WorldError):
    """A group of this name is there."""

    msnp = 228
    soap = "GroupAlreadyExists"


class NoSuchGroup(WorldError):
    """No group of this id."""

    msnp = 224
    soap = "GroupDoesNotExist"


class NotInGroup(WorldError):
    """The contact is not in this group."""

    msnp = 225
    soap = "ContactDoesNotExist"


class GroupNameTooLong(WorldError):
    """Over 61 characters, or empty; SOAP names `GroupName` in `parameterFault`."""

    msnp = 229
    soap = "BadArgumentLength"


class ListFull(WorldError):
    """An address book, a list or the table of accounts is full."""

    msnp = 210
    soap = "RequestLimitReached"


class TooManyGroups(WorldError):
    """30 groups are there."""

    msnp = 223
    soap = "RequestLimitReached"


class SameMode(WorldError):
    """BLP or GTC has this value already."""

    msnp = 218
    soap = "Forbidden"


class WrongPassword(WorldError):
    """Refused at sign-in; also for accounts that the emulator plays itself."""

    msnp = 911
    soap = "PassportAuthFail"


class BadTicket(WorldError):
    """Unknown, expired or forgotten: tickets do not survive a restart, clients ask for new ones."""

    msnp = 911
    soap = "PassportAuthFail"


class BadCookie(WorldError):
    """A switchboard cookie that is unknown, used, expired or somebody else's."""

    msnp = 911


class NotOnline(WorldError):
    """The principal is offline or looks so."""

    msnp = 217


class Refused(WorldError):
    """The principal has blocked the other, or takes only those that it allowed."""

    msnp = 216


class InSession(WorldError):
    """Already a member of this switchboard session."""

    msnp = 215


class NoSuchSession(WorldError):
    """No switchboard session of this id, or not a member of it."""

    msnp = 201


class TooManySessions(WorldError):
    """The switchboard is full."""

    msnp = 714


class TooManyPlaces(WorldError):
    """Signed in at too many places."""

    msnp = 734


class TooFast(WorldError):
    """Over the rate of offline messages; `wait` is in seconds (`SenderThrottleLimitExceeded`)."""

    msnp = 800
    soap = "RequestLimitReached"

    def __init__(self, text: str, wait: float) -> None:
        super().__init__(text)
        self.wait = wait


class MailboxFull(WorldError):
    """No room for another offline message (`SystemUnavailable`)."""

    msnp = 210
    soap = "RequestLimitReached"


class NoSuchMessage(WorldError):
    """No offline message of this id."""

    msnp = 201


class NoSuchDocument(WorldError):
    """No picture of this number (`ItemDoesNotExist`)."""

    msnp = 201
    soap = "ItemDoesNotExist"


class FullSyncNeeded(WorldError):
    """Changes since then are no longer known one by one."""

    msnp = 403
    soap = "FullSyncRequired"
