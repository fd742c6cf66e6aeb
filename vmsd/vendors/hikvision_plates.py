"""Hikvision's plates: the `EventNotificationAlert` of ISAPI, alone or with its pictures beside it."""

from __future__ import annotations

from collections.abc import Sequence

from vmsd.errors import FieldProblem, Invalid, Malformed
from vmsd.vendors.multipart import Part, parts_of
from vmsd.vendors.plain_xml import Element, parse_xml
from vmsd.vendors.plate_report import PlateReport, is_plate, percent_of, time_of, told

ROOT = "EventNotificationAlert"
EVENT = "anpr"
PICTURES = ("licenseplate", "plate", "vehicle", "detection")
"""How the names of pictures begin, the wanted one first."""
FACTS = {
    "country": "country",
    "direction": "direction",
    "lane": "line",
    "plate_color": "plateColor",
    "vehicle_type": "vehicleType",
    "vehicle_color": "color",
    "speed": "speed",
    "channel": "channelID",
}


def read_report(content_type: str, body: bytes) -> PlateReport | None:
    """None for every other event, and for a vehicle whose plate was not read."""
    parts = parts_of(content_type, body)
    alert = _alert(parts)
    if alert.text_of("eventType").lower() != EVENT:
        return None
    anpr = alert.find("ANPR")
    plate = (anpr or alert).find("licensePlate")
    if plate is None:
        raise Invalid("the event has no plate", FieldProblem(f"/{ROOT}/ANPR/licensePlate", "is missing"))
    if not is_plate(plate.text):
        return None
    return PlateReport(
        plate=plate.text.strip(),
        at=time_of(alert.text_of("dateTime")),
        confidence=percent_of((anpr or alert).text_of("confidenceLevel")),
        facts=told({name: alert.text_of(element) for name, element in FACTS.items()}),
        pictures=_pictures(parts),
    )


def _alert(parts: Sequence[Part]) -> Element:
    """In the first part that is XML, whatever it is called."""
    for part in parts:
        if not part.is_picture and b"<" in part.content[:512]:
            root = parse_xml(part.content)
            if root.name != ROOT:
                raise Malformed(f"the XML is no {ROOT}")
            return root
    raise Malformed(f"there is no {ROOT} in it")


def _pictures(parts: Sequence[Part]) -> Sequence[bytes]:
    found = [part for part in parts if part.is_picture]
    return [part.content for part in sorted(found, key=_place)]


def _place(part: Part) -> int:
    for place, beginning in enumerate(PICTURES):
        if any(name.startswith(beginning) for name in part.names):
            return place
    return len(PICTURES)
