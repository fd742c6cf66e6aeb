"""The drill: a box is lost, an empty one takes its backup, and is the same box to everybody who uses it."""

from __future__ import annotations

import io
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pyrage

from tests.support.site import SMALL, Site
from vmsd.base import open_base
from vmsd.config import load_settings

PASSWORD = "uma-senha-da-camera"


async def test_an_empty_box_takes_the_backup_and_records_on(tmp_path: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    key, copy = tmp_path / "key.txt", tmp_path / "site.age"
    key.write_text(f"# public key: {identity.to_public()}\n{identity}\n", "utf-8")
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    async with Site(tmp_path / "old") as old:
        camera = await old.camera("Portaria", *SMALL, "--username", "olho", "--password", PASSWORD)
        await old.start()
        camera_id = await old.add_camera("Portaria", camera.url)
        await old.until_recording(camera_id)
        await old.command("backup", str(copy), "--recipient", str(identity.to_public()))
        assert PASSWORD.encode() not in copy.read_bytes()
        saved = database_in(copy, identity, tmp_path)
        await old.stop_vmsd()
        await old.kill_mediamtx()

        new = Site(tmp_path / "new")
        new.recordings.mkdir()
        new.write_config()
        assert "--identity" in await new.command("restore", str(copy), expect=2)
        assert "restored" in await new.command("restore", str(copy), "--identity", str(key))
        before, after = dump(saved), dump(new.database)
        assert {name for name in before if before[name] != after[name]} == {"audit", "meta"}
        assert after["audit"][:-1] == before["audit"]
        new.token, new.city_id = old.token, old.city_id
        await check(new, camera_id)


async def check(new: Site, camera_id: str) -> None:
    """With a new, empty disk for the recordings, which somebody has to take over."""
    settings = load_settings(new.config)
    async with open_base(settings) as base:
        (camera,) = await base.cameras(await base.cities.get(new.city_id)).list()
        assert camera.secret.password == PASSWORD
        assert (await base.audit.verify()).valid
    async with new.opened():
        await new.start(healthy=False)
        login = {"name": "admin", "password": "uma senha de teste"}
        assert (await new.ask("POST", "/api/v1/auth/login", login))[0] == 200
        status, answer = await new.ask("POST", "/api/v1/system/volume/adopt")
        assert status == 200, answer
        await new.until_recording(camera_id)


def database_in(copy: Path, identity: pyrage.x25519.Identity, folder: Path) -> Path:
    with tarfile.open(fileobj=io.BytesIO(pyrage.decrypt(copy.read_bytes(), [identity]))) as tar:
        tar.extract("vmsd.db", folder, filter="data")
    return folder / "vmsd.db"


def dump(database: Path) -> dict[str, list]:
    with closing(sqlite3.connect(database)) as opened:
        names = [name for (name,) in opened.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: opened.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}  # noqa: S608 - names of tables
