"""What clients post, as text: ticket requests, address book, storage and offline message calls.

Written after the published examples, none of the project's codecs. Source: http.md 2.1, 4, 5, 14, 15, msnp.md 5.
"""

from __future__ import annotations

import base64
from xml.sax.saxutils import escape, quoteattr

BOOK = "http://www.msn.com/webservices/AddressBook"
STORAGE = "http://www.msn.com/webservices/storage/w10"
STORAGE_2008 = "http://www.msn.com/webservices/storage/2008"
OIM = "http://messenger.msn.com/ws/2004/09/oim/"
RSI = "http://www.hotmail.msn.com/ws/2004/09/oim/rsi"
SPACES = "http://www.msn.com/webservices/spaces/v1/"
STORE_2004 = "http://messenger.msn.com/ws/2004/09/oim/Store"
STORE_2006 = "http://messenger.live.com/ws/2006/09/oim/Store2"
WHOLE = "00000000-0000-0000-0000-000000000000"
NEVER = "0001-01-01T00:00:00.0000000-08:00"
RUN = "{0F21A7D4-6C1B-4E0A-9B53-1E4C0D5A7702}"

TB = "http://Passport.NET/tb"
SITES = (  # asked for after the renewal token; their place is the number of their token
    ("messengerclear.live.com", "MBI_KEY_OLD"),
    ("messenger.msn.com", "?id=507"),
    ("contacts.msn.com", "MBI"),
    ("messengersecure.live.com", "MBI_SSL"),
    ("storage.msn.com", "MBI"),
    ("spaces.live.com", "MBI"),
)
CLEAR, MESSENGER, CONTACTS, SECURE, STORED, CARDS = (site for site, _ in SITES)


def ticket_request(account: str, password: str, sites: tuple[tuple[str, str], ...] = SITES) -> str:
    """RST.srf, with the renewal token first."""
    asked = "".join(
        f'<wst:RequestSecurityToken Id="RST{at}">'
        "<wst:RequestType>http://schemas.xmlsoap.org/ws/2004/04/security/trust/Issue</wst:RequestType>"
        f"<wsp:AppliesTo><wsa:EndpointReference><wsa:Address>{site}</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>"
        + (f"<wsse:PolicyReference URI={quoteattr(policy)}></wsse:PolicyReference>" if policy else "")
        + "</wst:RequestSecurityToken>"
        for at, (site, policy) in enumerate(((TB, ""), *sites))
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:wsse="http://schemas.xmlsoap.org/ws/2003/06/secext"'
        ' xmlns:saml="urn:oasis:names:tc:SAML:1.0:assertion"'
        ' xmlns:wsp="http://schemas.xmlsoap.org/ws/2002/12/policy"'
        ' xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"'
        ' xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/03/addressing"'
        ' xmlns:wssc="http://schemas.xmlsoap.org/ws/2004/04/sc"'
        ' xmlns:wst="http://schemas.xmlsoap.org/ws/2004/04/trust">'
        '<Header><ps:AuthInfo xmlns:ps="http://schemas.microsoft.com/Passport/SoapServices/PPCRL" Id="PPAuthInfo">'
        "<ps:HostingApp>{7108E71A-9926-4FCB-BCC9-9A9D3F32E423}</ps:HostingApp><ps:BinaryVersion>4</ps:BinaryVersion>"
        "<ps:UIVersion>1</ps:UIVersion><ps:Cookies></ps:Cookies>"
        "<ps:RequestParams>AQAAAAIAAABsYwQAAAAxMDMz</ps:RequestParams></ps:AuthInfo>"
        f'<wsse:Security><wsse:UsernameToken Id="user"><wsse:Username>{escape(account)}</wsse:Username>'
        f"<wsse:Password>{escape(password)}</wsse:Password></wsse:UsernameToken></wsse:Security></Header>"
        '<Body><ps:RequestMultipleSecurityTokens xmlns:ps="http://schemas.microsoft.com/Passport/SoapServices/PPCRL"'
        f' Id="RSTS">{asked}</ps:RequestMultipleSecurityTokens></Body></Envelope>'
    )


