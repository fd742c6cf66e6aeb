"""What GRUB is told, and what the other system partition holds."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.system.update_scenarios import NEW, START, boot, image, prepare_update, start_system, update_of, updater_of
from vmsd import __version__
from vmsd.errors import BadSetting, Conflict, Invalid
from vmsd.update.grubenv import SECTOR_BYTES, change_grubenv, encode, read_grubenv
from vmsd.update.journal import Phase


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    await prepare_update(tmp_path)
    return tmp_path


def test_the_environment_block_is_as_grub_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "grubenv"
    file.write_bytes(encode(START))
    if shutil.which("grub-editenv"):
        said = subprocess.run(["grub-editenv", file, "list"], capture_output=True, text=True, check=True).stdout
        assert said.splitlines() == [f"{name}={value}" for name, value in START.items()]
        subprocess.run(["grub-editenv", file, "set", "B_TRY=2"], check=True)
        assert read_grubenv(file) == START | {"B_TRY": "2"}
    before, inode = file.read_bytes(), file.stat().st_ino
    change_grubenv(file, {"ORDER": "B A", "B_TRY": "2"})
    after = file.read_bytes()
    assert (len(after), file.stat().st_ino) == (1024, inode), "in place: GRUB knows its blocks"
    assert after[SECTOR_BYTES:] == before[SECTOR_BYTES:], "one sector alone has changed"
    assert read_grubenv(file) == START | {"ORDER": "B A", "B_TRY": "2"}


@pytest.mark.parametrize("block", [b"", b"#" * 1024, encode({})[:-1], encode({}) + b"#"])
def test_what_is_no_environment_block_is_never_written_to(tmp_path: Path, block: bytes) -> None:
    (tmp_path / "grubenv").write_bytes(block)
    with pytest.raises(BadSetting):
        change_grubenv(tmp_path / "grubenv", {"A_OK": "0"})
    assert (tmp_path / "grubenv").read_bytes() == block
    with pytest.raises(BadSetting):
        encode({"X": "y" * SECTOR_BYTES})


def test_an_unhealthy_system_is_left_for_the_old_one_and_not_taken_again(folder: Path) -> None:
    updater_of(folder).stage(update_of(folder))
    start_system(folder, boot(folder))
    updater = updater_of(folder)
    assert updater.after_boot() is Phase.TRIAL
    updater.give_up("the database cannot be used")
    updater.leave_slot(updater.journal.verdict())
    start_system(folder, boot(folder))
    updater = updater_of(folder)
    assert updater.after_boot() is Phase.RETURNED
    updater.finish()
    last = updater.journal.last()
    assert last
    assert (last["result"], last["reason"]) == ("returned", "the database cannot be used")
    assert boot(folder) == "A"
    again = update_of(folder)
    with pytest.raises(Invalid, match="taken back"):
        updater.stage(type(again)(again.file, 600, by_hand=False))
    updater.stage(again)


def test_a_system_that_never_comes_up_is_left_after_its_tries(folder: Path) -> None:
    updater_of(folder).stage(update_of(folder))
    assert [boot(folder), boot(folder), boot(folder)] == ["B", "B", "A"]
    start_system(folder, "A")
    updater = updater_of(folder)
    assert updater.after_boot() is Phase.RETURNED
    assert updater.journal.reason() == "the new version did not start"


def test_a_box_that_was_switched_off_takes_the_same_update_again_by_itself(folder: Path) -> None:
    updater, order = updater_of(folder), update_of(folder)
    updater.stage(order)
    updater.journal.enter(Phase.INSTALLING)
    start_system(folder, "A")
    updater = updater_of(folder)
    assert updater.after_boot() is Phase.RETURNED
    updater.stage(type(order)(order.file, 600, by_hand=False))


def test_a_partition_that_does_not_keep_what_is_written_is_never_booted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vmsd.update.slots._digest", lambda _device, _size: "0" * 64)
    with pytest.raises(Invalid, match="disk is failing"):
        updater_of(folder).stage(update_of(folder))
    assert boot(folder) == "A"
    assert read_grubenv(folder / "grubenv")["B_TRY"] == "0"


def test_a_partition_that_is_too_small_is_refused_before_anything_is_written(folder: Path) -> None:
    (folder / "B").write_bytes(b"\xff" * 1000)
    before = (folder / "grubenv").read_bytes()
    with pytest.raises(Invalid, match="has 1000 bytes"):
        updater_of(folder).stage(update_of(folder))
    assert ((folder / "B").read_bytes(), (folder / "grubenv").read_bytes()) == (b"\xff" * 1000, before)
    assert not (folder / "update/current").exists()


def test_one_update_at_a_time(folder: Path) -> None:
    updater_of(folder).stage(update_of(folder))
    with pytest.raises(Conflict, match="under way"):
        updater_of(folder).stage(update_of(folder))
    with updater_of(folder).journal.locked(), pytest.raises(Conflict, match="another command"):
        updater_of(folder).stage(update_of(folder))
    assert (folder / "A").read_bytes() == image(__version__)
    assert (folder / "B").read_bytes().startswith(image(NEW))
