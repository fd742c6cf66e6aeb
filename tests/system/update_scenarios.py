"""Updates, to be broken off anywhere: what GRUB would boot then is the old system or the new one, and whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.updates import Signer
from tests.unit.tasks.recording_box import HandClock, open_box
from vmsd import __version__
from vmsd.store.rescue import is_sound
from vmsd.update.applying import Order, Updater
from vmsd.update.grubenv import change_grubenv, encode, read_grubenv
from vmsd.update.journal import Journal, Phase, Plan
from vmsd.update.places import Places
from vmsd.update.settle import FOLDER, Settled, settle
from vmsd.update.versions import parse_version

NEW = "9.0.0"
BYTES = 700_000
SLOT_BYTES = 1_000_000
START = {"ORDER": "A B", "A_OK": "1", "A_TRY": "0", "B_OK": "0", "B_TRY": "0"}


def places_in(folder: Path) -> Places:
    return Places(
        state=folder / "update",
        runtime=folder / "run",
        program=folder / "lib",
        own_keys=folder / "etc",
        appliance=folder / "appliance.toml",
        command_line=folder / "cmdline",
    )


def image(version: str) -> bytes:
    return hashlib.shake_256(version.encode()).digest(BYTES)


async def prepare_update(folder: Path) -> None:
    """An appliance: its slots are plain files, and what it was booted with is one too."""
    signer = Signer(folder / "etc")
    (folder / "image").write_bytes(image(NEW))
    signer.release(folder, {"root": folder / "image"}, NEW)
    (folder / "etc/release.key").unlink()
    (folder / "A").write_bytes(image(__version__))
    (folder / "B").write_bytes(b"\xff" * SLOT_BYTES)
    (folder / "grubenv").write_bytes(encode(START))
    start_system(folder, "A")


def start_system(folder: Path, slot: str) -> None:
    """As if that slot had been booted: the folder may be another one than the one it was prepared in."""
    version = NEW if slot == "B" else __version__
    lines = [f'grubenv = "{folder}/grubenv"', f'version = "{version}"', "[slots]"]
    (folder / "appliance.toml").write_text("\n".join([*lines, *(f'{one} = "{folder}/{one}"' for one in "AB")]))
    (folder / "cmdline").write_text(f"BOOT_IMAGE=/vmlinuz ro vmsd.slot={slot} quiet\n")


def boot(folder: Path) -> str:
    """What GRUB does: the first slot of the order that is good, or has a try left; the try is spent."""
    values = read_grubenv(folder / "grubenv")
    for slot in values["ORDER"].split():
        if values[f"{slot}_OK"] == "1":
            return slot
        tries = int(values[f"{slot}_TRY"])
        if tries > 0:
            change_grubenv(folder / "grubenv", {f"{slot}_TRY": str(tries - 1)})
            return slot
    raise AssertionError(f"nothing can be booted: {values}")


def updater_of(folder: Path) -> Updater:
    return Updater(places_in(folder), HandClock())


def update_of(folder: Path) -> Order:
    return Order(folder / f"vmsd-update-{NEW}-amd64.vmsdu", 600)


async def apply_update(folder: Path, tell: Callable[[Any], None]) -> None:
    start_system(folder, "A")
    updater_of(folder).stage(update_of(folder))
    tell("installed")
    start_system(folder, boot(folder))
    updater = updater_of(folder)
    assert updater.after_boot() is Phase.TRIAL
    updater.confirm()
    tell("confirmed")


async def check_update(folder: Path, acks: list[Any]) -> None:
    """Then the box goes on: whatever was begun is ended, and the update can be had."""
    slot = boot(folder)
    whole = {"A": image(__version__), "B": image(NEW)}[slot]
    assert (folder / slot).read_bytes()[:BYTES] == whole, f"slot {slot} is booted and is not whole"
    assert (folder / "A").read_bytes() == image(__version__), "the old system is as it was"
    if acks:
        assert slot == "B", acks
    start_system(folder, slot)
    updater = updater_of(folder)
    updater.after_boot()
    if slot == "A":
        updater.finish()
        assert updater.journal.phase() is None
        assert updater.journal.floor() is None, "what was never confirmed raises no floor"
        updater.stage(update_of(folder))
        start_system(folder, boot(folder))
        updater = updater_of(folder)
        updater.after_boot()
    if updater.journal.phase() is not None:
        updater.confirm()
    assert (updater.journal.phase(), updater.journal.floor()) == (None, parse_version(NEW))
    assert read_grubenv(folder / "grubenv")["B_OK"] == "1"
    last = updater.journal.last()
    assert last
    assert (last["new"], last["result"]) == (NEW, "confirmed")
    assert json.loads((folder / "update/status.json").read_text())["state"] == "idle"


# The database is copied before a new version opens it.


async def prepare_copy(folder: Path) -> None:
    async with open_box(folder) as box:
        await box.camera()
    journal, places = Journal(places_in(folder)), places_in(folder)
    places.state.mkdir()
    plan = Plan("0123", "deb", "0.1.0", NEW, "0" * 64, "2026-11-01T00:00:00Z", 600)
    journal.begin(journal.new_room(), plan)
    journal.enter(Phase.INSTALLING)


def database_in(folder: Path) -> Path:
    (found,) = [one for one in folder.rglob("vmsd.db") if one.parent.name != FOLDER]
    return found


def no_restore(copy: Path) -> None:
    raise AssertionError(f"{copy} is not to be restored")


async def copy(folder: Path, tell: Callable[[Any], None]) -> None:
    assert settle(places_in(folder), database_in(folder), no_restore) is Settled.COPIED
    tell("copied")


async def check_copy(folder: Path, acks: list[Any]) -> None:
    database = database_in(folder)
    kept = database.parent / FOLDER / "0123.db"
    assert is_sound(database)
    if acks or kept.exists():
        assert is_sound(kept)
    settle(places_in(folder), database, no_restore)
    assert is_sound(kept)
    shutil.rmtree(kept.parent)
