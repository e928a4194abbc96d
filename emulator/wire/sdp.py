"""Session descriptions of calls: media lines, codecs, candidates of ICE draft 6, offer and answer. No keys.

Source: RFC 4566, RFC 3264, RFC 3605 (a=rtcp), dossier media.md 4.1.
"""

from __future__ import annotations

import base64
import binascii
import re

import msgspec

from emulator.wire import ipv4
from emulator.wire.errors import WireError

SIZE_LIMIT = 16 * 1024  # bytes
LINES_LIMIT = 512
MEDIA_LIMIT = 8
CANDIDATES_LIMIT = 64  # of one media line
CODECS = {"0": "PCMU/8000", "8": "PCMA/8000", "101": "telephone-event/8000", "34": "H263/90000"}
PLAIN = ("0", "8")  # audio that an emulator can send as it is: one byte a sample
PICTURE = ("34",)
HOST, REFLEXIVE, RELAYED = "0.830", "0.550", "0.450"  # priorities
BELOW = 0.5  # the priority of what is at a relay
_TOKEN = re.compile(r"[!-~]{1,64}")


class Candidate(msgspec.Struct, frozen=True):
    """Where a peer may be reached. `user` and `password` are base64; `component` is 1 (RTP) or 2 (RTCP)."""

    user: str
    component: int
    password: str
    priority: str
    address: str
    port: int
    transport: str = "UDP"

    @property
    def name(self) -> bytes:
        """The user as it stands in USERNAME of a check."""
        return base64.b64decode(self.user)

    @property
    def key(self) -> bytes:
        """Key of the checks that this peer takes."""
        return base64.b64decode(self.password)


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """One media line. `port` 0: refused; `rtcp` 0: the port behind. `attributes` without those read into fields."""

    kind: str
    port: int
    formats: tuple[str, ...]
    address: str = ""
    rtcp: int = 0
    profile: str = "RTP/AVP"
    candidates: tuple[Candidate, ...] = ()
    attributes: tuple[str, ...] = ()

    @property
    def rtcp_port(self) -> int:
        """Where its RTCP goes."""
        return self.rtcp or min(self.port + 1, 65535)

    def candidate(self, component: int, *, relayed: bool = False) -> Candidate | None:
        """The best candidate of a component over UDP: highest priority first. `relayed`: the best at a relay."""
        found = [one for one in self.candidates if one.component == component and one.transport == "UDP"]
        if relayed:
            found = [one for one in found if float(one.priority) < BELOW]
        return max(found, key=lambda one: float(one.priority), default=None)


class Session(msgspec.Struct, frozen=True):
    """A description: its originator's address and the media lines, each with an address."""

    address: str
    media: tuple[Media, ...]

    @property
    def audio(self) -> Media:
        """The first audio line. WireError when there is none that is not refused."""
        found = self.line("audio")
        if found is None:
            raise WireError("SDP without audio")
        return found

    def line(self, kind: str) -> Media | None:
        """The first line of a kind that is not refused."""
        return next((one for one in self.media if one.kind == kind and one.port), None)


def encode(session: Session) -> bytes:
    """Bytes of a description, in the order of lines that the 8.1 client uses."""
    lines = ["v=0", f"o=- 0 0 IN IP4 {session.address}", "s=session", "b=CT:99980", "t=0 0"]
    for media in session.media:
        lines.append(f"m={media.kind} {media.port} {media.profile} {' '.join(media.formats)}")
        lines.append(f"c=IN IP4 {media.address or session.address}")
        lines += [f"a={_candidate_words(one)}" for one in media.candidates]
        if media.rtcp:
            lines.append(f"a=rtcp:{media.rtcp}")
        lines += [f"a=rtpmap:{one} {CODECS[one]}" for one in media.formats if one in CODECS]
        lines += [f"a={one}" for one in media.attributes]
    return "\r\n".join((*lines, "")).encode()


