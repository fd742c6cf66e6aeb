"""A box that is decommissioned keeps nothing, says so under its own signature, and survives a kill in between."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.mounts import needs_root
from tests.unit.tasks.recording_box import settings_in
from vmsd import console
from vmsd.base import look_at_disk, open_base
from vmsd.clock import SystemClock
from vmsd.commands.decommission import site_files, site_of
from vmsd.config import Settings
from vmsd.errors import BadSetting
from vmsd.host.volume import read_marker
from vmsd.services.decommission import Decommission, Wish
from vmsd.site_file.reading import read_site
from vmsd.site_file.without_secrets import digest_of

ROOT = Path(__file__).resolve().parents[2]
NAME = "Câmara de Teste"
CANARY = b"canary of a recording 5e884898da28 "
PICTURES = CANARY * 30_000
CAMERA = {"name": "Portaria", "source_url": "rtsp://u:segredo-do-canario@198.51.100.9/live"}
pytestmark = [pytest.mark.timeout(180)]


class OldBox:
    """A site with a city, a camera, recordings and copies of its database; the commands run as processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings: Settings = settings_in(folder)
        self.config = folder / "vmsd.toml"
        self.out = folder / "stick"

    async def fill(self) -> OldBox:
        settings = self.settings
        city = await console.add_city(settings, "Aqui", "pro")
        await console.import_cameras(settings, city, [CAMERA], dry_run=False, as_text=False)
        async with open_base(settings) as base:
            await look_at_disk(base)
        for number in range(4):
            file = settings.recordings_dir / city / f"camera-{number % 2}" / f"{number}.mp4"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(PICTURES)
        snapshots = settings.recordings_dir / ".vmsd/snapshots"
        snapshots.mkdir()
        shutil.copy(settings.database, snapshots / "vmsd-00000001-20260101T000000Z.db")
        (settings.runtime_dir / "mediamtx.yml").write_text("segredo-do-canario")
        self.out.mkdir()
        places = {"data_dir": settings.data_dir, "recordings_dir": settings.recordings_dir}
        lines = [f'{name} = "{place}"' for name, place in {**places, "runtime_dir": settings.runtime_dir}.items()]
        self.config.write_text("\n".join([*lines, "[site]", f'name = "{NAME}"', ""]), "utf-8")
        return self

    def run(self, *words: str, typed: str = "", before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        command = [*before, sys.executable, "-m", "vmsd", "decommission", "--config", self.config, "--out", self.out]
        return subprocess.run(
            [*command, *words], cwd=ROOT, input=typed, capture_output=True, text=True, timeout=60, check=False
        )

    def paper(self, kind: str) -> Path:
        (found,) = self.out.glob(f"certidao-desativacao-*.{kind}")
        return found

    def certificate(self) -> dict[str, object]:
        """Checked by OpenSSL alone, as whoever gets it would."""
        words = ["-verify", "-pubin", "-inkey", self.paper("pem"), "-rawin", "-in", self.paper("json")]
        subprocess.run(["openssl", "pkeyutl", *words, "-sigfile", self.paper("sig")], check=True, capture_output=True)
        certificate: dict[str, object] = json.loads(self.paper("json").read_bytes())
        return certificate

    def everything(self) -> dict[str, bytes]:
        places = (self.settings.data_dir, self.settings.recordings_dir, self.settings.runtime_dir)
        files = (file for place in places for file in place.rglob("*") if file.is_file())
        return {str(file): file.read_bytes() for file in files if not file.name.endswith(("-shm", "-wal", ".lock"))}

    def left(self) -> list[str]:
        places = (self.settings.data_dir, self.settings.recordings_dir, self.settings.runtime_dir)
        return [str(one) for place in places for one in place.rglob("*") if one.name != "lost+found"]


@pytest.fixture
async def box(tmp_path: Path) -> OldBox:
    return await OldBox(tmp_path).fill()


def test_nothing_is_destroyed_unless_the_name_of_the_site_is_given(box: OldBox) -> None:
    before = box.everything()
    for words, typed in (((), ""), ((), "yes\n"), ((), f"{NAME.lower()}\n"), (("--yes-destroy", "vmsd"), "")):
        done = box.run(*words, typed=typed)
        assert done.returncode != 0, (words, typed)
        assert box.everything() == before
    inside = box.settings.recordings_dir / "stick"
    inside.mkdir()
    assert "which is destroyed" in box.run("--yes-destroy", NAME, "--out", str(inside)).stderr
    assert list(box.out.iterdir()) == []


def test_all_is_gone_and_the_certificate_says_what_it_was(box: OldBox) -> None:
    done = box.run("--by", "Ana Teste", typed=f"{NAME}\n")
    assert done.returncode == 0, done.stderr
    assert box.left() == []
    told = box.certificate()
    assert (told["site"], told["by"]) == ({"name": NAME}, "Ana Teste")
    recordings = told["recordings"]
    assert isinstance(recordings, dict)
    assert recordings["files"] >= 4
    assert recordings["bytes"] >= 4 * len(PICTURES)
    assert recordings["left_files"] == 0
    assert told["keys"] == ["mediamtx.json", "recording-ids.key", "signing.key", "vault.key"]
    assert [city["name"] for city in told["cities"]] == ["Aqui"]  # type: ignore[attr-defined]
    assert box.paper("pdf").read_bytes().startswith(b"%PDF")
    assert "As chaves foram destruídas em" in box.paper("txt").read_text("utf-8")
    assert "segredo" not in done.stdout + done.stderr + str(told)
    assert "there is no site" in box.run("--yes-destroy", NAME).stderr


def test_recordings_may_stay_and_a_new_box_takes_them_over(box: OldBox) -> None:
    marker = read_marker(box.settings.recordings_dir)
    assert box.run("--keep-recordings", "--yes-destroy", NAME).returncode == 0
    kept = sorted(file.name for file in box.settings.recordings_dir.rglob("*") if file.is_file())
    assert kept == ["0.mp4", "1.mp4", "2.mp4", "3.mp4", "volume.json"]
    assert read_marker(box.settings.recordings_dir) == marker
    assert box.certificate()["recordings"]["method"] == "kept"  # type: ignore[index]
    assert list(box.settings.data_dir.iterdir()) == []


def test_another_sites_volume_is_left_alone(box: OldBox) -> None:
    marker = box.settings.recordings_dir / ".vmsd/volume.json"
    marker.write_text(json.dumps({"uuid": "11111111-1111-4111-8111-111111111111", "sequence": 1}))
    before = box.everything()
    assert "not this site's volume" in box.run("--yes-destroy", NAME).stderr
    assert box.everything() == before


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("call", ["unlinkat", "fsync", "rename", "rmdir"])
async def test_a_kill_at_any_point_leaves_work_that_can_be_gone_on_with(tmp_path: Path, call: str) -> None:
    calls = {"rmdir": "rmdir,unlinkat"}.get(call, call)
    for turn, number in enumerate((1, 2, 3, 5, 8, 12, 17, 23)):
        box = await OldBox(tmp_path / f"{call}-{turn}").fill()
        inject = ("strace", "-f", "-qq", "-o", os.devnull, "-e", f"inject={calls}:signal=KILL:when={number}")
        killed = box.run("--yes-destroy", NAME, before=inject)
        if killed.returncode == 0:
            assert turn > 0, "it was never killed"
            break
        if (box.settings.data_dir / "decommission.json").exists():
            with pytest.raises(BadSetting, match="being decommissioned"):
                await console.add_city(box.settings, "Nunca", "pro")
        if box.left():
            done = box.run("--yes-destroy", NAME)
            assert done.returncode == 0, (call, number, done.stderr)
        assert box.left() == [], (call, number)
        told = box.certificate()
        assert told["recordings"]["files"] >= 4, (call, number)  # type: ignore[index]
        assert told["cities"][0]["cameras"] == 1  # type: ignore[index]


@contextmanager
def disk(folder: Path, image: Path, kind: str) -> Iterator[None]:
    """A file system of its own on `folder`; the bytes of its disk are in `image`."""
    with image.open("wb") as file:
        file.truncate(400 << 20)
    subprocess.run([f"mkfs.{kind}", "-q", image], check=True, capture_output=True)
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True, timeout=20)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True, timeout=20)


