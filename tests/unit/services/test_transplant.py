"""A backup for a recipient brings up another box, whole or not at all; nobody else can read it."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyrage
import pytest

from tests.unit.tasks.recording_box import settings_in
from vmsd import console
from vmsd.base import open_base
from vmsd.config import Settings
from vmsd.errors import Conflict, Invalid
from vmsd.host import age
from vmsd.host.daemon_lock import daemon_lock
from vmsd.host.signing import load_box_key
from vmsd.services import transplant

IDENTITY = pyrage.x25519.Identity.generate()
SECRET = "uma senha canario"


async def box_in(folder: Path) -> Settings:
    """With a sealed secret, a signed head, and a key by which plates are told apart."""
    settings = settings_in(folder)
    city_id = await console.add_city(settings, "Antes", "pro")
    async with open_base(settings) as base:
        city = await base.cities.get(city_id)
        await base.audit.sign_head()
        async with base.database.write() as transaction:
            sealed = base.keys.vault.seal(SECRET.encode(), "test")
            await transaction.execute("INSERT INTO meta VALUES ('sealed', :hex)", {"hex": sealed.hex()})
        assert city.name == "Antes"
    (settings.data_dir / "keys" / "plates").mkdir()
    (settings.data_dir / "keys" / "plates" / "2026-11").write_bytes(b"of one month")
    return settings


async def backed_up(tmp_path: Path) -> tuple[Settings, Path]:
    settings, file = await box_in(tmp_path / "old"), tmp_path / "copy.age"
    await console.back_up(settings, file, str(IDENTITY.to_public()))
    return settings, file


def rows(database: Path) -> dict[str, list]:
    """Everything in every table but what a restore itself writes."""
    with closing(sqlite3.connect(database)) as opened:
        names = [name for (name,) in opened.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        found = {name: opened.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}  # noqa: S608 - names of tables
    found["audit"] = [row for row in found["audit"] if "database." not in str(row)]
    found["meta"] = [row for row in found["meta"] if row[0] != "running_since_boot"]
    return found


async def opens(settings: Settings) -> str:
    async with open_base(settings) as base:
        assert (await base.audit.verify()).valid
        (row,) = await base.database.read("SELECT value FROM meta WHERE key = 'sealed'")
        return base.keys.vault.open(bytes.fromhex(row["value"]), "test").decode()


async def test_an_empty_box_becomes_the_one_that_was_saved(tmp_path: Path):
    old, file = await backed_up(tmp_path)
    new = settings_in(tmp_path / "new")
    restored = await console.restore_bundle(new, file, str(IDENTITY))
    assert restored.kept is None
    assert restored.box == load_box_key(new.data_dir).fingerprint == load_box_key(old.data_dir).fingerprint
    assert rows(new.database) == rows(old.database)
    assert await opens(new) == SECRET
    keys = {path.name for path in (new.data_dir / "keys").rglob("*") if path.is_file()}
    assert {"vault.key", "signing.key", "recording-ids.key", "mediamtx.json"} == keys
    assert all(path.stat().st_mode & 0o077 == 0 for path in (new.data_dir / "keys").rglob("*"))
    assert {path.name for path in new.data_dir.iterdir()} <= {"keys", "vmsd.db", "daemon.lock", "ballast"} | {
        f"vmsd.db{side}" for side in ("-wal", "-shm")
    }


async def test_what_the_box_was_before_is_kept_beside_it(tmp_path: Path):
    _, file = await backed_up(tmp_path)
    other = await box_in(tmp_path / "other")
    before = load_box_key(other.data_dir).fingerprint
    restored = await console.restore_bundle(other, file, str(IDENTITY))
    assert restored.kept == other.database.with_name("vmsd.db.before-restore")
    assert load_box_key(other.data_dir).fingerprint != before
    kept = other.data_dir / "keys.before-restore"
    shutil.copytree(kept, tmp_path / "look" / "keys")
    assert load_box_key(tmp_path / "look").fingerprint == before


@pytest.mark.skipif(shutil.which("age") is None, reason="age is not installed")
def test_the_age_of_everybody_opens_it(tmp_path: Path):
    _, file = asyncio.run(backed_up(tmp_path))
    key = tmp_path / "key.txt"
    key.write_text(f"# created: today\n{IDENTITY}\n")
    plain = subprocess.run(["age", "-d", "-i", key, file], capture_output=True, check=True, timeout=30).stdout
    listed = subprocess.run(["tar", "-t"], input=plain, capture_output=True, check=True, timeout=30).stdout
    assert {"manifest.json", "vmsd.db", "keys/vault.key"} <= set(listed.decode().split())


@pytest.mark.parametrize("wrong", ["key", "cut", "flipped", "not a bundle", "no key at all", "another member"])
async def test_what_cannot_be_opened_or_is_damaged_changes_nothing(tmp_path: Path, wrong: str):
    _, file = await backed_up(tmp_path)
    other = await box_in(tmp_path / "other")
    identity, content = str(IDENTITY), bytearray(file.read_bytes())
    if wrong == "key":
        identity = str(pyrage.x25519.Identity.generate())
    elif wrong == "no key at all":
        identity = f"{str(IDENTITY)[:-3]}AAA"
    elif wrong == "cut":
        file.write_bytes(content[: len(content) - 20])
    elif wrong == "flipped":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif wrong == "another member":
        plain = pyrage.decrypt(bytes(content), [IDENTITY]).replace(b"keys/vault.key", b"../../evil.key")
        file.write_bytes(pyrage.encrypt(plain, [IDENTITY.to_public()]))
    else:
        file.write_bytes(pyrage.encrypt(b"dear", [IDENTITY.to_public()]))
    with daemon_lock(other.data_dir):
        before, listed = rows(other.database), sorted(path.name for path in other.data_dir.iterdir())
    with pytest.raises(Invalid) as refused:
        await console.restore_bundle(other, file, identity)
    assert identity[20:40] not in str(refused.value)
    assert rows(other.database) == before
    assert sorted(path.name for path in other.data_dir.iterdir()) == listed


async def test_nothing_is_brought_back_while_the_daemon_runs_or_over_another_key_of_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    _, file = await backed_up(tmp_path)
    other = await box_in(tmp_path / "other")
    with daemon_lock(other.data_dir), pytest.raises(Conflict, match="running"):
        await console.restore_bundle(other, file, str(IDENTITY))
    (tmp_path / "handed").mkdir()
    (tmp_path / "handed" / "vault.key").write_bytes(bytes(32))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "handed"))
    with pytest.raises(Conflict, match=r"vault\.key"):
        await console.restore_bundle(other, file, str(IDENTITY))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert await opens(other) == SECRET


@pytest.mark.parametrize("moved", range(6))
async def test_a_restore_that_was_broken_off_is_finished_by_the_next_who_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: int
):
    """However many of the keys had reached their place."""
    old, file = await backed_up(tmp_path)
    other = await box_in(tmp_path / "other")
    real, left = Path.replace, moved

    def replace(self: Path, target: Path) -> Path:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    if moved < 4:
        with pytest.raises(KeyboardInterrupt):
            await console.restore_bundle(other, file, str(IDENTITY))
        assert transplant.unfinished(other.database)
    else:
        await console.restore_bundle(other, file, str(IDENTITY))
    monkeypatch.undo()
    assert await opens(other) == SECRET
    assert load_box_key(other.data_dir).fingerprint == load_box_key(old.data_dir).fingerprint
    assert not transplant.unfinished(other.database)


def repacked(file: Path, change: Callable[[dict[str, Any], list[tarfile.TarInfo], dict[str, bytes]], None]) -> None:
    """A bundle as somebody makes it who knows the public key alone."""
    with tarfile.open(fileobj=io.BytesIO(pyrage.decrypt(file.read_bytes(), [IDENTITY]))) as tar:
        infos = tar.getmembers()
        contents = {info.name: tar.extractfile(info).read() for info in infos}
    manifest = json.loads(contents["manifest.json"])
    change(manifest, infos, contents)
    contents.setdefault("manifest.json", json.dumps(manifest).encode())
    made = io.BytesIO()
    for info in infos:
        content = contents[info.name]
        info.size = info.size if info.type == tarfile.GNUTYPE_SPARSE else len(content)
        made.write(info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512))
    file.write_bytes(pyrage.encrypt(made.getvalue() + bytes(1024), [IDENTITY.to_public()]))


def a_key_too_few(manifest, infos, contents):
    infos[:] = [info for info in infos if info.name != "keys/vault.key"]
    del manifest["files"]["keys/vault.key"], contents["manifest.json"]


def a_time_that_is_none(manifest, infos, contents):
    manifest["made_at"] = "\x1b[2J now"
    del contents["manifest.json"]


def a_deep_manifest(manifest, infos, contents):
    contents["manifest.json"] = b"[" * 500_000


def a_manifest_without_end(manifest, infos, contents):
    contents["manifest.json"] = json.dumps({**manifest, "x": "y" * (2 << 20)}).encode()


def a_file_that_swells(manifest, infos, contents):
    """A gigabyte of nothing in a few bytes, as tar keeps files with holes."""
    (info,) = [info for info in infos if info.name == "keys/mediamtx.json"]
    info.type, content = tarfile.GNUTYPE_SPARSE, contents[info.name]
    manifest["files"][info.name] = {"bytes": 1 << 30, "sha256": "00"}
    del contents["manifest.json"]
    assert content


def a_link(manifest, infos, contents):
    (info,) = [info for info in infos if info.name == "keys/push.key"] or [infos[1]]
    info.type, info.linkname, contents[info.name] = tarfile.SYMTYPE, "/etc/passwd", b""


HOSTILE = [a_key_too_few, a_time_that_is_none, a_deep_manifest, a_manifest_without_end, a_file_that_swells, a_link]


@pytest.mark.parametrize("change", HOSTILE, ids=lambda change: change.__name__)
async def test_a_bundle_that_somebody_made_up_changes_nothing(tmp_path: Path, change: Any):
    _, file = await backed_up(tmp_path)
    repacked(file, lambda *_: None)
    assert await console.restore_bundle(settings_in(tmp_path / "control"), file, str(IDENTITY))
    other = await box_in(tmp_path / "other")
    repacked(file, change)
    with pytest.raises(Invalid) as refused:
        await console.restore_bundle(other, file, str(IDENTITY))
    assert str(refused.value).isprintable()
    assert await opens(other) == SECRET
    assert not (other.data_dir / ".restoring").exists()


async def test_the_keys_of_months_are_not_kept_aside_where_nobody_destroys_them(tmp_path: Path):
    _, file = await backed_up(tmp_path)
    other = await box_in(tmp_path / "other")
    await console.restore_bundle(other, file, str(IDENTITY))
    assert [path.parent.parent.name for path in other.data_dir.rglob("2026-11")] == ["keys"]
    assert (other.data_dir / "keys.before-restore" / "vault.key").stat().st_mode & 0o077 == 0


async def test_keys_that_systemd_hands_over_are_not_put_on_the_disk_in_clear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    old, file = await backed_up(tmp_path)
    handed = tmp_path / "handed"
    handed.mkdir()
    for name in ("vault.key", "signing.key"):
        shutil.copy(old.data_dir / "keys" / name, handed)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    new = settings_in(tmp_path / "new")
    await console.restore_bundle(new, file, str(IDENTITY))
    assert await opens(new) == SECRET
    assert {path.name for path in (new.data_dir / "keys").iterdir()} == {"recording-ids.key", "mediamtx.json"}


async def test_what_killed_backups_and_restores_have_left_in_clear_goes_when_the_daemon_starts(tmp_path: Path):
    settings = await box_in(tmp_path)
    for name in (".restoring", ".backup-killed", ".backup-running"):
        (settings.data_dir / name).mkdir()
        (settings.data_dir / name / "vmsd.db").write_text("in clear")
    running = os.open(settings.data_dir / ".backup-running", os.O_RDONLY)
    fcntl.flock(running, fcntl.LOCK_EX)
    async with open_base(settings):
        left = {path.name for path in settings.data_dir.iterdir() if path.name.startswith(".")}
    os.close(running)
    assert left == {".backup-running"}


async def test_two_backups_at_once_are_both_whole(tmp_path: Path):
    settings, files = await box_in(tmp_path / "old"), [tmp_path / f"{number}.age" for number in range(2)]
    await asyncio.gather(*(console.back_up(settings, file, str(IDENTITY.to_public())) for file in files))
    for file in files:
        await console.restore_bundle(settings_in(tmp_path / file.stem), file, str(IDENTITY))
    assert not list(settings.data_dir.glob(".backup*"))


def test_a_full_disk_is_said_to_be_one(tmp_path: Path):
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match="No space"):
        age.encrypt(io.BytesIO(bytes(1 << 20)), full, str(IDENTITY.to_public()))


async def test_half_a_backup_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    settings = await box_in(tmp_path / "old")

    def encrypt(_source: Any, target: Any, _recipient: str) -> None:
        target.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(age, "encrypt", encrypt)
    with pytest.raises(OSError, match="No space"):
        await console.back_up(settings, tmp_path / "copy.age", str(IDENTITY.to_public()))
    assert not list(settings.data_dir.parents[1].glob("*copy*"))
    assert not list(settings.data_dir.glob(".backup*"))
