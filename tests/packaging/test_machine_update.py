"""Updates on a real Debian: taken, refused, taken back, and broken off; the tests are steps and follow one another."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.box import Box
from tests.packaging.test_machine_deb import PORT, Site, last_minute, until
from tests.support.updates import Signer

pytestmark = [pytest.mark.timeout(600)]

CONFIRM_S = 24
RETURN_S = 300
"""What is promised: a version that is not well has gone after five minutes."""
MIGRATIONS = "usr/lib/vmsd/_internal/vmsd/store/migrations"
KILLED = """#!/bin/sh
case "$1" in run) (sleep 10; kill -9 $$) & ;; esac
exec /usr/lib/vmsd/vmsd.real "$@"
"""
"""A daemon that ends ten seconds after each start."""


@pytest.fixture(scope="module")
def site(box: Box) -> Site:
    return Site(box)


@pytest.fixture(scope="module")
def disk(box: Box, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    return box.disk(tmp_path_factory.mktemp("disk") / "recordings.img", 3000)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("keys"))


def as_it_is(_tree: Path) -> None:
    pass


class Releases:
    """The package at hand as other versions, changed as a test likes, each in a signed update.

    `later` are the migrations they have that the package has not.
    """

    def __init__(self, package: Path, signer: Signer, folder: Path) -> None:
        self.package, self.signer, self.folder = package, signer, folder
        self.later = 0

    def package_of(self, version: str, change: Callable[[Path], None] = as_it_is) -> Path:
        tree, made = self.folder / "tree", self.folder / f"{version}.deb"
        shutil.rmtree(tree, ignore_errors=True)
        subprocess.run(["dpkg-deb", "--raw-extract", self.package, tree], check=True)
        control = tree / "DEBIAN/control"
        control.write_text(re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.MULTILINE))
        for number in range(self.later):
            add_migration(tree, f"later_{number}")
        change(tree)
        words = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(made)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(tree)
        return made

    def bundle(self, version: str, change: Callable[[Path], None] = as_it_is, **fields: str) -> Path:
        deb = self.package_of(version, change)
        return self.signer.release(self.folder, {"deb": deb}, version, **fields)


@pytest.fixture(scope="module")
def releases(package: Path, signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> Releases:
    return Releases(package, signer, tmp_path_factory.mktemp("releases"))


def add_migration(tree: Path, name: str) -> None:
    number = len(list((tree / MIGRATIONS).glob("0*.sql"))) + 1
    (tree / MIGRATIONS / f"{number:04}_{name}.sql").write_text(f"CREATE TABLE {name} (a INTEGER) STRICT;\n")


def end_by_itself(tree: Path) -> None:
    program = tree / "usr/lib/vmsd/vmsd"
    program.rename(program.with_name("vmsd.real"))
    program.write_text(KILLED)
    program.chmod(0o755)


def be_broken(tree: Path) -> None:
    (tree / "usr/lib/vmsd/vmsd").write_bytes(b"\x7fELF nothing")


def version_of(box: Box) -> str:
    return box.run("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", "vmsd").strip()


def status_of(box: Box) -> dict[str, object]:
    found: dict[str, object] = json.loads((box.root / "var/lib/vmsd-update/status.json").read_text())
    return found


def schema_of(box: Box) -> int:
    return int(asked(box.root / "var/lib/vmsd/vmsd.db", "PRAGMA user_version")[0])


def actions_of(box: Box) -> list[str]:
    return asked(box.root / "var/lib/vmsd/vmsd.db", "SELECT action FROM audit")


def asked(database: Path, question: str) -> list[Any]:
    """Closed at once: the box may want it for itself."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        return [row[0] for row in opened.execute(question)]


def refused(box: Box, file: Path) -> str:
    """What the box says; afterwards everything on it is as before."""
    before = version_of(box)
    box.put(file, "/root/update.vmsdu")
    said = box.sh("vmsd update apply /root/update.vmsdu 2>&1; echo ended with $?", check=False)
    assert "ended with 1" in said, said
    assert version_of(box) == before
    box.sh("test ! -e /var/lib/vmsd-update/current")
    return said


def apply(box: Box, file: Path) -> float:
    box.put(file, "/root/update.vmsdu")
    box.run("vmsd", "update", "apply", "/root/update.vmsdu")
    return time.monotonic()


def ended(box: Box, version: str, result: str, within_s: float) -> dict[str, object]:
    def fact() -> object:
        told = status_of(box)
        last = told["last"]
        return told["state"] == "idle" and last and (last["new"], last["result"]) == (version, result) and last

    found = until(fact, within_s, f"{version} {result}")
    assert isinstance(found, dict)
    return found