def ticket_request_2009(account: str, password: str) -> str:
    """RST2.srf: SOAP 1.2 and the newer namespaces."""
    asked = "".join(
        f'<wst:RequestSecurityToken Id="RST{at}">'
        "<wst:RequestType>http://schemas.xmlsoap.org/ws/2005/02/trust/Issue</wst:RequestType>"
        f"<wsp:AppliesTo><wsa:EndpointReference><wsa:Address>{site}</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>"
        + (f'<wsp:PolicyReference URI="{policy}"></wsp:PolicyReference>' if policy else "")
        + "</wst:RequestSecurityToken>"
        for at, (site, policy) in enumerate(((TB, ""), *SITES))
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"'
        ' xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy" xmlns:wsa="http://www.w3.org/2005/08/addressing"'
        ' xmlns:wst="http://schemas.xmlsoap.org/ws/2005/02/trust"'
        ' xmlns:ps="http://schemas.microsoft.com/Passport/SoapServices/PPCRL"><s:Header>'
        f'<wsse:Security><wsse:UsernameToken wsu:Id="user" xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/'
        f'oasis-200401-wss-wssecurity-utility-1.0.xsd"><wsse:Username>{escape(account)}</wsse:Username>'
        f"<wsse:Password>{escape(password)}</wsse:Password></wsse:UsernameToken></wsse:Security></s:Header>"
        f'<s:Body><ps:RequestMultipleSecurityTokens Id="RSTS">{asked}</ps:RequestMultipleSecurityTokens></s:Body>'
        "</s:Envelope>"
    )


def envelope(header: str, body: str) -> str:
    """SOAP 1.1 as the official client wrote it."""
    return (
        '<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
        f"<soap:Header>{header}</soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>"
    )


def book_call(operation: str, ticket: str, body: str, *, key: str = "", scenario: str = "Initial") -> str:
    """An address book or sharing call."""
    cached = f"<CacheKey>{escape(key)}</CacheKey>" if key else ""
    header = (
        f'<ABApplicationHeader xmlns="{BOOK}"><ApplicationId>CFE80F9D-180F-4399-82AB-413F33A1FA11</ApplicationId>'
        f"<IsMigration>false</IsMigration><PartnerScenario>{scenario}</PartnerScenario>{cached}</ABApplicationHeader>"
        f'<ABAuthHeader xmlns="{BOOK}"><ManagedGroupRequest>false</ManagedGroupRequest>'
        f"<TicketToken>{escape(ticket)}</TicketToken></ABAuthHeader>"
    )
    return envelope(header, f'<{operation} xmlns="{BOOK}">{body}</{operation}>')


def membership_body(*, deltas: str = "false", since: str = NEVER) -> str:
    """Inside of FindMembership."""
    return (
        "<serviceFilter><Types><ServiceType>Messenger</ServiceType><ServiceType>Invitation</ServiceType>"
        "<ServiceType>SocialNetwork</ServiceType><ServiceType>Space</ServiceType><ServiceType>Profile</ServiceType>"
        f"</Types></serviceFilter><View>Full</View><deltasOnly>{deltas}</deltasOnly><lastChange>{since}</lastChange>"
    )


def book_body(*, deltas: str = "false", since: str = NEVER) -> str:
    """Inside of ABFindAll."""
    return f"<abId>{WHOLE}</abId><abView>Full</abView><deltasOnly>{deltas}</deltasOnly><lastChange>{since}</lastChange>"


def paged_body() -> str:
    """Inside of ABFindContactsPaged as libpurple sends it."""
    return (
        "<abView>MessengerClient8</abView><extendedContent>AB AllGroups CircleResult</extendedContent>"
        f"<filterOptions><DeltasOnly>false</DeltasOnly><LastChanged>{NEVER}</LastChanged>"
        "<ContactFilter><IncludeHiddenContacts>true</IncludeHiddenContacts></ContactFilter></filterOptions>"
        "<pageContext><PageSize>1500</PageSize><Direction>Forward</Direction></pageContext>"
    )


def member_body(role: str, who: str, *, element: str = "PassportName", kind: str = "Passport") -> str:
    """Inside of AddMember and DeleteMember."""
    return (
        "<serviceHandle><Id>0</Id><Type>Messenger</Type><ForeignId></ForeignId></serviceHandle><memberships>"
        f'<Membership><MemberRole>{role}</MemberRole><Members><Member xsi:type="{kind}Member"'
        f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Type>{kind}</Type><State>Accepted</State>'
        f"<{element}>{escape(who)}</{element}></Member></Members></Membership></memberships>"
    )


