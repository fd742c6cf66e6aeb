"""What moved is written down once, goes on as one mark, raises its alert, and survives a store that refused it."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.unit.services.test_motion import STREET, with_somebody
from tests.unit.tasks.camera_box import CameraBox, open_camera_box
from vmsd.base import open_volume
from vmsd.errors import StorageFull
from vmsd.guards_room import GuardsRoom
from vmsd.model.mark import Mark, MotionRule
from vmsd.model.person import Role
from vmsd.services.feed import Batch, View
from vmsd.store.marks import Marks
from vmsd.store.motion_rules import MotionRules
from vmsd.store.scope import Scope


@pytest.fixture
async def box(tmp_path):
    async with open_camera_box(tmp_path) as box:
        yield box


async def reported(batches: list[Batch]) -> list[str]:
    async with asyncio.timeout(5):
        while not batches:  # noqa: ASYNC110 - the feed hands over on a timer of its own
            await asyncio.sleep(0.01)
    return [json.loads(message)["id"] for batch in batches for message in batch.messages]


class Street:
    """One camera, and somebody who walks past it."""

    def __init__(self, box: CameraBox, camera: object) -> None:
        self.box, self.camera = box, camera
        self.room = GuardsRoom(box.base, open_volume(box.base), box.states)
        self.task = next(task for task in self.room.tasks() if task.name == "motion")
        self.scope = Scope(box.base.database, box.city.id)

    def walk(self, *places: int | None) -> None:
        for place in places:
            self.box.clock.pass_s(10)
            grid = STREET if place is None else with_somebody(place)
            self.room.motion.note(self.camera, self.box.clock.wall_ms(), grid)

    async def marks(self) -> list[Mark]:
        return list(await Marks(self.scope).between(self.camera.id, 0, self.box.clock.wall_ms() + 1, limit=99))

    async def alerts(self) -> list[tuple[str, int]]:
        rows = await self.box.base.database.read("SELECT kind, times FROM alert")
        return [(row["kind"], row["times"]) for row in rows]


async def test_a_walk_past_the_camera_is_one_mark_however_often_it_is_written(box: CameraBox):
    street = Street(box, await box.add())
    told = []
    with street.room.feed.listening(View(None, None, None, Role.SUPERADMIN), told.append):
        street.walk(None, 5)
        await street.task.once()
        began_ms = box.clock.wall_ms() - 10_000
        street.walk(15, 25)
        await street.task.once()
        await street.task.once()
        ids = await reported(told)
    (mark,) = await street.marks()
    assert (mark.type, mark.start_ms, mark.end_ms) == ("motion", began_ms, box.clock.wall_ms())
    assert mark.score == round(72 / len(STREET), 4)
    assert await street.alerts() == []
    assert ids == [mark.public_id]


async def test_motion_raises_an_alert_where_the_rule_wants_one(box: CameraBox):
    street = Street(box, await box.add())
    async with street.scope.write() as transaction:
        await MotionRules(street.scope).put(transaction, MotionRule(street.camera.id, alert=True), 0)
    await street.task.once()
    street.walk(None, 5, 15)
    await street.task.once()
    street.walk(25)
    await street.task.once()
    assert await street.alerts() == [("motion", 2)]


async def test_what_the_store_refused_is_written_when_it_can_be(box: CameraBox, monkeypatch: pytest.MonkeyPatch):
    street = Street(box, await box.add())
    street.walk(None, 5, None, None, None, None)
    refused = 0

    async def refuse(*_: object) -> None:
        nonlocal refused
        refused += 1
        raise StorageFull("full")

    with monkeypatch.context() as full:
        full.setattr(Marks, "add", refuse)
        with pytest.raises(StorageFull):
            await street.task.once()
    assert (refused, await street.marks()) == (1, [])
    await street.task.once()
    await street.task.once()
    assert len(await street.marks()) == 1


async def test_marks_of_a_camera_that_was_removed_go_with_its_video_too(box: CameraBox):
    street = Street(box, await box.add())
    box.base.keeper.begin(None)
    street.walk(None, 5)
    await street.task.once()
    assert len(await street.marks()) == 1
    await box.base.cameras(box.city).remove(street.camera)
    box.clock.pass_s(40 * 86_400)
    await street.task.once()
    assert await street.marks() == []
