"""Thumbnails: of every camera that has a picture, whatever happens to another's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.unit.tasks.camera_box import CameraBox, open_camera_box
from vmsd.errors import BadMedia, MediaServerAway, NoPicture
from vmsd.host.tree import Tree
from vmsd.model.camera import Camera
from vmsd.model.state import Cause, LiveState, State
from vmsd.services.index import RecordingIndex
from vmsd.services.live_states import key_of
from vmsd.services.segment_files import SegmentFiles
from vmsd.services.stills import Stills
from vmsd.tasks.stills import StillsTask
from vmsd.video.fmp4 import Keyframe
from vmsd.video.grid import COLUMNS, ROWS
from vmsd.video.worker import Picture


@dataclass
class Decoder:
    """Counts pictures; `broken` raises instead."""

    pictures: int = 0
    broken: Exception | None = None

    async def jpeg(self, keyframe: Keyframe, width: int | None = None) -> Picture:
        if self.broken:
            raise self.broken
        self.pictures += 1
        return Picture(b"\xff\xd8" + keyframe.data, width or 640, 360, 90.0, bytes(COLUMNS * ROWS))


@dataclass
class Live:
    """The newest live pictures by path; an error in the place of one is raised."""

    newest: dict[str, object] = field(default_factory=dict)

    async def __call__(self, path: str) -> tuple[Keyframe, int]:
        found = self.newest.get(path, MediaServerAway("nothing"))
        if isinstance(found, Exception):
            raise found
        return Keyframe("h264", b"", found[0], 640, 360), found[1]


class Studio:
    def __init__(self, box: CameraBox) -> None:
        self.box, self.live, self.decoder = box, Live(), Decoder()
        index = RecordingIndex(SegmentFiles(Tree(box.settings.recordings_dir)), box.clock)
        self.stills = Stills(index, self.live, self.decoder, box.states, box.clock)
        self.task = StillsTask(self.stills, box.base.database, box.base.rows, box.states, 10)

    async def camera(self, name: str, shows: object, state: State = State.ONLINE) -> Camera:
        camera = await self.box.add(name)
        self.live.newest[self.box.path_of(camera)] = shows
        cause = Cause.PORT_CLOSED if state == State.OFFLINE else None
        self.box.states.set(key_of(camera), LiveState(state, 0, cause))
        return camera

    async def get(self, camera: Camera, *, fresh: bool = False, width: int | None = None) -> bytes:
        return (await self.stills.get(self.box.city, camera, fresh=fresh, width=width)).jpeg


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    async with open_camera_box(tmp_path) as box:
        yield Studio(box)


@pytest.mark.parametrize("error", [OSError(5, "I/O error"), BadMedia("torn"), MediaServerAway("away")])
async def test_a_camera_whose_picture_cannot_be_had_takes_none_from_the_others(
    studio: Studio, error: Exception
) -> None:
    await studio.camera("Ruim", error)
    good = await studio.camera("Boa", (b"boa", 1))
    await studio.task.once()
    studio.live.newest.clear()
    assert await studio.get(good) == b"\xff\xd8boa"


async def test_a_pass_that_ran_out_of_time_is_gone_on_with_where_it_ended(studio: Studio) -> None:
    """The first camera uses up the whole pass, every time."""
    slow = await studio.camera("Lenta", (b"lenta", 1))
    other = await studio.camera("Outra", (b"outra", 1))
    newest = studio.live.newest

    async def live(path: str) -> tuple[Keyframe, int]:
        if path == studio.box.path_of(slow):
            await asyncio.sleep(60)
        return Keyframe("h264", b"", newest[path][0], 640, 360), 1

    studio.stills._newest_live = live
    for _ in range(2):
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await studio.task.once()
    assert await studio.get(other) == b"\xff\xd8outra"


async def test_the_same_keyframe_is_not_decoded_twice(studio: Studio) -> None:
    await studio.camera("Boa", (b"boa", 1))
    for _ in range(3):
        await studio.task.once()
    assert studio.decoder.pictures == 1


async def test_only_cameras_that_are_online_are_asked(studio: Studio) -> None:
    await studio.camera("Fora", (b"velha", 1), State.OFFLINE)
    await studio.task.once()
    assert studio.decoder.pictures == 0


async def test_a_camera_that_is_gone_shows_its_last_picture_and_nothing_as_fresh(studio: Studio) -> None:
    camera = await studio.camera("Boa", (b"boa", 1))
    await studio.task.once()
    studio.live.newest.clear()
    studio.box.states.set(key_of(camera), LiveState(State.OFFLINE, 0, Cause.PORT_CLOSED))
    await studio.task.once()
    assert await studio.get(camera) == b"\xff\xd8boa"
    with pytest.raises(NoPicture) as told:
        await studio.get(camera, fresh=True)
    assert told.value.cause == "port_closed"


async def test_a_picture_of_another_width_is_decoded_for_it(studio: Studio) -> None:
    camera = await studio.camera("Boa", (b"boa", 1))
    await studio.task.once()
    await studio.get(camera, width=320)
    assert studio.decoder.pictures == 2


async def test_a_removed_camera_leaves_no_picture(studio: Studio) -> None:
    camera = await studio.camera("Boa", (b"boa", 1))
    await studio.task.once()
    await studio.box.base.cameras(studio.box.city).remove(camera)
    studio.live.newest.clear()
    await studio.task.once()
    with pytest.raises(NoPicture):
        await studio.get(camera)
