"""Everybody is told when one broken disk would take the database and its copies, or when copies do not come."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.unit.tasks.recording_box import open_box
from vmsd.config import Archive, Settings
from vmsd.config import Backup as BackupRules
from vmsd.errors import BadSetting
from vmsd.offsite import read_secret
from vmsd.services.safekeeping import LATE_S, Safekeeping
from vmsd.tasks.backup import Backup, share_disk

RECIPIENT = "age1nu8cpyu79factzmvua5c2kwcgyze7efldkp32a9gv5lydfvn6czsadh7dd"
STORE = {"endpoint": "https://s3.example.org", "bucket": "site", "access_key": "AK"}


async def test_copies_on_the_databases_own_file_system_are_told_of_unless_it_is_meant_so(tmp_path: Path):
    async with open_box(tmp_path) as box:
        for accepted in (False, True):
            known = Safekeeping(box.clock.monotonic(), accepted)
            assert not known.late(box.clock.monotonic())
            await Backup(box.database, box.settings.recordings_dir, box.watch, box.clock, known).once()
            assert (known.shares_disk, known.exposed) == (True, not accepted)
            assert known.last_ms == box.clock.wall_ms()
        assert known.late(box.clock.monotonic() + LATE_S + 1)


SHM = "/dev/shm"  # noqa: S108 - a file system, of which a folder of its own is used


@pytest.mark.skipif(not os.access(SHM, os.W_OK), reason="there is no second file system")
def test_another_file_system_is_known_as_one(tmp_path: Path):
    with tempfile.TemporaryDirectory(dir=SHM) as other:
        if Path(other).stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("there is no second file system")
        assert not share_disk(tmp_path, Path(other))


def settings(**sections: dict) -> Settings:
    return Settings(data_dir=Path("/d"), recordings_dir=Path("/r"), runtime_dir=Path("/t"), **sections)


def test_a_snapshot_leaves_the_box_only_for_a_key():
    with pytest.raises(ValidationError, match=r"backup\.recipient"):
        settings(archive=STORE)
    assert settings(archive=STORE | {"snapshots": False}).archive.enabled
    assert settings(archive=STORE, backup={"recipient": RECIPIENT}).archive.enabled
    assert not settings().archive.enabled


@pytest.mark.parametrize("wrong", [RECIPIENT[:-1] + "q", "age1", "AGE-SECRET-KEY-1QQQ", RECIPIENT.upper()])
def test_a_slip_in_the_recipient_is_found_before_it_is_too_late(wrong: str):
    with pytest.raises(ValidationError, match="age-keygen"):
        BackupRules(recipient=wrong)


@pytest.mark.parametrize(
    "endpoint", ["https://u:p@s3.example.org", "ftp://s3.example.org", "https://s3.example.org/?a=b"]
)
def test_the_address_of_the_archive_holds_no_secret(endpoint: str):
    with pytest.raises(ValidationError):
        Archive(**STORE | {"endpoint": endpoint})


def test_the_archives_secret_is_a_file_or_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(BadSetting, match=r"archive\.secret"):
        read_secret(Archive(**STORE))
    (tmp_path / "archive.secret").write_text("s3cret\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_secret(Archive(**STORE)) == "s3cret"
    with pytest.raises(BadSetting, match="cannot read"):
        read_secret(Archive(**STORE, secret_file=tmp_path / "nowhere"))
