"""Plates that were read, as they are shown: in answers, on the feed, and to programs outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from vmsd.clock import rfc3339
from vmsd.model.camera import Camera, Location
from vmsd.model.detection import Detection, Source
from vmsd.model.shapes import Count, Id, Ratio, Time, Yes
from vmsd.services.feed import News
from vmsd.store.detections import NewDetection


class PlaceAnswer(TypedDict):
    """Degrees, WGS 84."""

    lat: float
    lon: float


class DetectionAnswer(TypedDict):
    """A plate that was read."""

    id: Id
    camera_id: Id
    camera_name: str
    time: Annotated[Time, Field(description="When it was read.")]
    received_at: Time
    plate: Annotated[str | None, Field(description="Null once it is anonymous.", examples=["ABC1D23"])]
    confidence: Annotated[Ratio | None, Field(description="How sure the reader was.")]
    place: Annotated[str, Field(description="The camera's group and name, as they were then.")]
    location: PlaceAnswer | None
    times: Annotated[Count, Field(description="How often in a row: a car in front of a camera is read many times.")]
    last_at: Time
    vendor: Annotated[Source, Field(description="Who reported it.")]
    facts: Annotated[dict[str, Any], Field(description="What else the reader said of it.", examples=[{}])]
    image_url: Annotated[str | None, Field(description="The crop.")]
    wanted: Annotated[Yes, Field(description="An alert was raised for it.")]
    anonymised_at: Time | None


@dataclass(frozen=True)
class Told:
    """One that was just stored."""

    detection: NewDetection
    camera: Camera


def image_url_of(public_id: str) -> str:
    return f"/api/v1/detections/{public_id}/image.jpg"


def shown_detection(detection: Detection) -> DetectionAnswer:
    anonymised_ms = detection.anonymised_ms
    return {
        "id": detection.public_id,
        "camera_id": detection.camera_public_id,
        "camera_name": detection.camera_name,
        "time": rfc3339(detection.at_ms),
        "received_at": rfc3339(detection.received_ms),
        "plate": detection.plate,
        "confidence": detection.confidence,
        "place": detection.place,
        "location": _place(detection.location),
        "times": detection.times,
        "last_at": rfc3339(detection.last_ms),
        "vendor": detection.vendor,
        "facts": dict(detection.facts),
        "image_url": image_url_of(detection.public_id) if detection.pictured else None,
        "wanted": detection.wanted,
        "anonymised_at": None if anonymised_ms is None else rfc3339(anonymised_ms),
    }


def _place(location: Location | None) -> PlaceAnswer | None:
    return None if location is None else {"lat": location.lat, "lon": location.lon}


def news_of(city_id: int, told: Told) -> News:
    """Who may see the camera and not its plates learns that a car went by."""
    new, camera = told.detection, told.camera
    masked: dict[str, Any] = {
        "type": "detection",
        "id": new.public_id,
        "camera_id": camera.public_id,
        "camera_name": camera.name,
        "time": rfc3339(new.at_ms),
        "plate": None,
        "confidence": None,
        "place": new.place,
        "image_url": None,
        "wanted": None,
    }
    pictured = new.image is not None or new.image_url is not None
    body = masked | {
        "plate": new.plate,
        "confidence": new.confidence,
        "image_url": image_url_of(new.public_id) if pictured else None,
        "wanted": new.wanted,
    }
    return News(city_id, body, camera, masked)


def outbox_body_of(told: Told) -> Mapping[str, Any]:
    """For other programs: with what they cannot ask for, the place."""
    new, body = told.detection, dict(news_of(told.camera.city_id, told).body)
    del body["type"]
    return body | {
        "received_at": rfc3339(new.received_ms),
        "location": _place(new.location),
        "vendor": new.vendor,
        "facts": dict(new.facts),
    }
