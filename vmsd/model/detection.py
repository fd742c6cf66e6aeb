"""Plates that were read, and those somebody looks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Literal

from vmsd.model.alert import Level
from vmsd.model.camera import Location

Vendor = Literal["hikvision", "intelbras"]
Source = Literal["webhook", "hikvision", "intelbras"]
"""Who reported it: a program that signs, or a camera that reads plates itself."""
Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Crop:
    """A picture that was looked through: `kind` is the end of its file's name."""

    kind: Literal["jpg", "png"]
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Reading:
    """What a report says, checked: one plate, normalised; `at_ms` is None where the reporter gave no time."""

    plate: str
    at_ms: int | None
    confidence: float | None
    source: Source
    facts: Mapping[str, Any] = field(default_factory=dict)
    crop: Crop | None = None
    image_url: str | None = None


@dataclass(frozen=True)
class Detection:
    """`plate` is None once it is anonymous. `image` is the path of its picture below those of the city."""

    id: int
    public_id: str
    camera_id: int
    camera_public_id: str
    camera_name: str
    at_ms: int
    received_ms: int
    last_ms: int
    times: int
    plate: str | None
    folded: str | None
    confidence: float | None
    vendor: Source
    place: str
    location: Location | None
    facts: Mapping[str, Any]
    image: str | None
    image_url: str | None
    wanted: bool
    """An alert was raised for it."""
    anonymised_ms: int | None

    @property
    def pictured(self) -> bool:
        """There is a picture, or there will be."""
        return self.image is not None or self.image_url is not None


@dataclass(frozen=True)
class WantedPlate:
    """`until_ms` None is until somebody removes it."""

    id: int
    public_id: str
    plate: str
    folded: str
    reason: str
    level: Level
    until_ms: int | None
    person: str | None
    person_name: str | None
    created_ms: int
    removed_ms: int | None = None


@dataclass(frozen=True)
class WebhookKey:
    """With this a program signs what it reports; the secret is known to nobody after it was made."""

    city_id: int
    id: int
    public_id: str
    name: str
    secret: str | None = field(repr=False)
    """None where it was sealed with another key than the box has now."""
    created_ms: int
    used_ms: int | None


@dataclass(frozen=True)
class PlateReader:
    """A camera that reports to a secret address, from one of these networks."""

    city_id: int
    camera_id: int
    camera_public_id: str
    vendor: Vendor
    key_hash: bytes = field(repr=False)
    networks: tuple[Network, ...]
    created_ms: int
    used_ms: int | None
