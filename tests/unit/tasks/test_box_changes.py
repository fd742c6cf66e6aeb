"""What changes about the box by itself is told once, and also when the daemon was not there to see it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from tests.unit.tasks.recording_box import NOW_MS, Box
from vmsd.errors import StorageFull
from vmsd.host.volume import OWN_FOLDER
from vmsd.model.audit import Who
from vmsd.services.interventions import Interventions
from vmsd.services.storage import BreakerState, OpenReason
from vmsd.store.audit import Audit
from vmsd.tasks.box_changes import BoxChanges

NOT_LOOKED_YET = BreakerState(open=True, reason=None, since_ms=0)
CLOSED = BreakerState(open=False, reason=None, since_ms=NOW_MS)
FULL = BreakerState(open=True, reason=OpenReason.USED, since_ms=NOW_MS)
FULLER = BreakerState(open=True, reason=OpenReason.HEADROOM_BYTES, since_ms=NOW_MS)
AT = "2026-11-21T11:00:00.000Z"


def certificate(name: str | None) -> Any:
    pair = name and SimpleNamespace(fingerprint=name, made_here=True, not_after_ms=NOW_MS)
    return SimpleNamespace(pair=pair)


def task_of(box: Box, served: Any = None) -> BoxChanges:
    return BoxChanges(box.database, box.audit, box.watch, served or certificate(None))


async def told(box: Box, action: str) -> list[dict[str, Any]]:
    rows = await Audit(box.database).chunk(0, 10**9, 10**6)
    return [json.loads(row.facts) | {"action": row.action} for row in rows if row.action.startswith(action)]


async def test_a_breaker_that_opens_and_closes_is_two_rows_with_the_cause(box: Box):
    task = task_of(box)
    for state in (NOT_LOOKED_YET, CLOSED, CLOSED, FULL, FULL, FULLER, FULL, CLOSED, CLOSED, FULLER):
        box.watch.breaker = state
        await task.once()
    assert await told(box, "breaker.") == [
        {"action": "breaker.opened", "cause": "used", "since": AT},
        {"action": "breaker.closed", "cause": "used", "since": AT},
        {"action": "breaker.opened", "cause": "headroom_bytes", "since": AT},
    ]


async def test_a_breaker_that_closes_while_nobody_runs_is_told_at_the_next_start(box: Box):
    box.watch.breaker = FULL
    await task_of(box).once()
    box.watch.breaker = NOT_LOOKED_YET
    after = task_of(box)
    await after.once()
    box.watch.breaker = CLOSED
    await after.once()
    assert [row["action"] for row in await told(box, "breaker.")] == ["breaker.opened", "breaker.closed"]


async def test_another_certificate_is_a_row_and_the_same_one_after_a_restart_is_none(box: Box):
    for name in ("AA", "AA", "BB"):
        await task_of(box, certificate(name)).once()
    changes = [(row["from"], row["to"]) for row in await told(box, "certificate.")]
    assert changes == [(None, "AA"), ("AA", "BB")]


async def test_the_first_volume_is_told_of_by_the_box_and_a_new_one_by_whoever_took_it(box: Box):
    task, first = task_of(box), box.watch.expected_uuid
    await task.once()
    (box.settings.recordings_dir / OWN_FOLDER / "volume.json").write_text(
        json.dumps({"uuid": str(uuid4()), "sequence": 1}), "utf-8"
    )
    hands = Interventions(box.keeper, box.watch, box.database, box.audit, box.clock)
    marker = await hands.adopt_volume(Who("person-1", "Ana", "SUPERADMIN"))
    for one in (task, task_of(box)):
        await one.once()
    assert [(row["from"], row["to"]) for row in await told(box, "volume.")] == [(None, first), (first, marker.uuid)]
    rows = await Audit(box.database).chunk(0, 10**9, 10**6)
    assert [row.person_name for row in rows if row.action == "volume.adopted"] == [None, "Ana"]


async def test_a_row_there_was_no_room_for_is_written_in_a_later_pass(box: Box, monkeypatch):
    async def full(*_: object) -> None:
        raise StorageFull("the database's volume is full")

    task, box.watch.breaker = task_of(box), FULL
    with monkeypatch.context() as patched:
        patched.setattr(box.audit, "record", full)
        with pytest.raises(StorageFull):
            await task.once()
    await task.once()
    await task.once()
    assert len(await told(box, "breaker.")) == 1


async def test_no_volume_is_taken_that_cannot_be_told_of(box: Box, monkeypatch):
    async def full(*_: object) -> None:
        raise StorageFull("the database's volume is full")

    first = box.watch.expected_uuid
    (box.settings.recordings_dir / OWN_FOLDER / "volume.json").write_text(
        json.dumps({"uuid": str(uuid4()), "sequence": 1}), "utf-8"
    )
    monkeypatch.setattr(box.audit, "append", full)
    with pytest.raises(StorageFull):
        await Interventions(box.keeper, box.watch, box.database, box.audit, box.clock).adopt_volume(Who())
    assert box.watch.expected_uuid == first
    assert not (await box.watch.look()).volume.ok
