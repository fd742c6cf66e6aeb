"""`/api/v1/discovery`: which cameras are on the network, and what one of them is."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from vmsd.api.bodies import Body, json_answer, read_body
from vmsd.api.camera_bodies import PRINTABLE, CameraPassword, Word
from vmsd.api.door import city_of
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.errors import FieldProblem, Invalid
from vmsd.model.camera import Camera
from vmsd.model.shapes import Count, Id
from vmsd.services.discovery import Found, Inspection, StreamOffer
from vmsd.services.moved_cameras import address_of
from vmsd.video.rtsp_auth import Credentials

Address = Annotated[
    str,
    StringConstraints(min_length=1, max_length=300, pattern=PRINTABLE),
    Field(
        description="IP or name, with `:port` where it is not a usual one, or the URL of its ONVIF service.",
        examples=["198.51.100.20"],
    ),
]


class SearchedDevice(Body):
    address: Address
    username: Word = ""
    password: CameraPassword | None = None


class NetworkAnswer(TypedDict):
    interface: str
    address: str
    network: Annotated[str, Field(examples=["198.51.100.0/24"])]


class KnownCamera(TypedDict):
    id: Id
    name: str


class FoundAnswer(TypedDict):
    """What a device says of itself is shown as it says it: nobody has vouched for it."""

    address: str
    service_url: Annotated[str, Field(description="What `inspect` takes as `address`.")]
    name: str
    hardware: str
    location: str
    mac: Annotated[str, Field(description="Of its network card; empty where it is not known.")]
    interface: str
    cameras: Annotated[list[KnownCamera], Field(description="The cameras of this city that are at this address.")]


class SearchAnswer(TypedDict):
    networks: Annotated[list[NetworkAnswer], Field(description="Where it was searched.")]
    items: list[FoundAnswer]
    refused: Annotated[Count, Field(description="Devices at addresses this box may not call.")]


class StreamOfferAnswer(TypedDict):
    """`url` is always at the device that was asked; `elsewhere` is another host it has named."""

    profile: str
    url: str
    codec: str
    width: int | None
    height: int | None
    fps: float | None
    bitrate: int | None
    elsewhere: str


class InspectionAnswer(TypedDict):
    """`warnings` are codes: `clock_off`, `no_stream`, `no_substream`, `stream_elsewhere`, and those of a probe."""

    address: str
    service_url: str
    manufacturer: str
    model: str
    firmware: str
    serial: str
    mac: str
    clock_offset: Annotated[float | None, Field(description="Seconds its clock is ahead; null when unknown.")]
    clock_by_ntp: Annotated[bool, Field(description="It takes its time from a time server.")]
    streams: list[StreamOfferAnswer]
    main: Annotated[StreamOfferAnswer | None, Field(description="The one to record.")]
    sub: Annotated[StreamOfferAnswer | None, Field(description="The one for live tiles.")]
    warnings: list[str]


def _shown_found(one: Found, cameras: list[Camera]) -> FoundAnswer:
    return {
        "address": one.address,
        "service_url": one.match.service_url,
        "name": one.match.name,
        "hardware": one.match.hardware,
        "location": one.match.location,
        "mac": one.mac,
        "interface": one.interface,
        "cameras": [{"id": camera.public_id, "name": camera.name} for camera in cameras],
    }


def _shown_offer(offer: StreamOffer) -> StreamOfferAnswer:
    profile = offer.profile
    return {
        "profile": profile.name or profile.token[:100],
        "url": offer.url.join(),
        "codec": profile.codec,
        "width": profile.width,
        "height": profile.height,
        "fps": profile.fps,
        "bitrate": profile.bitrate,
        "elsewhere": offer.elsewhere,
    }


def _shown(found: Inspection) -> InspectionAnswer:
    return {
        "address": found.address,
        "service_url": found.service_url,
        "manufacturer": found.information.manufacturer,
        "model": found.information.model,
        "firmware": found.information.firmware,
        "serial": found.information.serial,
        "mac": found.mac,
        "clock_offset": None if found.offset_ms is None else found.offset_ms / 1000,
        "clock_by_ntp": found.by_ntp,
        "streams": [_shown_offer(offer) for offer in found.streams],
        "main": _shown_offer(found.main) if found.main else None,
        "sub": _shown_offer(found.sub) if found.sub else None,
        "warnings": list(found.warnings),
    }


@operation(answer=SearchAnswer, errors=(429,))
async def search_devices(request: web.Request) -> web.Response:
    """Asks the camera network by WS-Discovery, which takes three seconds; saves nothing.

    For superadmins: what is on the box's networks is no single city's business.
    """
    found = await request.app[SITE].discovery.search()
    at: dict[str, list[Camera]] = {}
    for camera in await city_of(request).cameras.list():
        at.setdefault(address_of(camera), []).append(camera)
    answer: SearchAnswer = {
        "networks": [
            {"interface": one.interface, "address": str(one.address), "network": str(one.network)}
            for one in found.networks
        ],
        "items": [_shown_found(one, at.get(one.address, [])) for one in found.found],
        "refused": found.refused,
    }
    return json_answer(answer)


@operation(body=SearchedDevice, answer=InspectionAnswer)
async def inspect_device(request: web.Request) -> web.Response:
    """Asks one device by ONVIF what it is, which streams it has and what its clock shows; saves nothing.

    The password is proved by digest and never sent itself. Whatever the device names, nothing but it is called.
    """
    body = await read_body(request, SearchedDevice)
    return json_answer(_shown(await request.app[SITE].discovery.inspect(body.address, _login(body))))


@operation(name="get_device_picture", body=SearchedDevice, media="image/jpeg")
async def device_picture(request: web.Request) -> web.Response:
    """What one device sees now, so that whoever adds it knows which one it is; asked as `inspect_device` asks."""
    body = await read_body(request, SearchedDevice)
    picture = await request.app[SITE].discovery.picture(body.address, _login(body))
    return web.Response(body=picture, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


def _login(body: SearchedDevice) -> Credentials | None:
    if bool(body.username) != bool(body.password):
        pointer = "/password" if body.username else "/username"
        raise Invalid("some fields were refused", FieldProblem(pointer, "user and password go together"))
    return Credentials(body.username, body.password) if body.username and body.password else None
