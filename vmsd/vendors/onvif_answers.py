"""What an ONVIF device answers, read with no trust in it: words are cut and cleaned, addresses come without a host."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from vmsd.errors import Malformed
from vmsd.vendors.onvif import MEDIA, MEDIA2
from vmsd.vendors.plain_xml import Element, parse_xml
from vmsd.vendors.ws_discovery import word

MOST_PROFILES = 16
MOST_FACT = 1_000_000
YEARS = range(1970, 3000)
"""Of a clock that is only wrong: beyond them it is none, and nothing can be reckoned with it."""
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_NO_MACS = {"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"}
_REFUSALS = ("notauthorized", "failedauthentication", "invalidsecurity", "unauthorized")
_CODECS = {"h264": "h264", "h265": "h265", "hevc": "h265", "jpeg": "mjpeg", "mpeg4": "mpeg4"}


@dataclass(frozen=True)
class DeviceTime:
    """`utc_ms` is None for a device that does not say it; `by_ntp` means that it does not take it from a person."""

    utc_ms: int | None
    by_ntp: bool
    zone: str
    daylight: bool


@dataclass(frozen=True)
class Information:
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""


@dataclass(frozen=True)
class Profile:
    """One stream the device offers; `service` is the namespace of the service that knows it."""

    service: str
    token: str
    name: str
    codec: str = ""
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    bitrate: int | None = None
    gop: int | None = None
    audio: str = ""

    @property
    def pixels(self) -> int:
        return (self.width or 0) * (self.height or 0)


@dataclass(frozen=True)
class StreamPlace:
    """Where on the device a stream is, without its host; `host` is the one it named."""

    host: str
    port: int | None
    rest: str


def body_of(raw: bytes) -> Element:
    """What stands in the SOAP body, a fault too; `Malformed` for what is no SOAP."""
    root = parse_xml(raw)
    body = root.find("Body") if root.name == "Envelope" else None
    if body is None or not body.children:
        raise Malformed("this is no SOAP answer")
    return body.children[0]


def is_fault(body: Element) -> bool:
    return body.name == "Fault"


def is_refusal(fault: Element) -> bool:
    """Whether it is about the user or the password."""
    words = " ".join(one.text for one in fault.walk()).lower().replace(" ", "").replace("_", "")
    return any(one in words for one in _REFUSALS)


def time_of(body: Element) -> DeviceTime:
    return DeviceTime(
        utc_ms=_utc_ms(body.find("UTCDateTime")),
        by_ntp=body.text_of("DateTimeType").upper() == "NTP",
        zone=word(body.text_of("TimeZone", "TZ")),
        daylight=body.text_of("DaylightSavings").lower() == "true",
    )


def _utc_ms(said: Element | None) -> int | None:
    if said is None:
        return None
    names = ("Year", "Month", "Day", "Hour", "Minute", "Second")
    numbers = [_number(said.text_of(name)) for name in names]
    with suppress(ValueError, TypeError, OverflowError):
        year, month, day, hour, minute, second = numbers
        if year not in YEARS:
            return None
        at = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)  # type: ignore[arg-type,type-var]
        return round(at.timestamp() * 1000)
    return None


def information_of(body: Element) -> Information:
    return Information(
        manufacturer=word(body.text_of("Manufacturer")),
        model=word(body.text_of("Model")),
        firmware=word(body.text_of("FirmwareVersion")),
        serial=word(body.text_of("SerialNumber")),
    )


def mac_of(body: Element) -> str:
    """Of the first network card that is switched on and says it; empty for none."""
    cards = body.find_all("NetworkInterfaces")
    on = [one for one in cards if one.text_of("Enabled").lower() != "false"]
    return next((mac for one in (*on, *cards) if (mac := clean_mac(one.text_of("HwAddress")))), "")


def clean_mac(text: str) -> str:
    """Lower case and colons, empty for what is none."""
    mac = text.strip().lower().replace("-", ":")
    if re.fullmatch(r"[0-9a-f]{12}", mac):
        mac = ":".join(mac[at : at + 2] for at in range(0, 12, 2))
    return mac if _MAC.fullmatch(mac) and mac not in _NO_MACS else ""


def media_services(body: Element) -> Mapping[str, str]:
    """Address of each media service by its namespace, from either answer that tells of services."""
    found: dict[str, str] = {}
    for one in body.find_all("Service"):
        namespace = one.text_of("Namespace")
        if namespace in (MEDIA, MEDIA2) and (address := one.text_of("XAddr")):
            found[namespace] = address
    if not found and (address := body.text_of("Capabilities", "Media", "XAddr")):
        found[MEDIA] = address
    return found


def profiles_of(body: Element, service: str) -> Sequence[Profile]:
    found = [one for one in body.children if one.name == "Profiles"]
    return [_profile(one, service) for one in found[:MOST_PROFILES] if one.attributes.get("token")]


def _profile(element: Element, service: str) -> Profile:
    video = element.find("VideoEncoderConfiguration") or element.find("VideoEncoder") or Element("none")
    audio = element.find("AudioEncoderConfiguration") or element.find("AudioEncoder") or Element("none")
    resolution = video.find("Resolution") or Element("none")
    kbits = _positive(video.text_of("BitrateLimit"))
    fps = _fraction(video.text_of("FrameRateLimit"))
    gop = video.text_of("GovLength") or video.attributes.get("GovLength", "")
    return Profile(
        service=service,
        token=element.attributes["token"],
        name=word(element.text_of("Name")),
        codec=_CODECS.get(video.text_of("Encoding").lower().replace(".", ""), word(video.text_of("Encoding")).lower()),
        width=_positive(resolution.text_of("Width")),
        height=_positive(resolution.text_of("Height")),
        fps=fps,
        bitrate=kbits and kbits * 1000,
        gop=_positive(gop),
        audio=word(audio.text_of("Encoding")).lower(),
    )


def stream_place(body: Element) -> StreamPlace:
    """`Malformed` for what is no RTSP address."""
    text = body.text_of("Uri")
    try:
        split = urlsplit(text)
        host, port = split.hostname or "", split.port
    except ValueError:
        raise Malformed("the stream has no address that can be read") from None
    if split.scheme.lower() != "rtsp" or port == 0:
        raise Malformed("the stream has no address of RTSP")
    return StreamPlace(host, port, split.path + (f"?{split.query}" if split.query else ""))


def uri_of(body: Element) -> str:
    return body.text_of("Uri")


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_FACT)) else None


def _positive(text: str) -> int | None:
    number = _number(text)
    return number if number and number <= MOST_FACT else None


def _fraction(text: str) -> float | None:
    """Frame rates are whole numbers in one service and fractions in the other."""
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", text):
        return None
    return float(text) or None
