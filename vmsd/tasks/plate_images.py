"""Fetches the crops of plates whose reporters said where they are, instead of sending them.

Reads: detections without their picture, cameras. Writes: pictures, detections. Keeps true: a crop that can be had from
the camera's own host, or a network cameras may live in, is there a few seconds later; nobody else is ever called.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from ipaddress import ip_address
from typing import ClassVar

import aiohttp
import structlog

from vmsd.config import Settings
from vmsd.errors import BadMedia, Invalid, NotFound, SourceFailed
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.detection import Crop, Detection
from vmsd.services.camera_hosts import CameraHosts
from vmsd.services.crops import CropPlace, Crops, place_of
from vmsd.store.cameras import CameraRows, Cameras
from vmsd.store.cities import Cities
from vmsd.store.database import Database
from vmsd.store.detections import Detections, give_up_image, set_image
from vmsd.store.scope import Scope
from vmsd.vendors.urls import SourceUrl, parse, parse_any
from vmsd.video.pictures import clean_picture

log = structlog.get_logger()

AT_ONCE = 20
TRIES, REMEMBERED = 3, 1000
FETCH_S = 5.0
CHUNK_BYTES = 64 * 1024


class PlateImages:
    name: ClassVar[str] = "plate_images"
    every_s: ClassVar[float] = 3.0
    deadline_s: ClassVar[float] = 60.0

    def __init__(
        self, database: Database, rows: CameraRows, crops: Crops, hosts: CameraHosts, settings: Settings
    ) -> None:
        self._database = database
        self._rows = rows
        self._crops = crops
        self._hosts = hosts
        self._networks = settings.cameras.networks
        self._most_bytes = settings.plates.image_bytes
        self._tries: OrderedDict[str, int] = OrderedDict()

    async def once(self) -> None:
        for city in await Cities(self._database).list():
            waiting = await Detections(Scope(self._database, city.id)).unfetched(AT_ONCE)
            if waiting:
                await asyncio.gather(*(self._get(city, one) for one in waiting))

    async def _get(self, city: City, detection: Detection) -> None:
        """Given up at once where nobody may call, and after some tries where nobody answers well."""
        scope, place = Scope(self._database, city.id), None
        try:
            crop = await self._fetch(scope, detection)
        except (Invalid, NotFound, BadMedia) as error:
            log.info("plate_image.refused", detection_id=detection.public_id, error=str(error))
        except (SourceFailed, aiohttp.ClientError, TimeoutError, OSError) as error:
            if self._may_try_again(detection):
                return
            log.info("plate_image.missed", detection_id=detection.public_id, error=type(error).__name__)
        else:
            place = place_of(city.public_id, detection.public_id, detection.received_ms, crop.kind)
            if not await self._crops.write({place: crop.content}):
                place = None
        await self._settle(scope, detection, place)

    async def _settle(self, scope: Scope, detection: Detection, place: CropPlace | None) -> None:
        self._tries.pop(detection.public_id, None)
        kept = False
        async with scope.write() as transaction:
            if place is not None:
                kept = await set_image(transaction, detection.id, place.image)
            else:
                await give_up_image(transaction, detection.id)
        if place is not None and not kept:
            await self._crops.remove([place])

    def _may_try_again(self, detection: Detection) -> bool:
        tried = self._tries.pop(detection.public_id, 0) + 1
        self._tries[detection.public_id] = tried
        if len(self._tries) > REMEMBERED:
            self._tries.popitem(last=False)
        return tried < TRIES

    async def _fetch(self, scope: Scope, detection: Detection) -> Crop:
        url = parse(detection.image_url or "", "http")
        camera = await Cameras(scope, self._rows).get(detection.camera_public_id)
        found = await self._locate(camera, url)
        content = await asyncio.wait_for(self._download(url, found), FETCH_S)
        return await asyncio.to_thread(clean_picture, content)

    async def _locate(self, camera: Camera, url: SourceUrl) -> SourceUrl:
        """At the one address that is called; `Invalid` for a host that is neither the camera nor in its networks."""
        found = await self._hosts.find(url)
        own = _host_of(camera)
        if own and (url.host == own or await self._is_same(own, found)):
            return found
        if any(ip_address(found.host) in network for network in self._networks):
            return found
        raise Invalid("the picture is neither at the camera nor in a network cameras may live in")

    async def _is_same(self, own: str, found: SourceUrl) -> bool:
        try:
            return (await self._hosts.find(SourceUrl("rtsp", own, None, ""))).host == found.host
        except (Invalid, SourceFailed):
            return False

    async def _download(self, url: SourceUrl, found: SourceUrl) -> bytes:
        """No redirects, no proxy, no name that could lead elsewhere by now; cameras sign their own certificates."""
        host = url.host if url.port is None else f"{url.host}:{url.port}"
        address = f"[{found.host}]" if ":" in found.host else found.host
        content = bytearray()
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.get(
                f"{url.scheme}://{address}:{url.effective_port}{url.rest or '/'}",
                headers={"Host": host, "Accept-Encoding": "identity"},
                allow_redirects=False,
                ssl=False,
            ) as answer,
        ):
            if answer.status != 200:  # noqa: PLR2004 - RFC 9110, 15.3.1
                raise aiohttp.ClientPayloadError(f"answered {answer.status}")
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                content += chunk
                if len(content) > self._most_bytes:
                    raise BadMedia("the picture is too large")
        return bytes(content)


def _host_of(camera: Camera) -> str:
    """Empty for a camera that pushes, or whose address cannot be read."""
    if camera.host:
        return camera.host
    try:
        return parse_any(camera.source_url).host if camera.source_url else ""
    except Invalid:
        return ""
