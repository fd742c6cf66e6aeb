"""What GRUB is told, and what the other system partition holds."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.system.update_scenarios import NEW, START, boot, image, prepare_update, start_system, update_of, updater_of
from vmsd import __version__
from vmsd.errors import BadSetting, Conflict, Invalid, StorageFull
from vmsd.update.grubenv import SECTOR_BYTES, change_grubenv, encode, read_grubenv
from vmsd.update.journal import Journal, Phase
from vmsd.update.places import Places


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


def test_a_command_that_was_killed_while_it_wrote_the_slot_is_in_nobodys_way(folder: Path) -> None:
    updater, order = updater_of(folder), update_of(folder)
    updater.stage(order)
    updater.journal.enter(Phase.INSTALLING)
    updater_of(folder).stage(order)
    assert (updater.journal.phase(), boot(folder)) == (Phase.INSTALLED, "B")


def test_a_way_back_that_was_cut_off_before_grub_was_told_goes_on(folder: Path) -> None:
    updater_of(folder).stage(update_of(folder))
    start_system(folder, boot(folder))
    updater = updater_of(folder)
    updater.after_boot()
    updater.journal.enter(Phase.RETURNING, "the database cannot be used")
    start_system(folder, boot(folder))
    assert updater_of(folder).after_boot() is Phase.RETURNING, "the caller boots again"
    assert boot(folder) == "A"
    assert updater_of(folder).leave_slot("") is True, "asked for again, that is still to be done"


def test_nobody_boots_out_of_a_system_that_is_known_to_be_good(folder: Path) -> None:
    """A program that fails there would fail again after the boot, for ever."""
    updater = updater_of(folder)
    updater.stage(update_of(folder))
    updater.journal.enter(Phase.RETURNED)
    assert updater.leave_slot("its journal cannot be written") is False
    updater.stage(update_of(folder))
    start_system(folder, boot(folder))
    updater = updater_of(folder)
    updater.after_boot()
    updater.journal.enter(Phase.CONFIRMED)
    updater.confirm()
    assert updater.leave_slot("") is False
    assert boot(folder) == "B"
    with pytest.raises(Conflict, match="on trial"):
        updater.confirm()


def test_what_runs_now_is_what_is_gone_back_to_whatever_it_was_started_by(folder: Path) -> None:
    change_grubenv(folder / "grubenv", {"A_OK": "0"})
    updater_of(folder).stage(update_of(folder))
    assert [boot(folder), boot(folder), boot(folder)] == ["B", "B", "A"]


def test_what_was_cut_off_takes_no_room_from_the_next_update(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [folder / "update" / name / "new.deb" for name in (".room", ".gone")]
    for file in left:
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x" * 1000)

    def refuse(needs: object) -> None:
        assert not any(file.exists() for file in left), "they are counted as room that is taken"
        raise StorageFull("too little")

    monkeypatch.setattr("vmsd.update.applying.refuse_full", refuse)
    with pytest.raises(StorageFull):
        updater_of(folder).stage(update_of(folder))


def test_everybody_may_read_how_far_it_is_whatever_umask_root_has(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        journal = Journal(Places(state=tmp_path / "update"))
        with journal.locked():
            room = journal.new_room()
    finally:
        os.umask(before)
    assert [oct(one.stat().st_mode & 0o777) for one in (room, room.parent)] == ["0o755", "0o755"]


def test_a_full_disk_neither_hides_why_a_file_was_refused_nor_ends_a_trial(folder: Path) -> None:
    """A folder is where the new file would be written first: that fails as a full disk does."""
    updater, order = updater_of(folder), update_of(folder)
    (folder / "update").mkdir()
    for name in ("refused.json", "status.json"):
        (folder / "update" / f".{name}.new").mkdir()
    order.file.write_bytes(b"nothing")
    with pytest.raises(Invalid, match="no update"):
        updater.check(order.file)
    updater.tell(10, [])


def test_the_name_of_a_refused_file_can_be_told_to_anybody(folder: Path) -> None:
    file = Path(os.fsdecode(os.fsencode(folder) + b"/vmsd-update-10.0.0-\xff\x1b.vmsdu"))
    file.write_bytes(b"nothing")
    with pytest.raises(Invalid):
        updater_of(folder).check(file)
    told = updater_of(folder).journal.refused()
    assert told
    assert told["file"].encode("ascii").decode().isprintable()


def test_a_floor_the_disk_has_lost_stops_neither_a_trial_nor_an_update(folder: Path) -> None:
    updater = updater_of(folder)
    (folder / "update").mkdir()
    (folder / "update/floor").write_bytes(b"\xff\0")
    updater.tell(0, [])
    updater.stage(update_of(folder))


def test_one_update_at_a_time(folder: Path) -> None:
    updater_of(folder).stage(update_of(folder))
    with pytest.raises(Conflict, match="under way"):
        updater_of(folder).stage(update_of(folder))
    with updater_of(folder).journal.locked(), pytest.raises(Conflict, match="another command"):
        updater_of(folder).stage(update_of(folder))
    assert (folder / "A").read_bytes() == image(__version__)
    assert (folder / "B").read_bytes().startswith(image(NEW))
