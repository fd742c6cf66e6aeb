"""The database fits the program that is about to open it, and there is a copy of it from before."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.system.update_scenarios import prepare_copy
from vmsd.errors import BadSetting
from vmsd.store.migrate import migration_files
from vmsd.update.journal import Journal, Phase
from vmsd.update.manifest import Kind
from vmsd.update.places import Places
from vmsd.update.settle import FOLDER, Settled, settle

KNOWN = len(migration_files())


class Box:
    def __init__(self, folder: Path) -> None:
        self.places = Places(state=folder / "update")
        (self.database,) = folder.rglob("vmsd.db")
        self.journal = Journal(self.places)
        self.restored: list[Path] = []

    def settle(self) -> Settled:
        return settle(self.places, self.database, self.restored.append)

    def become(self, kind: Kind) -> None:
        """Another kind of box than it was."""
        text = json.dumps(asdict(replace(self.journal.plan(), kind=kind)))
        (self.places.current / "plan.json").write_text(text)

    def set_schema(self, number: int) -> None:
        with sqlite3.connect(self.database) as opened:
            opened.execute(f"PRAGMA user_version = {number}")
        opened.close()

    def copies(self) -> list[str]:
        return sorted(one.name for one in (self.database.parent / FOLDER).glob("*"))


@pytest.fixture
async def box(tmp_path: Path) -> Box:
    await prepare_copy(tmp_path)
    return Box(tmp_path)


def test_it_is_copied_once_before_a_new_version_opens_it(box: Box) -> None:
    assert [box.settle(), box.settle()] == [Settled.COPIED, Settled.NOTHING]
    box.journal.enter(Phase.TRIAL)
    assert box.settle() is Settled.NOTHING, "not again: by now the new version has changed it"
    assert box.copies() == ["0123.db"]


def test_what_the_new_version_changed_goes_with_it(box: Box) -> None:
    box.settle()
    box.set_schema(KNOWN + 1)
    box.journal.enter(Phase.RETURNING)
    assert box.settle() is Settled.RESTORED
    assert box.restored == [box.database.parent / FOLDER / "0123.db"]


def test_a_database_the_old_version_knows_keeps_what_was_written_meanwhile(box: Box) -> None:
    box.settle()
    box.journal.enter(Phase.RETURNED)
    assert box.settle() is Settled.NOTHING
    assert box.restored == []


def test_without_a_copy_the_old_version_is_kept_from_a_database_it_cannot_know(box: Box) -> None:
    box.set_schema(KNOWN + 1)
    box.journal.enter(Phase.RETURNED)
    with pytest.raises(BadSetting, match="newer version"):
        box.settle()


def test_while_the_other_slot_is_written_no_copy_is_made_that_would_be_too_old(box: Box) -> None:
    box.become("root")
    assert box.settle() is Settled.NOTHING, "the old version records on, for minutes"
    box.journal.enter(Phase.INSTALLED)
    assert box.settle() is Settled.NOTHING
    box.journal.enter(Phase.TRIAL)
    assert box.settle() is Settled.COPIED


@pytest.mark.parametrize("phase", [Phase.INSTALLING, Phase.INSTALLED])
def test_a_new_version_nobody_could_write_down_changes_no_database_without_a_copy(box: Box, phase: Phase) -> None:
    box.become("root")
    box.journal.enter(phase)
    box.set_schema(KNOWN - 1)
    assert box.settle() is Settled.COPIED
    box.set_schema(KNOWN + 1)
    assert box.settle() is Settled.RESTORED, "the former version, whose phase could not be written down either"


def test_what_was_confirmed_is_never_undone(box: Box) -> None:
    box.settle()
    box.set_schema(KNOWN + 1)
    box.journal.enter(Phase.CONFIRMED)
    assert box.settle() is Settled.NOTHING


@pytest.mark.parametrize("plan", ["", "{}", "[]", "null", '{"before": 1, "slots": []}', "\0" * 600])
def test_a_damaged_plan_keeps_no_box_from_recording(box: Box, plan: str) -> None:
    (box.places.current / "plan.json").write_text(plan)
    assert box.settle() is Settled.NOTHING
    with pytest.raises(BadSetting, match=r"plan\.json"):
        box.journal.plan()


def test_without_an_update_nothing_is_done(box: Box) -> None:
    box.journal.clear()
    for schema in (KNOWN, KNOWN - 1, KNOWN + 1):
        box.set_schema(schema)
        assert box.settle() is Settled.NOTHING
    assert box.copies() == []


def test_nothing_is_done_before_there_is_a_database_or_anything_was_changed(box: Box) -> None:
    box.journal.enter(Phase.STAGED)
    assert box.settle() is Settled.NOTHING
    box.database.unlink()
    box.journal.enter(Phase.INSTALLING)
    assert box.settle() is Settled.NOTHING
