"""The probe's web dialogues, one per exchange: the requests, and what must be true of the answers.

Not the MSNP gateway's, and no sockets. The registry is read by whoever drives them.
"""

from __future__ import annotations

from emulator.probe.web import (
    ads,
    appdirectory,
    beacon,
    config,
    contact_card,
    contacts,
    core_web,
    crl,
    edge,
    glink,
    images,
    login,
    oim_rsi,
    oim_store,
    relay,
    relay_voice,
    rst,
    sqm,
    storage,
    tile,
)
from emulator.probe.web.context import Dialogue

DIALOGUES: dict[str, Dialogue] = {
    "rst": rst.dialogue,
    "login-http": login.dialogue,
    "contacts": contacts.dialogue,
    "contacts-clear": contacts.dialogue,
    "storage": storage.dialogue,
    "tile": tile.dialogue,
    "beacon": beacon.dialogue,
    "core-web": core_web.dialogue,
    "glink": glink.dialogue,
    "crl": crl.dialogue,
    "config": config.dialogue,
    "oim-store": oim_store.dialogue,
    "oim-rsi": oim_rsi.dialogue,
    "sqm": sqm.dialogue,
    "edge-http": edge.dialogue,
    "relay-http": relay.dialogue,
    "ads": ads.dialogue,
    "appdirectory": appdirectory.dialogue,
    "images": images.dialogue,
    "contact-card": contact_card.dialogue,
    "relay-voice-http": relay_voice.dialogue,
}