def test_a_site_that_records_and_trusts_a_key(site: Site, disk: str, package: Path, signer: Signer) -> None:
    box = site.box
    box.put(package, "/root/vmsd.deb")
    box.run("dpkg", "--install", "/root/vmsd.deb")
    settings = f'\n[cameras]\nnetworks = ["127.0.0.0/8"]\n\n[update]\nconfirm_minutes = {CONFIRM_S / 60}\n'
    with (box.root / "etc/vmsd/vmsd.toml").open("a") as file:
        file.write(settings)
    box.run("systemctl", "restart", "vmsd")
    box.run("systemctl", "start", "srv-vmsd.mount")
    box.sh("cp -r /usr/lib/vmsd /root/camera")  # outlives updates
    box.sh(
        f"systemd-run --quiet --unit camera /root/camera/vmsd -m vmsd.demo.camera --port {PORT}"
        " --name Portão --size 320x240 --fps 10 --gop-s 1 --bitrate-k 200"
    )
    site.city = box.run("vmsd", "city", "add", "Cidade de Teste").splitlines()[-1].strip()
    box.run("vmsd", "user", "add", "tester", "--password", "uma senha de teste")
    site.token = box.run("vmsd", "token", "add", "tester").splitlines()[-1].strip()
    url = until(
        lambda: json.loads(box.run("journalctl", "-u", "camera", "-o", "cat").splitlines()[-1])["url"], 20, "camera"
    )
    site.camera = site.ask("POST", "/api/v1/cameras", {"name": "Portão", "source_url": url})["id"]
    until(lambda: site.health()["status"] == "healthy", 40, "the site is healthy")
    site.until_recorded()
    box.sh("mkdir -p /etc/vmsd/update-keys")
    box.put(signer.public, "/etc/vmsd/update-keys/test.pub")


