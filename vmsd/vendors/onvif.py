"""What is asked of an ONVIF device, in the words of its WSDLs, and the user's proof that the password is known."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape

DEVICE = "http://www.onvif.org/ver10/device/wsdl"
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"
SCHEMA = "http://www.onvif.org/ver10/schema"
NONCE_BYTES = 20

_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
_BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"


@dataclass(frozen=True)
class Question:
    """One call: `namespace` is that of the service it is put to, `body` what stands inside its element."""

    namespace: str
    name: str
    body: str = ""

    @property
    def action(self) -> str:
        return f"{self.namespace}/{self.name}"

    def envelope(self, header: str = "") -> bytes:
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">'
            f"<s:Header>{header}</s:Header><s:Body>"
            f'<q:{self.name} xmlns:q="{self.namespace}" xmlns:tt="{SCHEMA}">{self.body}</q:{self.name}>'
            "</s:Body></s:Envelope>"
        ).encode()


TIME = Question(DEVICE, "GetSystemDateAndTime")
"""The one call that ONVIF has every device answer without a password."""
INFORMATION = Question(DEVICE, "GetDeviceInformation")
INTERFACES = Question(DEVICE, "GetNetworkInterfaces")
ENDPOINT = Question(DEVICE, "GetEndpointReference")
SERVICES = Question(DEVICE, "GetServices", "<q:IncludeCapability>false</q:IncludeCapability>")
CAPABILITIES = Question(DEVICE, "GetCapabilities", "<q:Category>All</q:Category>")
PROFILES = Question(MEDIA, "GetProfiles")
PROFILES2 = Question(MEDIA2, "GetProfiles", "<q:Type>All</q:Type>")


def stream_uri(namespace: str, token: str) -> Question:
    profile = f"<q:ProfileToken>{escape(token)}</q:ProfileToken>"
    if namespace == MEDIA2:
        return Question(MEDIA2, "GetStreamUri", f"<q:Protocol>RTSP</q:Protocol>{profile}")
    transport = "<tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport>"
    return Question(MEDIA, "GetStreamUri", f"<q:StreamSetup>{transport}</q:StreamSetup>{profile}")


def snapshot_uri(namespace: str, token: str) -> Question:
    return Question(namespace, "GetSnapshotUri", f"<q:ProfileToken>{escape(token)}</q:ProfileToken>")


def set_time(utc_ms: int, zone: str, *, daylight: bool) -> Question:
    """By hand and in UTC; `zone` and `daylight` are as the device has them, or it would show another hour."""
    at = datetime.fromtimestamp(utc_ms / 1000, UTC)
    of_day = f"<tt:Hour>{at.hour}</tt:Hour><tt:Minute>{at.minute}</tt:Minute><tt:Second>{at.second}</tt:Second>"
    of_year = f"<tt:Year>{at.year}</tt:Year><tt:Month>{at.month}</tt:Month><tt:Day>{at.day}</tt:Day>"
    return Question(
        DEVICE,
        "SetSystemDateAndTime",
        "<q:DateTimeType>Manual</q:DateTimeType>"
        f"<q:DaylightSavings>{str(daylight).lower()}</q:DaylightSavings>"
        + (f"<q:TimeZone><tt:TZ>{escape(zone)}</tt:TZ></q:TimeZone>" if zone else "")
        + f"<q:UTCDateTime><tt:Time>{of_day}</tt:Time><tt:Date>{of_year}</tt:Date></q:UTCDateTime>",
    )


def username_token(username: str, password: str, device_ms: int, nonce: bytes) -> str:
    """`device_ms` is now by the device's own clock: one that goes wrong refuses proofs of another time.

    The password itself is in no message: only its digest with `nonce` and the time (Web Services Security UsernameToken
    Profile 1.0).
    """
    created = datetime.fromtimestamp(device_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    digest = hashlib.sha1(nonce + created.encode() + password.encode(), usedforsecurity=False).digest()
    return (
        f'<w:Security s:mustUnderstand="1" xmlns:w="{_WSSE}" xmlns:u="{_WSU}"><w:UsernameToken>'
        f"<w:Username>{escape(username)}</w:Username>"
        f'<w:Password Type="{_DIGEST}">{base64.b64encode(digest).decode()}</w:Password>'
        f'<w:Nonce EncodingType="{_BASE64}">{base64.b64encode(nonce).decode()}</w:Nonce>'
        f"<u:Created>{created}</u:Created></w:UsernameToken></w:Security>"
    )
