"""Folders that two users share, whatever the umask of the one who makes them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from vmsd.host.recording_folders import make_recording_folders


@pytest.fixture
def strict_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


@pytest.mark.usefixtures("strict_umask")
def test_the_group_may_write_in_a_cameras_folder_and_nowhere_above(tmp_path: Path) -> None:
    make_recording_folders(tmp_path, ["city/one", "city/two"])
    assert (mode(tmp_path / "city"), mode(tmp_path / "city/one"), mode(tmp_path / "city/two")) == (0o750, 0o770, 0o770)


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "city/camera").mkdir(parents=True)
    (tmp_path / "city/camera").chmod(0o700)
    (tmp_path / "city/camera/film.mp4").touch()
    make_recording_folders(tmp_path, ["city/camera"])
    assert mode(tmp_path / "city/camera") == 0o700
    assert (tmp_path / "city/camera/film.mp4").exists()


def test_no_link_leads_out_of_the_volume_and_the_others_are_made(tmp_path: Path) -> None:
    volume, outside = tmp_path / "volume", tmp_path / "outside"
    volume.mkdir()
    outside.mkdir()
    (volume / "link").symlink_to(outside)
    make_recording_folders(volume, ["link/camera", "city/camera"])
    assert list(outside.iterdir()) == []
    assert (volume / "city/camera").is_dir()


def test_the_volume_itself_is_never_made(tmp_path: Path) -> None:
    make_recording_folders(tmp_path / "missing", ["city/camera"])
    assert not (tmp_path / "missing").exists()