def decode(data: bytes) -> Session:
    """Read a description. WireError for what is too large, no text, or not of this grammar; unknown lines pass."""
    if len(data) > SIZE_LIMIT:
        raise WireError(f"SDP of {len(data)} bytes")
    try:
        lines = data.decode().replace("\r\n", "\n").strip("\n").split("\n")
    except UnicodeDecodeError as error:
        raise WireError("SDP that is not UTF-8") from error
    if len(lines) > LINES_LIMIT or lines[0] != "v=0":
        raise WireError(f"SDP of {len(lines)} lines that begins {lines[0][:20]!r}")
    origin, general = "", ""
    media: list[Media] = []
    for line in lines[1:]:
        kind, equals, value = line.partition("=")
        if len(kind) != 1 or not equals or re.search(r"[\x00-\x1f]", value):
            raise WireError(f"not a line of SDP: {line[:40]!r}")
        match kind:
            case "o":
                origin = value.split(" ")[-1]
            case "c" if media:
                media[-1] = msgspec.structs.replace(media[-1], address=_address(value))
            case "c":
                general = _address(value)
            case "m":
                if len(media) == MEDIA_LIMIT:
                    raise WireError(f"SDP with more than {MEDIA_LIMIT} media lines")
                media.append(_media(value, general))
            case "a" if media:
                media[-1] = _attributed(media[-1], value)
    return Session(origin, tuple(media))


def common(offered: Media, wanted: tuple[str, ...] = PLAIN) -> str:
    """The codec of an answer: the first of the offered ones that is wanted. WireError when there is none."""
    found = next((one for one in offered.formats if one in wanted), "")
    if not found:
        raise WireError(f"no codec in common: {' '.join(offered.formats)[:60]}")
    return found


def answer(offer: Session, *taken: Media) -> Session:
    """An answer has as many lines as the offer (RFC 3264 6): ours for the first of its kind, all others refused."""
    lines: list[Media] = []
    for one in offer.media:
        ours = next((own for own in taken if one is offer.line(own.kind)), None)
        lines.append(ours or Media(kind=one.kind, port=0, formats=one.formats[:1], profile=one.profile))
    return Session(taken[0].address, tuple(lines))


def _candidate_words(one: Candidate) -> str:
    words = (one.user, one.component, one.password, one.transport, one.priority, one.address, one.port)
    return "candidate:" + " ".join(str(word) for word in words)


def _media(value: str, address: str) -> Media:
    words = value.split(" ")
    if len(words) < 4 or not all(_TOKEN.fullmatch(word) for word in words) or len(words) > 64:
        raise WireError(f"an SDP media line {value[:60]!r}")
    return Media(kind=words[0], port=_port(words[1]), profile=words[2], formats=tuple(words[3:]), address=address)


def _attributed(media: Media, value: str) -> Media:
    name, _, rest = value.partition(":")
    match name:
        case "candidate":
            if len(media.candidates) == CANDIDATES_LIMIT:
                raise WireError(f"more than {CANDIDATES_LIMIT} candidates")
            return msgspec.structs.replace(media, candidates=(*media.candidates, _candidate(rest)))
        case "rtcp":
            return msgspec.structs.replace(media, rtcp=_port(rest.partition(" ")[0]))
        case "rtpmap" if rest.partition(" ")[0] in CODECS:
            return media
    return msgspec.structs.replace(media, attributes=(*media.attributes, value))


def _candidate(text: str) -> Candidate:
    words = text.split(" ")
    if len(words) < 7 or words[1] not in ("1", "2") or not re.fullmatch(r"[01]?\.?\d{0,9}", words[4]):
        raise WireError(f"an SDP candidate {text[:60]!r}")
    try:
        for secret in (words[0], words[2]):
            if not 1 <= len(base64.b64decode(secret, validate=True)) <= 128:
                raise WireError("an SDP candidate with an impossible name or password")
        float(words[4])
    except (binascii.Error, ValueError) as error:
        raise WireError(f"an SDP candidate {text[:60]!r}") from error
    address = _plain_address(words[5])
    return Candidate(words[0], int(words[1]), words[2], words[4], address, _port(words[6]), words[3].upper())


def _address(value: str) -> str:
    words = value.split(" ")
    if len(words) != 3 or words[0] != "IN" or words[1] not in ("IP4", "IP6"):
        raise WireError(f"an SDP connection line {value[:40]!r}")
    return _plain_address(words[2].partition("/")[0]) if words[1] == "IP4" else ""


def _plain_address(text: str) -> str:
    try:
        return ipv4.text(ipv4.packed(text))
    except (WireError, ValueError) as error:
        raise WireError(f"not an IPv4 address: {text[:40]!r}") from error


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise WireError(f"an SDP port {text[:20]!r}")
    return int(text)
