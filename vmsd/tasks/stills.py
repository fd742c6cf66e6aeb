"""Takes a thumbnail of every camera that has a picture.

Reads: recording files, live segments. Writes: thumbnails in memory.
Keeps true: the thumbnail of an online camera is at most two intervals old.
"""

from __future__ import annotations

from typing import ClassVar

import structlog

from vmsd.errors import BadMedia, MediaServerAway, NotFound, TooMany
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.state import State
from vmsd.services.desired import list_cameras
from vmsd.services.live_states import CameraKey, LiveStates, key_of
from vmsd.services.stills import Stills
from vmsd.store.cameras import CameraRows
from vmsd.store.database import Database

log = structlog.get_logger()


class StillsTask:
    name: ClassVar[str] = "stills"
    every_s: float
    deadline_s: ClassVar[float] = 60.0

    def __init__(
        self, stills: Stills, database: Database, rows: CameraRows, states: LiveStates, every_s: float
    ) -> None:
        self._stills = stills
        self._database = database
        self._rows = rows
        self._states = states
        self.every_s = every_s
        self._turn = 0
        self._tried: dict[CameraKey, int] = {}

    async def once(self) -> None:
        """Who was tried longest ago comes first: cameras that use up the time of a pass starve nobody."""
        cameras = await list_cameras(self._database, self._rows)
        keys = {key_of(camera) for _, camera in cameras}
        self._tried = {key: turn for key, turn in self._tried.items() if key in keys}
        for city, camera in sorted(cameras, key=lambda one: self._tried.get(key_of(one[1]), 0)):
            if self._states.of(camera).state == State.ONLINE:
                await self._refresh(city, camera)
        self._stills.forget(keys)

    async def _refresh(self, city: City, camera: Camera) -> None:
        self._turn += 1
        self._tried[key_of(camera)] = self._turn
        try:
            await self._stills.refresh(city, camera)
        except (NotFound, MediaServerAway, BadMedia, TooMany, OSError) as error:
            log.debug("still.missed", camera_id=camera.public_id, error=str(error))
