"""`/api/v1/cameras/{id}/plate-reader`: a camera that reads plates itself, and reports them to a secret address."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, NotRequired

from aiohttp import web
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from vmsd.api.bodies import Body, json_answer, read_body
from vmsd.api.cameras import camera_of
from vmsd.api.door import city_of
from vmsd.api.operation import operation
from vmsd.clock import rfc3339
from vmsd.model.detection import PlateReader, Vendor
from vmsd.model.shapes import Time
from vmsd.services.webhook_keys import MOST_NETWORKS


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise PydanticCustomError("network", "must be an address, or a network as 192.168.10.0/24") from None


Network = Annotated[str, Field(max_length=50), AfterValidator(_network)]


class NewPlateReader(Body):
    vendor: Vendor
    networks: list[Network] = Field(
        default_factory=list,
        max_length=MOST_NETWORKS,
        description="From where it may report; the camera's own address if none is said.",
        examples=[["192.168.10.0/24"]],
    )


class PlateReaderAnswer(TypedDict):
    vendor: Vendor
    networks: Annotated[list[str], Field(examples=[["192.168.10.0/24"]])]
    created_at: Time
    last_used_at: Annotated[Time | None, Field(description="To the minute.")]
    url: NotRequired[Annotated[str, Field(description="Where the camera is to send its events; shown this once.")]]


def shown(reader: PlateReader, secret: str | None = None) -> PlateReaderAnswer:
    answer: PlateReaderAnswer = {
        "vendor": reader.vendor,
        "networks": [str(network) for network in reader.networks],
        "created_at": rfc3339(reader.created_ms),
        "last_used_at": None if reader.used_ms is None else rfc3339(reader.used_ms),
    }
    if secret is not None:
        answer["url"] = f"/api/v1/webhooks/lpr/{reader.vendor}/{secret}"
    return answer


@operation(answer=PlateReaderAnswer)
async def get_plate_reader(request: web.Request) -> web.Response:
    """404 for a camera that reports no plates by itself."""
    return json_answer(shown(await city_of(request).plate_readers.get(await camera_of(request))))


@operation(body=NewPlateReader, answer=PlateReaderAnswer)
async def set_plate_reader(request: web.Request) -> web.Response:
    """A new secret address, in the place of the one before; `url` is shown in this answer alone."""
    camera = await camera_of(request)
    body = await read_body(request, NewPlateReader)
    issued = await city_of(request).plate_readers.put(
        camera, body.vendor, [ip_network(network) for network in body.networks]
    )
    return json_answer(shown(issued.reader, issued.secret))


@operation()
async def remove_plate_reader(request: web.Request) -> web.Response:
    """What is sent to its address is refused from now on."""
    await city_of(request).plate_readers.remove(await camera_of(request))
    return web.Response(status=204)
