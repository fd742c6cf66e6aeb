"""Intelbras' plates: the JSON of ITSAPI, and events as JSON or as lines of `name=value`, with pictures beside them."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from vmsd.errors import FieldProblem, Invalid, Malformed
from vmsd.vendors.multipart import Part, parts_of
from vmsd.vendors.plate_report import PlateReport, is_plate, percent_of, time_of, told

MOST_VALUES = 4000
MOST_DEPTH = 16
PLATES = ("plate.platenumber", "trafficcar.platenumber", "platenumber", "object.text")
CONFIDENCES = ("plate.confidence", "object.confidence", "trafficcar.confidence", "confidence")
TIMES = ("snapinfo.accuratetime", "snapinfo.snaptime", "snaptime", "capturetime")
INSTANTS = ("realutc", "trafficcar.utc", "utc")
CODES = frozenset(
    {"trafficjunction", "trafficsnapmanual", "trafficmanualsnap", "anpr", "platerecognition", "trafficgate"}
)
"""Events that tell of a plate; the rest of a device's events is not for us."""
PICTURES = ("cutoutpic.content", "platepic.content", "vehiclepic.content", "normalpic.content")
NAMED = ("cutout", "plate", "vehicle")
FACTS = {
    "country": ("plate.region", "trafficcar.country"),
    "direction": ("snapinfo.direction", "trafficcar.drivingdirection"),
    "lane": ("snapinfo.lanno", "trafficcar.lane", "lane"),
    "plate_color": ("plate.platecolor", "trafficcar.platecolor"),
    "vehicle_type": ("vehicle.vehicletype", "trafficcar.vehiclecategory", "vehicle.category"),
    "vehicle_color": ("vehicle.vehiclecolor", "trafficcar.vehiclecolor"),
    "brand": ("vehicle.vehiclesign", "trafficcar.vehiclesign", "vehicle.text"),
    "speed": ("vehicle.speed", "trafficcar.speed", "speed"),
}


def read_report(content_type: str, body: bytes) -> PlateReport | None:
    """None for signs of life and other events, and for a vehicle whose plate was not read."""
    parts = parts_of(content_type, body)
    values = _values(parts)
    code = _first(values, ("eventbaseinfo.code", "code"))
    if code and code.lower() not in CODES:
        return None
    plate = _first(values, PLATES)
    if plate is None:
        if code or _has(values, "plate") or _has(values, "trafficcar"):
            raise Invalid("the event has no plate", FieldProblem("/Picture/Plate/PlateNumber", "is missing"))
        return None
    if not is_plate(plate):
        return None
    return PlateReport(
        plate=plate.strip(),
        at=_time(values),
        confidence=percent_of(_first(values, CONFIDENCES) or ""),
        facts=told({name: _first(values, places) or "" for name, places in FACTS.items()}),
        pictures=[*_beside(parts), *_inside(values)],
    )


def _values(parts: Sequence[Part]) -> Mapping[str, str]:
    """Every value by its place, in small letters: `picture.plate.platenumber`."""
    for part in parts:
        if not part.is_picture and part.content.strip():
            return _of_json(part.content) if part.content.lstrip()[:1] in (b"{", b"[") else _of_lines(part.content)
    raise Malformed("the body is empty")


def _of_json(content: bytes) -> Mapping[str, str]:
    try:
        raw = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Malformed("the body is not JSON") from error
    values: dict[str, str] = {}
    for place, value in _flatten(raw, "", 0):
        values.setdefault(place, value)
        if len(values) > MOST_VALUES:
            raise Malformed("the body says too much")
    return values


def _flatten(raw: Any, place: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > MOST_DEPTH:
        raise Malformed("the body is too deep")
    if isinstance(raw, dict):
        for name, value in raw.items():
            yield from _flatten(value, f"{place}.{name.lower()}", depth + 1)
    elif isinstance(raw, list):
        for value in raw:
            yield from _flatten(value, place, depth + 1)
    elif isinstance(raw, str | int | float):
        yield place, str(raw)


def _of_lines(content: bytes) -> Mapping[str, str]:
    """`Events[0].TrafficCar.PlateNumber=ABC1D23`, one a line."""
    values: dict[str, str] = {}
    for line in content.decode("utf-8", "replace").splitlines()[:MOST_VALUES]:
        name, equals, value = line.partition("=")
        if equals:
            bare = "".join(piece.partition("[")[0] + "." for piece in name.strip().lower().split("."))
            values.setdefault(f".{bare.rstrip('.')}", value.strip())
    if not values:
        raise Malformed("the body says nothing")
    return values


def _first(values: Mapping[str, str], places: Sequence[str]) -> str | None:
    """What stands at the first of these places that is there, wherever that is in the whole."""
    for place in places:
        for name, value in values.items():
            if name.endswith(f".{place}"):
                return value
    return None


def _has(values: Mapping[str, str], name: str) -> bool:
    return any(f".{name}." in place for place in values)


def _time(values: Mapping[str, str]) -> datetime | None:
    said = _first(values, TIMES)
    if said is not None and (at := time_of(said)) is not None:
        return at
    try:
        return datetime.fromtimestamp(float(_first(values, INSTANTS) or "nan"), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _inside(values: Mapping[str, str]) -> Iterator[bytes]:
    for place in PICTURES:
        content = _first(values, (place,))
        if content:
            try:
                yield base64.b64decode(content, validate=False)
            except (binascii.Error, ValueError):
                continue


def _beside(parts: Sequence[Part]) -> Sequence[bytes]:
    """The one that is called so first; of the others the smallest, which is the most cut out."""
    found = [part for part in parts if part.is_picture]
    return [part.content for part in sorted(found, key=lambda part: (_place(part), len(part.content)))]


def _place(part: Part) -> int:
    for place, word in enumerate(NAMED):
        if any(word in name for name in part.names):
            return place
    return len(NAMED)
