"""The activity directory: entries as an ADO.NET DataSet, list and single entry.

Not an activity itself. Source: http.md 20.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from emulator.wire import markup, soap
from emulator.wire.markup import Xml, el
from emulator.wire.webfiles import IMAGE_PATH

PATH = "/AppDirectory/AppDirectory.asmx"
NAMESPACE = "http://www.msn.com/webservices/Messenger/Client"
ENTRY = "990001"
VERSION = "1"  # body of GetAppdirVersion.aspx; grows whenever the list changes (format unknown: our own)
HOST = "http://appdirectory.messenger.msn.com"
_FLAGS = (
    "EnableIP",
    "ActiveX",
    "SendFile",
    "SendIM",
    "ReceiveIM",
    "ReplaceIM",
    "Windows",
    "UserProperties",
    "Hidden",
)


def fields(error: str = "") -> dict[str, str]:
    """The one listed activity, by element name and in the order of the DataSet."""
    icon = "https://images.messenger.msn.com" + IMAGE_PATH
    return {
        "EntryID": ENTRY,
        "Error": error,
        "Locale": "en-US",
        "Kids": "1",
        "Page": "1",
        "CategoryID": "1",
        "Sequence": "10",
        "Name": "Emu Noughts and Crosses",
        "Description": "Two player test activity",
        "URL": HOST + "/emu/game1.html",
        "IconURL": icon,
        "AppIconURL": icon,
        "PassportSiteID": "0",
        "Type": "App",
        "Location": "side",
        "ClientVersion": "6.1",
        "Height": "400",
        "Width": "400",
        "MinUsers": "2",
        "MaxUsers": "2",
        "MaxPacketRate": "120",
        "AppType": "0",
        **dict.fromkeys(_FLAGS, "False"),
    }


def list_request(locale: str = "en-US") -> bytes:
    """GetFilteredDataSet2 for all ages and kinds."""
    values = {"locale": locale, "Page": "1", "Kids": "-1", "AppType": "0"}
    return soap.envelope(el("GetFilteredDataSet2", *(el(k, v) for k, v in values.items()), at={"xmlns": NAMESPACE}))


def entry_request(identifier: str) -> bytes:
    """GetAppEntry for one id."""
    return soap.envelope(el("GetAppEntry", el("ID", identifier), at={"xmlns": NAMESPACE}))


def data_set(operation: str, *entries: dict[str, str]) -> Xml:
    """The response element of `operation`; the schema block of the original is optional and left out."""
    rows = (el("Entry", *(el(name, value) for name, value in entry.items())) for entry in entries)
    diffgram = el(
        "diffgr:diffgram",
        el("NewDataSet", *rows, at={"xmlns": ""}),
        at={"xmlns:diffgr": "urn:schemas-microsoft-com:xml-diffgram-v1"},
    )
    return el(f"{operation}Response", el(f"{operation}Result", diffgram), at={"xmlns": NAMESPACE})


def read(reply: Element, operation: str) -> list[dict[str, str]]:
    """Entries of a response, by element name."""
    rows = markup.every(reply, f"{operation}Result/diffgram/NewDataSet/Entry")
    return [{markup.local(cell): markup.text(cell) for cell in row} for row in rows]