def storage_call(operation: str, ticket: str, body: str, *, namespace: str = STORAGE) -> str:
    """A roaming profile call."""
    header = (
        f'<StorageApplicationHeader xmlns="{namespace}"><ApplicationID>Messenger Client 8.0</ApplicationID>'
        f"<Scenario>RoamingSeed</Scenario></StorageApplicationHeader>"
        f'<StorageUserHeader xmlns="{namespace}"><Puid>0</Puid><TicketToken>{escape(ticket)}</TicketToken>'
        "</StorageUserHeader>"
    )
    return envelope(header, f'<{operation} xmlns="{namespace}">{body}</{operation}>')


def profile_body(cid: str) -> str:
    """Inside of GetProfile."""
    return (
        f"<profileHandle><Alias><Name>{cid}</Name><NameSpace>MyCidStuff</NameSpace></Alias>"
        "<RelationshipName>MyProfile</RelationshipName></profileHandle><profileAttributes><ResourceID>true</ResourceID>"
        "<DateModified>true</DateModified><ExpressionProfileAttributes><ResourceID>true</ResourceID>"
        "<DateModified>true</DateModified><DisplayName>true</DisplayName><PersonalStatus>true</PersonalStatus>"
        "<StaticUserTilePublicURL>true</StaticUserTilePublicURL><Photo>true</Photo><Flags>true</Flags>"
        "</ExpressionProfileAttributes></profileAttributes>"
    )


def offline_mime(text: str, number: int, *, fold: bool = False) -> str:
    """The MIME text of an offline message; `fold` breaks the base64 at 76 columns, as the official client does."""
    encoded = base64.b64encode(text.encode()).decode()
    if fold:
        encoded = base64.encodebytes(text.encode()).decode().replace("\n", "\r\n")
    return (
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\n"
        f"X-OIM-Message-Type: OfflineMessage\r\nX-OIM-Run-Id: {RUN}\r\nX-OIM-Sequence-Num: {number}\r\n\r\n{encoded}"
    )


def offline_call(
    sender: str, to: str, ticket: str, product: str, lock: str, content: str, number: int, *, pad: str = ""
) -> str:
    """Store and Store2; `pad` is the white space that papyon leaves around its texts."""
    name = base64.b64encode("Anna Ω".encode()).decode()
    header = (
        f'<From memberName="{sender}" friendlyName="=?utf-8?B?{name}?=" xml:lang="en-US" proxy="MSNMSGR"'
        f' xmlns="{OIM}" msnpVer="MSNP15" buildVer="8.1.0178"/><To memberName="{to}" xmlns="{OIM}"/>'
        f'<Ticket passport={quoteattr(ticket)} appid={quoteattr(product)} lockkey="{lock}" xmlns="{OIM}"/>'
        '<Sequence xmlns="http://schemas.xmlsoap.org/ws/2003/03/rm">'
        '<Identifier xmlns="http://schemas.xmlsoap.org/ws/2002/07/utility">'
        f"{pad}http://messenger.msn.com{pad}</Identifier><MessageNumber>{number}</MessageNumber></Sequence>"
    )
    body = (
        f'<MessageType xmlns="{OIM}">{pad}text{pad}</MessageType><Content xmlns="{OIM}">{pad}{content}{pad}</Content>'
    )
    return envelope(header, body)


def reading_call(operation: str, ticket: str, body: str = "") -> str:
    """A call to rsi.hotmail.com: the two parts of the ticket stand bare in the cookie."""
    value, _, profile = ticket.removeprefix("t=").partition("&p=")
    header = f'<PassportCookie xmlns="{RSI}"><t>{escape(value)}</t><p>{escape(profile)}</p></PassportCookie>'
    return envelope(header, f'<{operation} xmlns="{RSI}">{body}</{operation}>')


def card_call(ticket: str, cid: str) -> str:
    """GetXmlFeed as papyon sends it, with white space behind the ticket."""
    header = f'<AuthTokenHeader xmlns="{SPACES}"><Token>{escape(ticket)}\n </Token></AuthTokenHeader>'
    body = (
        f'<GetXmlFeed xmlns="{SPACES}"><refreshInformation><cid>{cid}</cid><storageAuthCache></storageAuthCache>'
        "<market>en-US</market><brand></brand><maxElementCount>2</maxElementCount>"
        "<maxCharacterCount>200</maxCharacterCount><maxImageCount>6</maxImageCount></refreshInformation></GetXmlFeed>"
    )
    return envelope(header, body)
