"""The MsgrConfig document that a client downloads, and the SOAP call that returns the same.

Every URL in it stays inside the emulated network. Not a settings store. Source: http.md 13.
"""

from __future__ import annotations

from emulator.wire import markup, soap
from emulator.wire.markup import Xml, el

PATH = "/Config/MsgrConfig.asmx"
NAMESPACE = "http://www.msn.com/webservices/Messenger/Client"
QUERY = "op=GetClientConfig&Country=US&CLCID=0409&PLCID=0409&GeoID=244&ver=8.1.0178"
SECTIONS = ("Simple", "TabConfig", "AbchCfg", "LocalizedConfig")
SITE = "http://messenger.msn.com"
_ERRORS = {  # feature number and name: HRESULTs that lead to the generic troubleshooter
    ("0", "Login"): ("0x80072EE7", "0x81000306", "0x80048820"),
    ("2", "MapFile"): ("0x810003F0",),
    ("3", "P2P"): ("0x82000012",),
}


def request() -> bytes:
    """The SOAP form of the question."""
    values = {"Country": "US", "CLCID": "0409", "PLCID": "0409", "GeoID": "244"}
    info = el("clientinfo", *(el(name, value) for name, value in values.items()))
    return soap.envelope(el("GetClientConfig", info, at={"xmlns": NAMESPACE}))


def answer() -> bytes:
    """The SOAP form of the answer: the document as character data."""
    inner = f"<![CDATA[{config().decode()}]]>"
    result = el("GetClientConfigResult", Xml(inner))
    return soap.envelope(el("GetClientConfigResponse", result, at={"xmlns": NAMESPACE}))


def config() -> bytes:
    """The document for clients 8.x. `AppDirSeviceURL` is spelled as the client reads it."""
    return markup.document(el("MsgrConfig", _simple(), _tabs(), _book(), _localized()))


def _simple() -> Xml:
    table = (
        el(
            "Feature",
            *(el("Entry", at={"hr": code, "action": "3"}) for code in codes),
            at={"type": number, "name": name},
        )
        for (number, name), codes in _ERRORS.items()
    )
    return el(
        "Simple",
        el("Config", el("ExpiresInDays", 0)),
        el("DisablePhoneDialer", 0),
        el("GetItemVersionForUnknown", False),
        el("MinFlashPlayer", at={"MajorVersion": "9", "MinorVersion": "0", "BuildNumber": "28"}),
        el("Relay", el("Enabled", 1), el("MaxCallLength", 0)),
        el("TrustedDomains", el("domain", at={"name": "messenger.msn.com"})),
        el("ErrorResponseTable", *table),
    )


def _tabs() -> Xml:
    tab = el(
        "tab",
        el("type", "page"),
        el("contenturl", SITE + "/emu/tab1"),
        el("hiturl", SITE + "/emu/tab1"),
        el("image", "https://images.messenger.msn.com/emu/tab1.png"),
        el("name", "Emulator"),
        el("tooltip", "Emulator start page"),
        el("siteid", 0),
        el("notificationid", 0),
    )
    settings = el("msntabsettings", el("oemdisplaylimit", 1), el("oemtotallimit", 1))
    return el("TabConfig", el("msntabdata", tab), settings)


def _book() -> Xml:
    url = "https://contacts.msn.com/abservice/abservice.asmx"
    return el("AbchCfg", el("abchconfig", el("url", url)))


def _localized() -> Xml:
    directory = "http://appdirectory.messenger.msn.com/AppDirectory/"
    profile = "http://spaces.live.com/Profile.aspx?partner=Messenger&mkt=en-us&"
    switches = {
        "DisableSipProxyInviteTest": 0,
        "DisableSipProxyCapability": 1,
        "DisableSipProxyInvite": 1,
        "DisableSipProxyCapability2": 0,
        "DisableSipProxyInvite2": 1,
    }
    return el(
        "LocalizedConfig",
        el(
            "AdMainConfig",
            el("TextAdRefresh", 1),
            el("TextAdServer", "http://rad.msn.com/ADSAdClient31.dll?GetAd?PG=IMUSX1?LANG=EN?ID=$PUID$"),
            el("AdBanner20URL", "http://rad.msn.com/emu/banner.html", at={"Refresh": "300"}),
        ),
        el(
            "AppDirConfig",
            el("AppDirPageURL", directory + "Directory.aspx?L=en-us"),
            el("AppDirSeviceURL", directory + "AppDirectory.asmx"),
            el("AppDirVersionURL", directory + "GetAppdirVersion.aspx"),
        ),
        el(
            "Contacts",
            el("Profile", el("url", profile + "mem=%ls"), el("urlcid", profile + "cid=%ls"), el("siteid", 73625)),
            el("ViewMapEnabled", False),
        ),
        el("FlashUpgradeURL", SITE + "/flash/?mkt=en-us&version=$VERSION$"),
        el("GLinkMarket", at={"v": "en_us"}),
        el(
            "MSNSearch",
            el("SearchURL", SITE + "/emu/search?q=$QUERY$"),
            el("SharedSearchURL", SITE + "/emu/search?q=$QUERY$"),
        ),
        el(
            "MsnTodayConfig",
            el("MsnTodaySiteID", 6528),
            el("MsnTodayURL", SITE + "/emu/today"),
            el("Flags", 2),
        ),
        el("OneCare", at={"Enabled": "0"}),
        el("PSTNOut", at={"Hidden": "1"}),
        el("ReportAbuse", el("ReportAbuseSID"), el("ReportAbuseURL", SITE + "/emu/abuse")),
        el("RL", el("ViewProfileURL", "http://spaces.live.com/")),
        el("SDrive", at={"Enabled": "true"}),
        el("TermsOfUse", el("TermsOfUseSID", 956), el("TermsOfUseURL", SITE + "/emu/tos")),
        el("VoiceClip", at={"Hidden": "0"}),
        el("VoiceVideo", *(el(name, value) for name, value in switches.items())),
        at={"Market": "en-US"},
    )
