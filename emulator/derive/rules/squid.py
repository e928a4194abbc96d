"""A rule set for squid: which names and ports go through, and the documented note on authenticating proxies.

Not a whole squid.conf: lines to include before `http_access deny all`. Source: squid.conf.documented; the note.
"""

from __future__ import annotations

import re

from emulator.derive.rules.ruleset import RuleSet
from emulator.derive.rules.site import Site

WEB, TUNNELS = "80", "443 1863"  # HTTP as it is; TLS and the Messenger protocol through tunnels


def squid(rules: RuleSet, site: Site) -> str:
    """Text for squid.conf. With `authenticated` everybody is asked for a name, the noted agent too."""
    lines = [
        f"# messenger-lab rules squid: {rules.title}.",
        "# Include it before `http_access deny all`; what it does not name is left to the lines after it.",
        "acl messenger_names dstdomain " + " ".join(_names(rules)),
        f"acl messenger_web port {WEB}",
        f"acl messenger_tunnels port {TUNNELS}",
        "acl messenger_connect method CONNECT",
    ]
    who = ""
    if site.authenticated:
        who = " messenger_person"
        lines += [
            "# The note: this agent must be asked for credentials, or people cannot sign in. Needs an `auth_param`.",
            f"acl messenger_agent browser {_pattern(rules.agent)}",
            "acl messenger_person proxy_auth REQUIRED",
            "http_access deny messenger_agent !messenger_person",
            "http_access deny messenger_names !messenger_person",
        ]
    lines += [
        f"http_access allow messenger_connect messenger_names messenger_tunnels{who}",
        f"http_access allow !messenger_connect messenger_names messenger_web{who}",
    ]
    return "\n".join(lines) + "\n"


def _names(rules: RuleSet) -> list[str]:
    """squid writes `*.contacts.msn.com` with a leading dot, which also means the name itself."""
    dotted = [name[1:] for name in rules.domains if name.startswith("*.")]
    plain = [name for name in rules.domains if not name.startswith("*.") and f".{name}" not in dotted]
    return [*dotted, *plain]


def _pattern(agent: str) -> str:
    """The User-Agent as a POSIX expression without blanks, which would end the value."""
    return "^" + re.escape(agent).replace("\\ ", "[[:space:]]") + "$"
