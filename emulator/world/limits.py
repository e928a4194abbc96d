"""How much the world holds: the documented limits of the network, and our own where none is known.

Not limits of lines, payloads and documents: those stand in `wire`. Source: msnp.md 1.7, http.md 26.
"""

from __future__ import annotations

CONTACTS = 1000  # per address book; the service of 2009 (folklore, as every number given for it)
MEMBERS = 2000  # per role; ours: twice the contacts, because people block more than they list
GROUPS = 30  # per address book
GROUP_NAME = 61  # characters; MSNP8 to 12 count the encoded bytes, so their service asks `wire_length` too
NAME = 387  # bytes of a friendly name in its encoded form
PHONE = 95  # bytes of a phone number
STATUS_MESSAGE = 1024  # characters; the client's own window stops at 129
DETAIL = 1024  # characters of one annotation or property of a contact; ours
DETAILS = 64  # annotations or properties of one contact; ours
INVITATION = 300  # characters of the text that comes with an invitation; ours
TOMBSTONES = 500  # removed contacts, and removed members, that an account remembers for deltas; ours

ACCOUNTS = 20_000  # that are kept; ours
VOLATILE_ACCOUNTS = 10_000  # of probes, at a time; ours
DOCUMENTS = 16  # pictures per account; ours
DOCUMENT = 256 * 1024  # bytes of a picture

MESSAGES = 200  # offline messages per mailbox; ours
MESSAGE = 32 * 1024  # bytes of one offline message as it was handed in; its text may have 8 KiB
NICKNAME = 48  # characters of a sender's friendly name in an offline message

TICKETS = 50_000  # alive at a time; ours
TICKET_LIFETIME = 86_400.0  # seconds
PLACES = 16  # at which one account is signed in; ours

COOKIES = 20_000  # of switchboards, alive at a time; ours
COOKIE_LIFETIME = 120.0  # seconds
SESSIONS = 5000  # switchboard sessions; ours
SESSION_MEMBERS = 50  # ours
NOTICES = 20_000  # waiting to be told; ours
