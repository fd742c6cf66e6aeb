"""The settings and the folders they name."""

from __future__ import annotations

import pwd
from pathlib import Path

from vmsd.doctor.check import AS_ROOT, Box, Check, Finding, failed, passed, warned

OTHERS = 0o077


def settings(box: Box) -> Finding:
    if box.settings is None and box.hidden:
        return warned(box.mistake, AS_ROOT)
    if box.settings is None:
        return failed(box.mistake, "correct the file and try it with: vmsd check-config")
    return passed(f"{box.config_file} is fine")


def folders(box: Box) -> Finding:
    """That of the database and the keys is its owner's alone; both are there."""
    told = box.set_up
    missing = [str(folder) for folder in (told.data_dir, told.runtime_dir) if not folder.is_dir()]
    if missing:
        return failed(f"{' and '.join(missing)} is not there", "start vmsd and MediaMTX: they make their folders")
    facts = told.data_dir.stat()
    if facts.st_mode & OTHERS:
        return failed(f"others than its owner may look into {told.data_dir}", f"chmod 700 {told.data_dir}")
    return passed(f"{told.data_dir} is there and {_name(facts.st_uid)}'s alone")


def keys(box: Box) -> Finding:
    """By name, owner and mode; nobody opens them."""
    folder = box.set_up.data_dir / "keys"
    if not folder.is_dir():
        return failed(f"there are no keys in {folder}", "start vmsd, which makes them, or restore them from a backup")
    names = ("vault.key", "signing.key", "mediamtx.json", "recording-ids.key")
    missing = [name for name in names if not (folder / name).exists() and not _is_credential(name)]
    if missing:
        advice = "restore them from a backup: a new vault.key opens no camera's password"
        return failed(f"{', '.join(missing)} {_verb(missing)} missing in {folder}", advice)
    there = [folder / name for name in names if (folder / name).exists()]
    open_to_others = [file.name for file in there if file.stat().st_mode & OTHERS]
    if open_to_others:
        return failed(f"others may read {', '.join(open_to_others)}", f"chmod 600 {folder}/*")
    owner = box.set_up.data_dir.stat().st_uid
    foreign = [file.name for file in there if file.stat().st_uid != owner]
    if foreign:
        return warned(f"{', '.join(foreign)} belong to somebody else", f"chown -R {_name(owner)}: {folder}")
    return passed("all keys are there, for their owner alone")


def _is_credential(name: str) -> bool:
    """Kept by systemd, sealed or not."""
    places = ("/etc/credstore", "/etc/credstore.encrypted", "/run/credstore", "/usr/lib/credstore")
    return any((Path(place) / f"vmsd.{name}").exists() for place in places)


def _verb(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


CHECKS = (Check("settings", settings), Check("folders", folders), Check("keys", keys))