def test_what_is_forged_damaged_old_or_for_another_box_is_refused(
    site: Site, releases: Releases, tmp_path: Path
) -> None:
    box = site.box
    deb = releases.package_of("0.1.1")
    stranger = Signer(tmp_path / "stranger").release(tmp_path, {"deb": deb}, "0.1.1")
    assert "not signed by anybody" in refused(box, stranger)
    good = releases.signer.release(tmp_path / "good", {"deb": deb}, "0.1.1")
    raw = bytearray(good.read_bytes())
    raw[len(raw) // 2] ^= 1
    good.write_bytes(raw)
    assert "damaged" in refused(box, good)
    sign = releases.signer.release
    assert "older" in refused(box, sign(tmp_path / "a", {"deb": deb}, "0.0.9"))
    assert "arm64" in refused(box, sign(tmp_path / "b", {"deb": deb}, "0.1.1", arch="arm64"))
    assert "0.1.0.5 has to be" in refused(box, sign(tmp_path / "c", {"deb": deb}, "0.1.1", minimum="0.1.0.5"))
    assert "not what it says" in refused(box, sign(tmp_path / "d", {"deb": deb}, "0.1.2"))
    assert "only root" in box.sh("setpriv --reuid=nobody --clear-groups vmsd update confirm 2>&1", check=False)
    shutil.rmtree(tmp_path)


def test_a_full_disk_is_refused_before_anything_is_written(site: Site, releases: Releases) -> None:
    box, file = site.box, releases.bundle("0.1.1")
    box.run("mount", "-t", "tmpfs", "-o", "size=300M", "tmpfs", "/var/lib/vmsd-update")
    try:
        assert "too little room" in refused(box, file)
        assert box.sh("find /var/lib/vmsd-update -type f -size +4k").strip() == ""
    finally:
        box.run("umount", "/var/lib/vmsd-update")


def test_a_good_update_is_confirmed_and_recording_goes_on(site: Site, releases: Releases) -> None:
    box, media_server, recorded = site.box, site.pid("mediamtx.service"), site.recorded_bytes()
    before = schema_of(box)
    releases.later = 1
    began = apply(box, releases.bundle("0.1.1"))
    last = ended(box, "0.1.1", "confirmed", 200)
    print(f"confirmed after {time.monotonic() - began:.0f} s, {CONFIRM_S} of them on trial; {last}")
    assert version_of(box) == "installed 0.1.1"
    assert schema_of(box) == before + 1
    (copy,) = (box.root / "var/lib/vmsd/before-update").glob("*.db")
    assert asked(copy, "PRAGMA user_version") == [before], "it was copied before it changed"
    assert site.pid("mediamtx.service") == media_server
    assert site.recorded_bytes() > recorded
    spans = site.ask("GET", f"/api/v1/cameras/{site.camera}/timeline?{last_minute(box)}")
    assert spans["coverage"] == 1.0, json.dumps(spans)
    assert status_of(box)["highest_confirmed"] == "0.1.1"


def test_a_replay_and_a_version_below_the_highest_confirmed_are_refused(site: Site, releases: Releases) -> None:
    box = site.box
    assert "runs already" in refused(box, releases.bundle("0.1.1"))
    assert "older" in refused(box, releases.bundle("0.1.0.9"))
    (box.root / "var/lib/vmsd-update/floor").write_text("0.9.0")
    assert "was confirmed here before" in refused(box, releases.bundle("0.2.0"))
    (box.root / "var/lib/vmsd-update/floor").write_text("0.1.1")


def test_a_version_that_is_not_well_goes_and_takes_its_database_along(site: Site, releases: Releases) -> None:
    box, media_server, before = site.box, site.pid("mediamtx.service"), schema_of(site.box)

    def bad(tree: Path) -> None:
        add_migration(tree, "other")
        end_by_itself(tree)

    began = apply(box, releases.bundle("0.2.0", bad))
    until(lambda: schema_of(box) > before, 120, "the new version has changed the database")
    last = ended(box, "0.2.0", "returned", RETURN_S)
    took_s = time.monotonic() - began
    print(f"back after {took_s:.0f} s: {last['reason']}")
    assert took_s < RETURN_S
    assert version_of(box) == "installed 0.1.1"
    until(lambda: site.health()["status"] == "healthy", 30, "the site is healthy")
    assert schema_of(box) == before
    assert "database.restored" in actions_of(box)
    assert [one["name"] for one in site.ask("GET", "/api/v1/cameras")["items"]] == ["Portão"]
    assert site.pid("mediamtx.service") == media_server
    site.until_recorded()
    assert f"confirm_minutes = {CONFIRM_S / 60}" in (box.root / "etc/vmsd/vmsd.toml").read_text(), "settings stay"


def test_a_program_that_does_not_even_start_is_taken_back(site: Site, releases: Releases) -> None:
    box, schema = site.box, schema_of(site.box)
    began = apply(box, releases.bundle("0.2.1", be_broken))
    last = ended(box, "0.2.1", "returned", RETURN_S)
    print(f"back after {time.monotonic() - began:.0f} s: {last['reason']}")
    assert version_of(box) == "installed 0.1.1"
    until(lambda: site.health()["status"] == "healthy", 30, "the site is healthy")
    assert schema_of(box) == schema
    site.until_recorded()


def test_a_package_that_cannot_be_installed_leaves_the_old_one(site: Site, releases: Releases) -> None:
    def fail(tree: Path) -> None:
        (tree / "DEBIAN/postinst").write_text("#!/bin/sh\nexit 3\n")

    apply(site.box, releases.bundle("0.2.2", fail))
    assert "could not be installed" in str(ended(site.box, "0.2.2", "returned", RETURN_S)["reason"])
    assert version_of(site.box) == "installed 0.1.1"
    until(lambda: site.health()["status"] == "healthy", 30, "the site is healthy")


def test_a_stick_updates_the_box_but_never_brings_the_same_failure_twice(
    site: Site, releases: Releases, tmp_path: Path
) -> None:
    box = site.box
    bad, good = releases.bundle("0.2.3", be_broken), releases.bundle("0.2.4")
    device = stick(box, tmp_path / "bad.img", bad)
    box.sh(f"systemctl start vmsd-update@{Path(device).name}.service")
    ended(box, "0.2.3", "returned", RETURN_S)
    said = box.sh(f"vmsd update usb {device} 2>&1", check=False)
    assert "taken back here before" in said
    device = stick(box, tmp_path / "good.img", bad, good)
    box.sh(f"systemctl start vmsd-update@{Path(device).name}.service")
    ended(box, "0.2.4", "confirmed", 200)
    assert version_of(box) == "installed 0.2.4"


def stick(box: Box, image: Path, *files: Path) -> str:
    content = image.with_suffix(".d")
    content.mkdir()
    for file in files:
        shutil.copy(file, content)
    with image.open("wb") as opened:
        opened.truncate(600 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-L", "VMSD-UPDATE", "-d", content, image], check=True)
    shutil.rmtree(content)
    return box.attach(image)


@pytest.mark.parametrize("after_s", [0.0, 2.0, 5.0, 9.0])
def test_a_box_that_is_switched_off_amid_an_update_comes_up_old_or_new(
    site: Site, releases: Releases, after_s: float
) -> None:
    """All processes of the machine are killed at once; what dpkg has half done is put in order at boot."""
    box = site.box
    before = version_of(box).removeprefix("installed ")
    new = f"0.3.{round(after_s)}"
    apply(box, releases.bundle(new))
    time.sleep(after_s)
    phase = (box.root / "var/lib/vmsd-update/current/phase").read_text()
    box.stop()
    box.boot()
    until(lambda: site.health()["database"], 60, "vmsd answers")
    last = until(lambda: status_of(box)["state"] == "idle" and status_of(box)["last"], 200, "it is over")
    print(f"switched off in {phase}: {last['result']} {last['reason']}")
    version = version_of(box)
    assert version == f"installed {new if last['result'] == 'confirmed' else before}"
    assert box.run("dpkg", "--verify", "vmsd", check=False).replace("??5?????? c /etc/vmsd/vmsd.toml", "").strip() == ""
    assert box.sh("systemctl is-active vmsd mediamtx", check=False).split() == ["active", "active"]
