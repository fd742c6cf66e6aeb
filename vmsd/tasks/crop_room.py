"""Keeps the pictures of plates from taking more room than they may.

Reads: the folder of pictures. Writes: it, and of which detections there is a picture. Keeps true: the pictures take not
much more than what is set, and the oldest go first.
"""

from __future__ import annotations

from typing import ClassVar

import structlog

from vmsd.services.crops import Crops
from vmsd.store.cities import Cities
from vmsd.store.database import Database
from vmsd.store.detections import drop_images
from vmsd.store.scope import Scope

log = structlog.get_logger()

AT_ONCE = 500


class CropRoom:
    name: ClassVar[str] = "crop_room"
    every_s: ClassVar[float] = 120.0
    deadline_s: ClassVar[float] = 60.0

    def __init__(self, crops: Crops, database: Database, most_bytes: int) -> None:
        self._crops = crops
        self._database = database
        self._most_bytes = most_bytes

    async def once(self) -> None:
        """A pass that is broken off leaves rows whose picture is gone: they answer as without one."""
        lost = await self._crops.trim(self._most_bytes)
        cities = Cities(self._database)
        for city_public_id, detections in lost.items():
            city = await cities.find(city_public_id)
            if city is None:
                continue
            for first in range(0, len(detections), AT_ONCE):
                async with Scope(self._database, city.id).write() as transaction:
                    await drop_images(transaction, detections[first : first + AT_ONCE])
            log.info("crops.trimmed", city_id=city_public_id, pictures=len(detections))
