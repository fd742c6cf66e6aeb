"""A volume that is missing, foreign or broken is never written to."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from vmsd.host.volume import MARKER, OWN_FOLDER, Condition, Marker, adopt, inspect, read_marker

OTHER = "00000000-0000-0000-0000-000000000001"


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def volume(tmp_path) -> tuple[Path, str]:
    marker = adopt(tmp_path, must_be_mount=False)
    assert marker is not None
    return tmp_path, marker.uuid


def test_the_right_volume_is_ok(volume):
    root, uuid = volume
    state = inspect(root, uuid, must_be_mount=False)
    assert (state.condition, state.marker) == (Condition.OK, Marker(uuid, 1))
    assert state.ok


def test_an_unmarked_folder_is_a_missing_volume_and_stays_as_it_is(tmp_path):
    assert inspect(tmp_path, OTHER, must_be_mount=False).condition == Condition.MISSING
    assert inspect(tmp_path, None, must_be_mount=False).condition == Condition.MISSING
    assert inspect(tmp_path / "none", OTHER, must_be_mount=False).condition == Condition.MISSING
    assert list(tmp_path.iterdir()) == []


def test_a_bare_mount_point_is_a_missing_volume_even_with_a_marker_under_it(volume):
    root, uuid = volume
    before = everything(root)
    assert inspect(root, uuid, must_be_mount=True).condition == Condition.MISSING
    assert adopt(root, must_be_mount=True) is None
    assert everything(root) == before


@pytest.mark.parametrize(
    "content", [json.dumps({"uuid": OTHER, "sequence": 1}), "", "{", "[]", '{"uuid": 5}', '{"uuid": null}', "\0" * 4096]
)
def test_a_foreign_volume_is_never_written_to(volume, content):
    root, uuid = volume
    (root / OWN_FOLDER / MARKER).write_text(content)
    before = everything(root)
    assert inspect(root, uuid, must_be_mount=False).condition == Condition.FOREIGN
    assert everything(root) == before


def test_a_new_database_takes_over_the_marker_it_finds(volume):
    root, uuid = volume
    assert adopt(root, must_be_mount=False) == Marker(uuid, 2)
    assert read_marker(root) == Marker(uuid, 2)


def test_a_marker_that_makes_no_sense_is_not_replaced(volume):
    root, _ = volume
    (root / OWN_FOLDER / MARKER).write_text("mine")
    assert adopt(root, must_be_mount=False) is None
    assert (root / OWN_FOLDER / MARKER).read_text() == "mine"


def test_the_folder_of_a_volume_is_never_made(tmp_path):
    assert adopt(tmp_path / "none", must_be_mount=False) is None
    assert not (tmp_path / "none").exists()


def test_a_link_is_no_folder_of_ours(tmp_path):
    adopted = tmp_path / "adopted"
    adopted.mkdir()
    marker = adopt(adopted, must_be_mount=False)
    assert marker is not None
    forged = tmp_path / "forged"
    forged.mkdir()
    (forged / OWN_FOLDER).symlink_to(adopted / OWN_FOLDER)
    assert inspect(forged, marker.uuid, must_be_mount=False).condition == Condition.MISSING


@pytest.mark.parametrize(
    ("error", "condition"),
    [
        (errno.EROFS, Condition.READ_ONLY),
        (errno.EACCES, Condition.READ_ONLY),
        (errno.EIO, Condition.UNREADABLE),
        (errno.ENOSPC, Condition.OK),
        (errno.EDQUOT, Condition.OK),
    ],
)
def test_a_write_that_fails_says_what_is_wrong(volume, monkeypatch, error, condition):
    root, uuid = volume

    def failing(*_):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "pwrite", failing)
    assert inspect(root, uuid, must_be_mount=False).condition == condition


def test_a_suspect_volume_is_written_through_to_the_disk(volume, monkeypatch):
    root, uuid = volume

    def failing(_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", failing)
    assert inspect(root, uuid, must_be_mount=False).ok
    assert inspect(root, uuid, must_be_mount=False, sync=True).condition == Condition.UNREADABLE


def test_a_marker_that_cannot_be_read_is_unreadable(volume, monkeypatch):
    root, uuid = volume
    real = os.open

    def failing(path, *args, **kwargs):
        if path == MARKER:
            raise OSError(errno.EIO, "Input/output error")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", failing)
    assert inspect(root, uuid, must_be_mount=False).condition == Condition.UNREADABLE
