"""What a session asks of the server alone: XFR, URL, GCF, IMS; and the commands that are answered by a number.

Circles (PUT, DEL, SDG) and retired commands are refused, never half served. Source: msnp.md 1.1, 2.5, 2.16 to 2.18.
"""

from __future__ import annotations

from emulator.services.msnp import profile
from emulator.services.msnp.person import PersonsPart, Row
from emulator.wire.errors import WireError
from emulator.wire.msnp.lines import Command, line

LOGIN = "https://login.live.com/ppsecure/md5auth.srf?lc=1033"
SITE_ID = 2
PAGES = {  # what URL asks for -> path behind the login; the paths are emulated
    "INBOX": "/cgi-bin/HoTMaiL",
    "FOLDERS": "/cgi-bin/folders",
    "COMPOSE": "/cgi-bin/compose",
    "MESSAGE": "/cgi-bin/getmsg",
    "CHGMOB": "/mobile",
    "PERSON": "/person",
    "PROFILE": "/profile",
    "CHAT": "/chat",
}
# verb, first and last dialect, number
REFUSED = (
    ("FND", 2, 18, 502),
    ("PAG", 9, 18, 715),
    ("PUT", 18, 18, 933),
    ("DEL", 18, 18, 933),
    ("SDG", 18, 18, 801),
)


class Errands(PersonsPart):
    """Requests of one session."""

    __slots__ = ()

    @classmethod
    def rows(cls) -> tuple[Row, ...]:
        return (
            ("XFR", 2, 18, cls._xfr),
            ("URL", 2, 18, cls._url),
            ("GCF", 11, 12, cls._gcf),
            ("IMS", 2, 18, cls._ims),
            *((verb, first, last, cls._refuse) for verb, first, last, _ in REFUSED),
        )

    def _xfr(self, command: Command) -> bytes:
        person, trid = self._person, command.arg(0)
        if command.arg(1) != "SB":
            raise WireError(f"XFR to {command.arg(1)[:20]!r}")
        place = person.where
        hidden = place is None or place.status == "HDN"
        if not person.announced or (hidden and person.dialect.lists != "soap"):
            return line("913", trid)
        if person.too_fast(person.house.transfers):
            return line("800", trid)
        cookie = person.world.switchboards.transfer(person.address)
        return line("XFR", trid, "SB", person.switchboard, "CKI", cookie, *person.transfer)

    def _url(self, command: Command) -> bytes:
        path = PAGES.get(command.arg(1), PAGES["INBOX"])
        if command.arg(1) == "COMPOSE" and len(command.args) > 2:
            path += f"?to={command.args[2]}"
        return line("URL", command.arg(0), path, LOGIN, SITE_ID)

    def _gcf(self, command: Command) -> bytes:
        return line("GCF", *command.args[:2], payload=profile.SHIELDS_DOCUMENT)

    def _ims(self, command: Command) -> bytes:
        if command.arg(1) not in ("ON", "OFF"):
            return line("201", command.arg(0))
        return line("IMS", command.arg(0), 0, command.arg(1))

    def _refuse(self, command: Command) -> bytes:
        there = self._person.dialect.number
        number = next(row[3] for row in REFUSED if row[0] == command.verb and row[1] <= there <= row[2])
        return line(str(number), command.arg(0))
