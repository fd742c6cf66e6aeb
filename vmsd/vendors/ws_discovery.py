"""WS-Discovery: the question which cameras are there, and what they answer (OASIS ws-discovery 2005/04)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from urllib.parse import unquote, urlsplit

from vmsd.errors import Invalid, Malformed
from vmsd.vendors.addresses import literal
from vmsd.vendors.plain_xml import Element, parse_xml

GROUP = "239.255.255.250"
PORT = 3702
TYPES = ("NetworkVideoTransmitter", "Device")
"""What a camera says it is; a printer is none of these."""
SCOPE = "onvif://www.onvif.org/"
MOST_WORD = 100
MOST_ELEMENTS = 400
"""Of one answer, of which a search takes a thousand: a true one has some twenty."""
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\u3164\ud800-\udfff"
    r"\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_PATH = re.compile(r"/[A-Za-z0-9/_.~%?=&+:-]{0,199}")

_PROBE = """<?xml version="1.0" encoding="UTF-8"?>
<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" \
xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing" \
xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"{namespaces}><e:Header>\
<w:MessageID>urn:uuid:{message_id}</w:MessageID><w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>\
<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>\
<e:Body><d:Probe>{types}</d:Probe></e:Body></e:Envelope>"""
_NETWORK = ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl"'


@dataclass(frozen=True)
class Match:
    """A device that has answered from `address`. Its `service_url` is there too, whatever it has named besides."""

    address: str
    service_url: str
    endpoint: str
    name: str = ""
    hardware: str = ""
    location: str = ""


def probe(message_id: str, *, any_type: bool = False) -> bytes:
    """Some cameras answer only when no type is asked for, some only when theirs is."""
    types = "" if any_type else "<d:Types>dn:NetworkVideoTransmitter</d:Types>"
    namespaces = "" if any_type else _NETWORK
    return _PROBE.format(message_id=message_id, types=types, namespaces=namespaces).encode()


def matches_of(raw: bytes, source: str, message_ids: Sequence[str]) -> Sequence[Match]:
    """Those in an answer to one of our questions; `Malformed` for what is none.

    Of what a device names only what lies at `source`, where the answer came from, is taken: nobody sends the box to
    somebody else.
    """
    root = parse_xml(raw, MOST_ELEMENTS)
    asked = root.text_of("RelatesTo").removeprefix("urn:uuid:").removeprefix("uuid:").lower()
    if asked not in message_ids:
        raise Malformed("this answers no question of ours")
    found = [_match(one, source) for one in root.find_all("ProbeMatch")]
    return [one for one in found if one]


def _match(element: Element, source: str) -> Match | None:
    types = {one.rpartition(":")[2] for one in element.text_of("Types").split()}
    scopes = [one for one in element.text_of("Scopes").split() if one.startswith(SCOPE)]
    url = next((url for one in element.text_of("XAddrs").split() if (url := _service_url(one, source))), None)
    if url is None or not (scopes or types & set(TYPES)):
        return None
    said = {kind: _scope(scopes, kind) for kind in ("name", "hardware", "location")}
    endpoint = endpoint_of(element.text_of("EndpointReference", "Address"))
    return Match(address=source, service_url=url, endpoint=endpoint, **said)


def _service_url(text: str, source: str) -> str | None:
    """As it may be called; None for one that leads elsewhere, or that nobody could call."""
    url = service_at(text, source)
    try:
        is_there = url is not None and literal(urlsplit(text).hostname or "") == IPv4Address(source)
    except (ValueError, Invalid):
        return None
    return url if is_there else None


def service_at(text: str, address: str) -> str | None:
    """The service that `text` names, looked for at `address` whoever it names; None for what is no address at all."""
    try:
        split = urlsplit(text)
        port = split.port
    except ValueError:
        return None
    if split.scheme not in ("http", "https") or port == 0:
        return None
    host = f"[{address}]" if ":" in address else address
    return beside(text, f"{split.scheme}://{host}{f':{port}' if port else ''}/")


def beside(text: str, service_url: str) -> str | None:
    """The path of the service that `text` names, at the very place where another service has answered."""
    try:
        split, place = urlsplit(text), urlsplit(service_url)
    except ValueError:
        return None
    path = (split.path or "/") + (f"?{split.query}" if split.query else "")
    return f"{place.scheme}://{place.netloc}{path}" if _PATH.fullmatch(path) else None


def endpoint_of(text: str) -> str:
    """`urn:uuid:…`, in one spelling."""
    return word(text.strip().lower().replace("urn:uuid:", "uuid:").removeprefix("uuid:"))


def _scope(scopes: Sequence[str], kind: str) -> str:
    start = f"{SCOPE}{kind}/"
    return next((word(unquote(one.removeprefix(start))) for one in scopes if one.startswith(start)), "")


def word(text: str) -> str:
    """Words of a stranger, fit to be shown: one line, nothing invisible, not too long."""
    return _UNPRINTABLE.sub(" ", text).strip()[:MOST_WORD]