def settle(*folders: Path) -> None:
    for folder in folders:
        subprocess.run(["sync", "-f", folder], check=True)


def holds(image: Path, text: bytes) -> bool:
    return subprocess.run(["grep", "-q", "-a", "-F", text, image], check=False).returncode == 0


@needs_root
@pytest.mark.parametrize("kind", ["ext4", "xfs"])
async def test_the_disks_themselves_hold_neither_keys_nor_pictures_any_more(tmp_path: Path, kind: str) -> None:
    if shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"mkfs.{kind} is not installed")
    state, video = tmp_path / "state.img", tmp_path / "video.img"
    with disk(tmp_path / "box/data", state, kind), disk(tmp_path / "box/video", video, kind):
        box = await OldBox(tmp_path / "box").fill()
        secret = json.loads((box.settings.data_dir / "keys/mediamtx.json").read_text())["password"].encode()
        settle(box.settings.data_dir, box.settings.recordings_dir)
        assert holds(state, secret)
        assert holds(video, CANARY)
        done = box.run("--yes-destroy", NAME)
        assert done.returncode == 0, done.stderr
        assert box.left() == []
        assert box.certificate()["recordings"]["method"] == "removed_discarded"  # type: ignore[index]
        assert box.certificate()["recordings"]["file_system"] == kind  # type: ignore[index]
    assert not holds(state, secret)
    assert not holds(video, CANARY)


async def test_the_site_file_goes_and_another_sites_stays(box: OldBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What tells which one is ours goes after it, so that a try that is broken off knows it again."""
    folders = [tmp_path / "own", tmp_path / "other", tmp_path / "none"]
    for folder, city in zip(folders, ("Aqui", "Outra"), strict=False):
        folder.mkdir()
        text = f'[site]\nname = "Centro"\n[city]\nname = "{city}"\nplan = "pro"\n'
        (folder / "site.toml").write_text(text, "utf-8")
        (folder / "site-result.txt").write_text("", "utf-8")
    marker = box.settings.data_dir / "site-applied.json"
    digest = digest_of(read_site(folders[0] / "site.toml"))
    marker.write_text(json.dumps({"digest": digest, "done": True, "at": "2026-01-01T00:00:00Z"}))
    ours = site_files(box.settings.data_dir, folders)
    assert ours == [folders[0] / "site.toml", folders[0] / "site-result.txt"]
    site = replace(site_of(box.settings, box.config), more=tuple(ours))
    work = Decommission(site, SystemClock())
    with monkeypatch.context() as patch:
        patch.setattr("vmsd.services.decommission.remove", _refuse)
        with pytest.raises(OSError, match="refused"):
            work.destroy(work.look(Wish()), box.out)
    assert site_files(box.settings.data_dir, folders) == ours
    work.destroy(work.look(Wish()), box.out)
    assert not any(one.exists() for one in ours)
    assert (folders[1] / "site.toml").exists()
    assert not marker.exists()


def _refuse(*_: object, **__: object) -> None:
    raise OSError("refused")
