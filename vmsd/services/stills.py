"""Stills: a picture of a camera decoded from bytes the box already has, never by a second pull from it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from vmsd.clock import Clock
from vmsd.errors import BadMedia, MediaServerAway, NoPicture, NotFound
from vmsd.mediamtx.names import PathName
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.services.index import RecordingIndex
from vmsd.services.live_states import CameraKey, LiveStates, key_of
from vmsd.video.fmp4 import Keyframe, read_keyframe
from vmsd.video.worker import Worker

THUMBNAIL_WIDTH = 640
FRESH_MS = 15_000
"""A keyframe on the disk older than this is not what the camera shows now."""


@dataclass(frozen=True)
class Still:
    """`frame_ms` is when the camera's picture was taken, by the box's clock."""

    jpeg: bytes
    frame_ms: int


Listener = Callable[[Camera, int, bytes], None]
"""Is told of each new thumbnail: the camera, when its frame was taken, and the grid of it."""
NewestLive = Callable[[str], Awaitable[tuple[Keyframe, int]]]
"""The newest keyframe of a live path and its wall time in ms; raises `NotFound` or `MediaServerAway`."""


class Stills:
    def __init__(
        self,
        index: RecordingIndex,
        newest_live: NewestLive,
        worker: Worker,
        states: LiveStates,
        clock: Clock,
        listener: Listener | None = None,
    ) -> None:
        self._index = index
        self._newest_live = newest_live
        self._worker = worker
        self._states = states
        self._clock = clock
        self._listener = listener
        self._thumbnails: dict[CameraKey, Still] = {}

    async def refresh(self, city: City, camera: Camera) -> None:
        """A new thumbnail, unless the newest keyframe is the one it already shows."""
        keyframe, frame_ms = await self._newest(city, camera)
        known = self._thumbnails.get(key_of(camera))
        if known is None or known.frame_ms != frame_ms:
            picture = await self._worker.jpeg(keyframe, THUMBNAIL_WIDTH)
            self._thumbnails[key_of(camera)] = Still(picture.jpeg, frame_ms)
            if self._listener is not None:
                self._listener(camera, frame_ms, picture.grid)

    async def get(self, city: City, camera: Camera, *, fresh: bool, width: int | None) -> Still:
        """The last thumbnail; decoded anew when it must be fresh or of another width.

        Raises `NoPicture`, with the cause, when there has never been a picture; a camera that is gone shows
        its last one, whose age the caller sees.
        """
        known = self._thumbnails.get(key_of(camera))
        if known is not None and not fresh and width in (None, THUMBNAIL_WIDTH):
            return known
        try:
            keyframe, frame_ms = await self._newest(city, camera)
            picture = await self._worker.jpeg(keyframe, width)
        except (NotFound, MediaServerAway, BadMedia) as error:
            if known is not None and not fresh:
                return known
            cause = self._states.of(camera).cause
            raise NoPicture("there is no picture of this camera", cause or "unknown") from error
        return Still(picture.jpeg, frame_ms)

    def forget(self, wanted: set[CameraKey]) -> None:
        """Keep thumbnails of these cameras only."""
        self._thumbnails = {key: still for key, still in self._thumbnails.items() if key in wanted}

    async def _newest(self, city: City, camera: Camera) -> tuple[Keyframe, int]:
        """From the recording file where it is fresh, else from the newest live segment."""
        place = await self._index.newest_keyframe(key_of(camera))
        if place is not None and self._clock.wall_ms() - place.wall_ms <= FRESH_MS:
            with suppress(OSError, BadMedia):
                keyframe = await asyncio.to_thread(read_keyframe, place.path, place.header, place.sample)
                return keyframe, place.wall_ms
        return await self._newest_live(str(PathName(city.public_id, camera.public_id)))
