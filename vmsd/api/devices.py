"""What a camera is as a device: who made it, what its clock shows, and where it has gone."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from vmsd.api.bodies import Body, json_answer, read_body
from vmsd.api.camera_bodies import PRINTABLE
from vmsd.api.cameras import camera_of, tag
from vmsd.api.door import city_of
from vmsd.api.etags import refuse_outdated
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.errors import NotFound
from vmsd.model.device import Device
from vmsd.model.person import Verb
from vmsd.model.shapes import Id, Listing, Time
from vmsd.services.moved_cameras import Move


class DeviceAsked(Body):
    service_url: Annotated[str, StringConstraints(max_length=300, pattern=PRINTABLE)] = Field(
        "",
        description="Of its ONVIF service, at the camera's own address; where it is not known it is looked for.",
        examples=["http://198.51.100.20/onvif/device_service"],
    )


class ClockOrder(Body):
    force: bool = Field(default=False, description="Also of a camera that takes its time from a time server.")


class NewPlace(Body):
    address: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=PRINTABLE)] = Field(
        description="As `find_moved_cameras` has it.", examples=["198.51.100.21"]
    )


class DeviceAnswer(TypedDict):
    """`stranger` is the serial number or network card of another device that answers at its address now."""

    manufacturer: str | None
    model: str | None
    firmware: str | None
    serial: str | None
    mac: str | None
    clock_offset: Annotated[float | None, Field(description="Seconds its clock is ahead; null when unknown.")]
    seen_at: Time
    stranger: str | None


class ListedDevice(DeviceAnswer):
    camera_id: Id
    name: str
    clock_off: Annotated[bool, Field(description="Its clock is further off than this site tolerates.")]


class ClockSetAnswer(TypedDict):
    """Seconds the camera's clock was ahead."""

    before: float | None
    after: float | None


class MovedCameraAnswer(TypedDict):
    """`by` says what it was known by (`mac`, `serial`, `endpoint`); only a `confirmed` one can be followed."""

    camera_id: Id
    name: str
    old_address: str
    address: str
    by: list[str]
    confirmed: bool


class FollowedAnswer(TypedDict):
    camera_id: Id
    address: str


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


def _shown(device: Device) -> DeviceAnswer:
    return {
        "manufacturer": device.manufacturer,
        "model": device.model,
        "firmware": device.firmware,
        "serial": device.serial,
        "mac": device.mac,
        "clock_offset": _seconds(device.clock_offset_ms),
        "seen_at": rfc3339(device.seen_ms),
        "stranger": device.stranger,
    }


def _shown_move(move: Move) -> MovedCameraAnswer:
    return {
        "camera_id": move.camera.public_id,
        "name": move.camera.name,
        "old_address": move.address,
        "address": move.found.address,
        "by": list(move.by),
        "confirmed": move.confirmed,
    }


@operation(name="get_camera_device", answer=DeviceAnswer)
async def get_device(request: web.Request) -> web.Response:
    """What its device said of itself when it was asked last; 404 for a camera that has never answered by ONVIF."""
    device = await city_of(request).devices.find(await camera_of(request))
    if device is None:
        raise NotFound("this camera has not told what it is")
    return json_answer(_shown(device))


@operation(answer=Listing[ListedDevice])
async def list_devices(request: web.Request) -> web.Response:
    """Those of the cameras the caller may set up that have told what they are, in the order of the cameras."""
    city, most_s = city_of(request), request.app[SITE].settings.cameras.clock_offset_s
    devices = await city.devices.list()
    items: list[ListedDevice] = [
        {
            **_shown(device),
            "camera_id": camera.public_id,
            "name": camera.name,
            "clock_off": abs(device.clock_offset_ms or 0) > most_s * 1000,
        }
        for camera in await city.cameras.list(verbs=frozenset({Verb.CONFIGURE}))
        if (device := devices.get(camera.id))
    ]
    return json_answer({"items": items, "next": None})


@operation(name="ask_camera_device", body=DeviceAsked, body_optional=True, answer=DeviceAnswer, errors=(409,))
async def ask_device(request: web.Request) -> web.Response:
    """Asks it now, with the camera's own user and password; whatever answers there is the camera from now on."""
    body = await read_body(request, DeviceAsked)
    device = await city_of(request).devices.ask(await camera_of(request), body.service_url)
    return json_answer(_shown(device))


@operation(name="set_camera_clock", body=ClockOrder, body_optional=True, answer=ClockSetAnswer, errors=(409,))
async def set_clock(request: web.Request) -> web.Response:
    """To the box's time; 409 for a camera that has a time server unless forced.

    403 with the cause `clock_untrusted` while the box's own clock is not trusted.
    """
    body = await read_body(request, ClockOrder)
    done = await city_of(request).devices.set_clock(await camera_of(request), force=body.force)
    answer: ClockSetAnswer = {"before": _seconds(done.before_ms), "after": _seconds(done.after_ms)}
    return json_answer(answer)


@operation(answer=Listing[MovedCameraAnswer], errors=(429,))
async def find_moved_cameras(request: web.Request) -> web.Response:
    """Searches the network for cameras of this city that have got another address; changes nothing.

    A camera is known again by its network card, its serial number, or the name it has for itself. It is `confirmed`
    when it has taken its password there and said the serial number it had before.
    """
    moves = await city_of(request).devices.find_moved()
    return json_answer({"items": [_shown_move(move) for move in moves], "next": None})


@operation(name="follow_moved_camera", body=NewPlace, answer=FollowedAnswer, errors=(409, 429), etag=True)
async def follow_moved(request: web.Request) -> web.Response:
    """Gives the camera the address it was found at. It is searched for once more: 409 when it is not there now."""
    camera = await camera_of(request)
    refuse_outdated(request, tag(camera))
    body = await read_body(request, NewPlace)
    changed = await city_of(request).devices.move(camera, body.address)
    answer: FollowedAnswer = {"camera_id": changed.public_id, "address": body.address}
    return json_answer(answer, headers={"ETag": tag(changed)})
