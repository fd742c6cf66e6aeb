"""The script that puts packages in place: killed before any call, the box comes up with the old or the new one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.system.test_crash_points import why_no_strace
from vmsd.update.grubenv import encode
from vmsd.update.journal import Journal, Phase, Plan
from vmsd.update.places import Places

SCRIPT = Path(__file__).resolve().parents[3] / "systemd" / "vmsd-update-steps.sh"
CALLS = ("openat", "write", "clone,clone3,fork,vfork", "rename,renameat,renameat2", "fsync")
MOST = 200
DPKG = """#!/bin/sh
# Half of it, then the rest; what is wrong with a package is written in it.
case "$*" in *--configure*) exit 0 ;; esac
for file; do :; done
read -r version <"$file"
[ -e "$STAND_IN/locked" ] && exit 2
echo mixed >"$STAND_IN/installed"
case "$version" in bad*) exit 1 ;; esac
echo "$version" >"$STAND_IN/.installed.new"
mv "$STAND_IN/.installed.new" "$STAND_IN/installed"
"""
SYSTEMCTL = '#!/bin/sh\necho "$@" >>"$STAND_IN/asked"\n'


class Stage:
    """A box with stand-ins for dpkg and systemctl."""

    def __init__(self, folder: Path, new: str) -> None:
        self.folder = folder
        self.more: dict[str, str] = {}
        folder.mkdir()
        self.places = Places(state=folder / "update", runtime=folder / "run")
        for name, text in (("dpkg", DPKG), ("systemctl", SYSTEMCTL)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        (folder / "installed").write_text("old\n")
        self.places.state.mkdir()
        self.journal = Journal(self.places)
        room = self.journal.new_room()
        (room / "new.deb").write_text(f"{new}\n")
        (room / "former.deb").write_text("old\n")
        self.journal.begin(room, Plan("1", "deb", "0.1.0", "0.2.0", "0" * 64, "", 600))

    @property
    def environment(self) -> dict[str, str]:
        own = {"VMSD_UPDATE_STATE": str(self.places.state), "VMSD_UPDATE_RUNTIME": str(self.places.runtime)}
        return self.more | own | {"STAND_IN": str(self.folder), "PATH": f"{self.folder}:{os.environ['PATH']}"}

    def run(self, word: str, *before: str) -> int:
        words = [*before, "sh", str(SCRIPT), word]
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode

    def boot(self) -> None:
        shutil.rmtree(self.places.runtime, ignore_errors=True)
        assert self.run("resume") == 0

    def installed(self) -> str:
        return (self.folder / "installed").read_text().strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "box"


def test_the_new_package_is_put_in_place_and_watched(folder: Path) -> None:
    stage = Stage(folder, "new")
    assert stage.run("install") == 0
    assert (stage.installed(), stage.journal.phase()) == ("new", Phase.TRIAL)
    assert "start --no-block vmsd-update-health.service" in (folder / "asked").read_text()
    assert stage.run("install") == 1, "once is enough"


def test_a_package_that_fails_is_replaced_by_the_former_at_once(folder: Path) -> None:
    stage = Stage(folder, "bad")
    assert stage.run("install") == 1
    assert (stage.installed(), stage.journal.phase()) == ("old", Phase.RETURNED)


def test_the_way_back_tells_why(folder: Path) -> None:
    stage = Stage(folder, "new")
    stage.run("install")
    stage.journal.judge("the database cannot be used")
    assert stage.run("return") == 0
    assert (stage.installed(), stage.journal.phase()) == ("old", Phase.RETURNED)
    assert stage.journal.reason() == "the database cannot be used"
    assert stage.run("return") == 0, "asked again it does nothing"
    stage.journal.enter(Phase.RETURNING)
    stage.boot()
    assert stage.journal.reason() == "the database cannot be used", "a power cut on the way back does not hide why"
    stage.journal.conclude("")
    assert len(stage.journal.taken_back()) == 1


def test_what_is_at_work_is_not_taken_for_what_a_power_cut_left(folder: Path) -> None:
    stage = Stage(folder, "new")
    stage.run("install")
    stage.journal.enter(Phase.INSTALLING)
    assert stage.run("resume") == 0
    assert (stage.installed(), stage.journal.phase()) == ("new", Phase.INSTALLING)
    stage.boot()
    assert (stage.installed(), stage.journal.phase()) == ("old", Phase.RETURNED)
    stage.journal.conclude("")
    assert stage.journal.taken_back() == frozenset(), "it was the box that was switched off"


def test_a_trial_that_boots_again_and_again_is_over(folder: Path) -> None:
    stage = Stage(folder, "new")
    stage.run("install")
    for _ in range(3):
        stage.boot()
        assert stage.installed() == "new"
    stage.boot()
    assert (stage.installed(), stage.journal.phase()) == ("old", Phase.RETURNED)


def test_a_full_disk_on_the_way_back_leaves_nothing_that_keeps_services_away(folder: Path) -> None:
    stage = Stage(folder, "new")
    stage.run("install")
    stage.journal.enter(Phase.INSTALLING)
    (stage.places.current / ".interrupted.new").mkdir()  # what cannot be written, as on a full disk
    shutil.rmtree(stage.places.runtime)
    assert stage.run("resume") != 0
    assert not (stage.places.runtime / "hold").exists()
    (stage.places.current / ".interrupted.new").rmdir()
    assert stage.run("return") == 0, "vmsd-update-return.service asks until it can be done"
    assert (stage.installed(), stage.journal.phase()) == ("old", Phase.RETURNED)


def test_a_trial_that_cannot_be_taken_back_at_boot_is_told_to_systemd(folder: Path) -> None:
    stage = Stage(folder, "new")
    stage.run("install")
    (stage.places.current / "boots").write_text("3")
    (stage.places.current / ".phase.new").mkdir()
    shutil.rmtree(stage.places.runtime)
    assert stage.run("resume") != 0
    assert not (stage.places.runtime / "hold").exists()


@pytest.mark.parametrize(("good", "boots"), [("0", True), ("1", False)])
def test_a_program_that_does_not_start_boots_out_of_a_system_on_trial_alone(
    folder: Path, good: str, boots: bool
) -> None:
    stage = Stage(folder, "new")
    (stage.places.current / "kind").write_text("root")
    (folder / "grubenv").write_bytes(encode({"ORDER": "B A", "A_OK": "1", "B_OK": good, "B_TRY": "1"}))
    (folder / "appliance").write_text(f'grubenv = "{folder}/grubenv"\n[slots]\nA = "a"\nB = "b"\n')
    (folder / "cmdline").write_text("BOOT_IMAGE=/vmlinuz ro vmsd.slot=B quiet\n")
    (folder / "program").write_text("#!/bin/sh\nexit 1\n")
    (folder / "program").chmod(0o755)
    names = {"VMSD_APPLIANCE": "appliance", "VMSD_COMMAND_LINE": "cmdline", "VMSD_PROGRAM": "program"}
    stage.more = {name: str(folder / file) for name, file in names.items()}
    stage.run("return")
    asked = (folder / "asked").read_text() if (folder / "asked").exists() else ""
    assert ("reboot" in asked) is boots


@pytest.mark.timeout(300)
@pytest.mark.parametrize("new", ["new", "bad"])
def test_killed_before_any_call_it_comes_up_old_or_new(tmp_path: Path, new: str) -> None:
    reason = why_no_strace()
    if reason:
        pytest.skip(reason)
    kills = 0
    for calls in CALLS:
        unhurt = 0
        for nth in range(1, MOST):
            stage = Stage(tmp_path / f"{calls[:5]}{nth}", new)
            inject = f"inject={calls}:signal=SIGKILL:when={nth}"
            words = ["strace", "-f", "-qq", "-e", f"trace={calls}", "-e", inject, "-o", "/dev/null"]
            ended = stage.run("install", *words)
            stage.boot()
            phase, found = stage.journal.phase(), stage.installed()
            assert (phase, found) in {(Phase.TRIAL, "new"), (Phase.RETURNED, "old")}, (calls, nth)
            if new == "bad":
                assert found == "old"
            shutil.rmtree(stage.folder)
            unhurt = unhurt + 1 if ended in (0, 1) else 0
            kills += not unhurt
            if unhurt == 3:  # the calls of each process are counted apart: one of a child's ends no script
                break
    assert kills > 10
