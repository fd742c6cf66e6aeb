"""The key that opens a box's secrets is made once, and never made again in silence."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.unit.tasks.recording_box import settings_in
from vmsd import console
from vmsd.base import open_base
from vmsd.config import Settings
from vmsd.errors import BadSetting
from vmsd.store.sealed import PLACES

CAMERA = {"name": "Portaria", "source_url": "rtsp://u:segredo@198.51.100.9/live"}


async def with_a_camera(folder: Path) -> Settings:
    settings = settings_in(folder)
    city = await console.add_city(settings, "Aqui", "pro")
    await console.import_cameras(settings, city, [CAMERA], dry_run=False, as_text=False)
    return settings


async def test_a_lost_key_beside_sealed_secrets_stops_the_start_and_no_new_one_is_made(tmp_path: Path) -> None:
    settings = await with_a_camera(tmp_path)
    key = settings.data_dir / "keys/vault.key"
    content = key.read_bytes()
    key.unlink()
    with pytest.raises(BadSetting, match=r"vault\.key is missing"):
        async with open_base(settings):
            pass
    assert not key.exists()
    key.write_bytes(content)
    async with open_base(settings) as base:
        (city,) = await base.cities.list()
        (camera,) = await base.cameras(city).list()
        assert camera.secret.password == "segredo"


async def test_a_lost_key_that_sealed_nothing_is_made_anew(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    await console.add_city(settings, "Aqui", "pro")
    (settings.data_dir / "keys/vault.key").unlink()
    async with open_base(settings) as base:
        assert len(await base.cities.list()) == 1


async def test_a_credential_takes_the_place_of_the_lost_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = await with_a_camera(tmp_path)
    key = settings.data_dir / "keys/vault.key"
    (tmp_path / "credentials").mkdir()
    key.rename(tmp_path / "credentials/vault.key")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    async with open_base(settings):
        assert not key.exists()


async def test_every_place_that_is_looked_at_is_in_the_schema(tmp_path: Path) -> None:
    settings = await with_a_camera(tmp_path)
    key = (settings.data_dir / "keys/vault.key").read_bytes()
    with sqlite3.connect(settings.database) as found:
        for table, column in PLACES:
            found.execute(f"SELECT {column} FROM {table}")  # noqa: S608 - words of the program
        (sealed,) = found.execute("SELECT secret FROM camera").fetchone()
        (public_id,) = found.execute("SELECT public_id FROM camera").fetchone()
    assert b"segredo" in AESGCM(key).decrypt(sealed[1:13], sealed[13:], f"camera:secret:{public_id}".encode())
