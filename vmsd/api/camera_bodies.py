"""What may be said of a camera: as the body of a request, as a patch, as a row of a file."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from vmsd.api.bodies import Body, Name
from vmsd.model.camera import Camera, Location, Protocol
from vmsd.services.cameras import CameraFields
from vmsd.services.names import MOST_CHARS, NAME_PATTERN
from vmsd.vendors.urls import mask

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
Word = Annotated[str, StringConstraints(max_length=200, pattern=PRINTABLE)]
GroupName = Annotated[str, StringConstraints(max_length=MOST_CHARS, pattern=f"^$|{NAME_PATTERN}")]
CameraPassword = Annotated[str, StringConstraints(max_length=200, pattern=PRINTABLE, strip_whitespace=False)]
BUILT_FROM = {"vendor", "host", "channel", "subtype"}
Url = Annotated[str, StringConstraints(max_length=2000)]


class Place(Body):
    lat: float = Field(ge=-90, le=90, allow_inf_nan=False)
    lon: float = Field(ge=-180, le=180, allow_inf_nan=False)


class Source(Body):
    """Where its video comes from: an address, a vendor and a host, a tunnel, or nowhere (RTMP that is pushed)."""

    protocol: Protocol = "rtsp"
    source_url: Url = Field("", examples=["rtsp://198.51.100.20/live"])
    sub_source_url: Url = Field("", description="Of a smaller stream with the same user, for live tiles.")
    substream: bool = Field(default=False, description="Have the vendor's address of the smaller stream made as well.")
    vendor: Word = Field("", description="`intelbras`, `hikvision` or `generic`: the address is made from the host.")
    host: Word = Field("", description="Name or address, with `:port` where it is not the usual one.")
    username: Word = ""
    password: CameraPassword | None = None
    channel: int = Field(1, ge=1, le=256)
    subtype: int = Field(0, ge=0, le=9)
    tunnel: Word = Field("", description="Of the box's configuration, for `p2p`.")
    tunnel_target: Word = ""


class NewCamera(Source):
    name: Name = Field(examples=["Portaria"])
    recording_enabled: bool = True
    retention_days: int | None = Field(None, ge=1, le=365, description="Of its own; null is the city's.")
    location: Place | None = None
    audio: bool = Field(default=False, description="Whether sound is recorded and sent too.")
    priority: int = Field(2, ge=1, le=3, description="1 is the first to stop recording without room, 3 the last.")
    group: GroupName = Field("", description="The name of its group, made if there is none; empty for none.")


def fields_of(body: NewCamera) -> CameraFields:
    """The body as the service takes it."""
    values = body.model_dump(exclude={"location"})
    place = body.location
    return CameraFields(**values, location=Location(place.lat, place.lon) if place else None)


def unmasked(camera: Camera, patch: dict[str, Any]) -> dict[str, Any]:
    """The patch without addresses that are only what we have shown: writing `***` back would lose the secret."""
    shown = {"source_url": mask(camera.source_url), "sub_source_url": mask(camera.sub_source_url)}
    return {name: value for name, value in patch.items() if name not in shown or value != shown[name]}


def present(camera: Camera, patch: dict[str, Any]) -> dict[str, Any]:
    """The camera as the body that would have made it, without what the patch makes untrue."""
    said = {
        name: getattr(camera, name)
        for name in NewCamera.model_fields
        if name not in ("location", "password", "substream")
    }
    said["location"] = camera.location and {"lat": camera.location.lat, "lon": camera.location.lon}
    if "source_url" in patch:
        said |= _readdressed(camera, patch["source_url"])
    elif (camera.vendor or patch.get("vendor")) and BUILT_FROM & patch.keys():
        said |= {"source_url": "", "sub_source_url": "", "substream": bool(camera.sub_source_url)}
    return said


def _readdressed(camera: Camera, address: object) -> dict[str, Any]:
    """A new address comes from no vendor's builder, with its own user if it names one.

    A substream that was built stays behind: it is that of the camera at the old address.
    """
    said: dict[str, Any] = {"vendor": "", "host": ""}
    if camera.vendor:
        said["sub_source_url"] = ""
    if isinstance(address, str) and "@" in address:
        said["username"] = ""
    return said
