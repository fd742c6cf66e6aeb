"""The package on a clean Debian, from its installation to its end; the tests are steps and follow one another."""

from __future__ import annotations

import json
import os
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
from tests.packaging.builds import NEXT, next_release
from tests.packaging.conftest import WORK

pytestmark = [pytest.mark.timeout(300)]

CITY, PORT = "Cidade de Teste", 18554
OPEN_PORTS = {("tcp", "443"), ("tcp", "1935"), ("tcp", "8189"), ("udp", "8189")}
"""What others reach; systemd/README.md lists the same."""
SCORE = re.compile(r"Overall exposure level for \S+: ([\d.]+)")
WORST_SCORE = 1.5


def until(fact: Callable[[], Any], within_s: float, what: str) -> Any:
    end = time.monotonic() + within_s
    while True:
        try:
            found = fact()
        except (AssertionError, ValueError):
            found = None
        if found:
            return found
        assert time.monotonic() < end, f"not within {within_s} s: {what}"
        time.sleep(0.2)


class Site:
    """The box as one of its operators sees it."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.token = self.city = self.camera = ""

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        words = [
            "curl",
            "-sk",
            "-X",
            method,
            "-H",
            f"Authorization: Bearer {self.token}",
            "-H",
            f"X-City-ID: {self.city}",
        ]
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)] if body is not None else []
        return json.loads(self.box.run(*words, f"https://127.0.0.1{path}"))

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.box.run("curl", "-sk", "https://127.0.0.1/health"))
        return found

    def pid(self, unit: str) -> int:
        return int(self.box.run("systemctl", "show", "--property", "MainPID", "--value", unit))

    def recorded_bytes(self) -> int:
        said = self.box.sh("find /srv/vmsd -name '*.mp4' -size +0 -printf '%s\\n' | awk '{s+=$1} END {print s+0}'")
        return int(said)

    def until_recorded(self, within_s: float = 40) -> None:
        before = self.recorded_bytes()
        until(lambda: self.recorded_bytes() > before + 10_000, within_s, "more is recorded")


@pytest.fixture(scope="module")
def site(box: Box) -> Site:
    return Site(box)


@pytest.fixture(scope="module")
def disk(box: Box, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    return box.disk(tmp_path_factory.mktemp("disk") / "recordings.img", 3000)


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = os.environ.get("VMSD_TEST_NEXT")
    return Path(given) if given else next_release(tmp_path_factory.mktemp("next"), WORK / "next-build")


def repacked(package: Path, folder: Path, version: str, *, other_media_server: bool = False) -> Path:
    """The same package as another version; with another MediaMTX, as far as its bytes go."""
    tree = folder / version
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.MULTILINE))
    if other_media_server:
        with (tree / "usr/lib/vmsd/mediamtx").open("ab") as file:
            file.write(b"\0other")
    made = folder / f"vmsd_{version}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, made], check=True, stdout=subprocess.DEVNULL
    )
    shutil.rmtree(tree)
    return made


def test_a_clean_debian_becomes_a_running_box(site: Site, package: Path) -> None:
    box = site.box
    assert "python" not in box.sh("ls /usr/bin"), "the machine has a Python: the test would prove nothing"
    box.put(package, "/root/vmsd.deb")
    said = box.run("dpkg", "--install", "/root/vmsd.deb")
    for unit in ("vmsd.service", "mediamtx.service"):
        assert box.run("systemctl", "is-active", unit).strip() == "active", said
    assert site.health() == {"status": "degraded", "mediamtx": True, "database": True, "disk": False}


def test_the_first_password_is_in_its_file_and_not_in_the_journal(site: Site) -> None:
    secret = site.box.sh("sed -n 's/^ *password: //p' /var/lib/vmsd/first-login.txt").strip()
    assert len(secret) > 20
    journal = site.box.sh("journalctl --no-pager")
    assert "first-login.txt" in journal
    assert secret not in journal


def test_only_the_listed_ports_are_open(site: Site) -> None:
    lines = [line.split() for line in site.box.run("ss", "-Hlntu").splitlines()]
    outside = {(line[0], line[4].rpartition(":")[2]) for line in lines if not line[4].startswith(("127.", "[::1]"))}
    assert outside == OPEN_PORTS


def test_the_units_are_sound_and_hardened(site: Site) -> None:
    said = site.box.sh("systemd-analyze verify vmsd.service mediamtx.service srv-vmsd.mount 2>&1")
    assert "vmsd" not in said, said
    for unit in ("vmsd.service", "mediamtx.service", "vmsd-render.service", "vmsd-volume.service"):
        match = SCORE.search(site.box.run("systemd-analyze", "security", "--no-pager", unit, check=False))
        assert match, unit
        assert float(match[1]) <= WORST_SCORE, (unit, match[1])


def test_live_works_without_a_disk_and_not_a_byte_reaches_the_system_disk(site: Site) -> None:
    box = site.box
    box.sh("printf '\\n[cameras]\\nnetworks = [\"127.0.0.0/8\"]\\n' >> /etc/vmsd/vmsd.toml; systemctl restart vmsd")
    box.sh(
        f"systemd-run --quiet --unit camera -p User=nobody /usr/lib/vmsd/vmsd -m vmsd.demo.camera --port {PORT}"
        " --name Portão --size 320x240 --fps 10 --gop-s 1 --bitrate-k 200"
    )
    site.city = box.run("vmsd", "city", "add", CITY).splitlines()[-1].strip()
    box.run("vmsd", "user", "add", "tester", "--password", "uma senha de teste")
    site.token = box.run("vmsd", "token", "add", "tester").splitlines()[-1].strip()
    url = until(
        lambda: json.loads(box.run("journalctl", "-u", "camera", "-o", "cat").splitlines()[-1])["url"], 20, "camera"
    )
    site.camera = site.ask("POST", "/api/v1/cameras", {"name": "Portão", "source_url": url})["id"]
    until(
        lambda: site.ask("GET", f"/api/v1/cameras/{site.camera}/status")["state"] == "online", 30, "the camera is live"
    )

    def playlist() -> bool:
        token = f"Authorization: Bearer {site.token}"
        path = f"https://127.0.0.1/hls/stream_{site.camera}/index.m3u8"
        return "#EXTM3U" in box.run("curl", "-sk", "-H", token, "-H", f"X-City-ID: {site.city}", path)

    until(playlist, 30, "live video")
    until(
        lambda: box.sh(f"{curl(site, 'snapshot.jpg')} | head -c 2 | od -An -tx1").split() == ["ff", "d8"], 40, "a still"
    )
    assert list((box.root / "srv/vmsd").iterdir()) == []


def curl(site: Site, what: str) -> str:
    headers = f"-H 'Authorization: Bearer {site.token}' -H 'X-City-ID: {site.city}'"
    return f"curl -sk {headers} https://127.0.0.1/api/v1/cameras/{site.camera}/{what}"


def test_a_disk_that_comes_late_is_recorded_to(site: Site, disk: str) -> None:
    box = site.box
    before = site.pid("vmsd.service"), site.pid("mediamtx.service")
    box.run("systemctl", "start", "srv-vmsd.mount")  # udev's part, by 90-vmsd.rules
    assert f"{disk} /srv/vmsd ext4 rw,nosuid,nodev,noexec,noatime" in box.run("cat", "/proc/mounts")
    until(lambda: site.health()["status"] == "healthy", 30, "the box is healthy")
    site.until_recorded()
    assert (site.pid("vmsd.service"), site.pid("mediamtx.service")) == before, "nothing had to be started anew"


def test_each_user_may_do_what_it_needs_and_no_more(site: Site) -> None:
    box = site.box
    as_media_server = "setpriv --reuid=mediamtx --regid=vmsd-media --clear-groups"
    as_vmsd = "setpriv --reuid=vmsd --regid=vmsd-media --clear-groups"
    file = box.sh("find /srv/vmsd -name '*.mp4' | head -1").strip()
    assert box.run("stat", "-c", "%U:%G %a", file).strip() == "mediamtx:vmsd-media 640"
    for forbidden in (
        "cat /var/lib/vmsd/keys/vault.key",
        "touch /srv/vmsd/x",
        "touch /run/vmsd/mediamtx.yml",
        "ls /srv/vmsd/.vmsd",
    ):
        assert "denied" in box.sh(f"{as_media_server} {forbidden} 2>&1", check=False), forbidden
    assert "denied" in box.sh(f"{as_vmsd} sh -c 'echo x >> {file}' 2>&1", check=False), "recordings are never altered"
    copy = f"{file.rpartition('/')[0]}/copy"
    box.sh(f"cp {file} {copy}; chown mediamtx:vmsd-media {copy}; {as_vmsd} rm {copy}")


def test_recording_goes_on_while_vmsd_is_killed_and_comes_back(site: Site) -> None:
    media_server, vmsd = site.pid("mediamtx.service"), site.pid("vmsd.service")
    site.box.run("kill", "-9", str(vmsd))
    site.until_recorded()
    until(
        lambda: site.pid("vmsd.service") not in (0, vmsd) and site.health()["status"] == "healthy", 30, "vmsd is back"
    )
    assert site.pid("mediamtx.service") == media_server


def test_a_killed_media_server_records_again_within_seconds(site: Site) -> None:
    before = site.pid("mediamtx.service")
    site.box.run("kill", "-9", str(before))
    until(lambda: site.pid("mediamtx.service") not in (0, before), 5, "MediaMTX is back")
    site.until_recorded(15)
    said = site.box.run("journalctl", "-u", "vmsd-render", "-o", "cat", "--no-pager")
    assert "Skipped" in said or "condition" in said.lower(), "the daemon was up: it keeps the file itself"


def test_the_media_server_comes_up_recording_with_vmsd_down(site: Site) -> None:
    box = site.box
    box.run("systemctl", "stop", "vmsd.service")
    box.sh("rm /run/vmsd/mediamtx.yml; systemctl restart mediamtx")
    site.until_recorded()
    box.run("systemctl", "start", "vmsd.service")
    until(lambda: site.health()["status"] == "healthy", 30, "the site is healthy")


def test_files_are_handed_over_between_root_and_vmsd(site: Site) -> None:
    box = site.box
    head = "name,protocol,vendor,host,username,password,channel,subtype"
    lines = f"{head}\\nPátio,rtsp,intelbras,192.168.1.20,admin,segredo,1,0\\n"
    box.sh(f"mkdir -m 700 /root/private; cd /root/private; printf '{lines}' > c.csv")
    assert "1 added" in box.sh(f"cd /root/private && vmsd camera import c.csv --city {site.city}")
    box.sh("cd /root/private && vmsd backup copia.db && sha256sum -c copia.db.sha256")
    assert box.sh("stat -c %U:%a /root/private/copia.db").strip() == "root:600"
    assert box.sh("ls -A /var/lib/vmsd | grep handed", check=False).strip() == ""
    assert "only root" in box.sh("setpriv --reuid=nobody --clear-groups vmsd city add X 2>&1", check=False)


def test_a_camera_behind_a_tunnel_is_recorded_by_a_relay_in_the_media_servers_cage(site: Site) -> None:
    box = site.box
    command = f'["/bin/sh", "-c", "echo rtsp://127.0.0.1:{PORT}/live; exec sleep infinity"]'
    box.sh(f"printf '\n[tunnels.test]\ncommand = %s\n' '{command}' >> /etc/vmsd/vmsd.toml; systemctl restart vmsd")
    fields = {"name": "Túnel", "protocol": "p2p", "tunnel": "test", "tunnel_target": "1"}
    camera = site.ask("POST", "/api/v1/cameras", fields)["id"]
    until(lambda: site.ask("GET", f"/api/v1/cameras/{camera}/status")["recording"], 60, "it is recorded")
    assert f"relay /run/vmsd/relays/{camera}" in box.run("ps", "-u", "mediamtx", "-o", "args")
    site.ask("PATCH", f"/api/v1/cameras/{camera}", {"recording_enabled": False})


def test_evidence_is_made_and_checked_without_a_python(site: Site) -> None:
    box = site.box
    start, end = (one.partition("=")[2] for one in last_minute(box).split("&"))
    asked = {"camera_ids": [site.camera], "start": start, "end": end, "reason": "teste", "request_number": "1/2026"}
    job = site.ask("POST", "/api/v1/exports", {**asked, "format": "package"})["id"]
    until(lambda: site.ask("GET", f"/api/v1/exports/{job}")["state"] == "done", 60, "the package is made")
    headers = f"-H 'Authorization: Bearer {site.token}' -H 'X-City-ID: {site.city}'"
    box.sh(f"curl -skf {headers} -o /root/prova.zip https://127.0.0.1/api/v1/exports/{job}/download")
    box.run("vmsd", "verify", "/root/prova.zip")
    period = f"camera_id={site.camera}&start={start}&end={end}&format=pdf"
    paper = box.sh(f"curl -skf {headers} 'https://127.0.0.1/api/v1/continuity?{period}' | head -c 4")
    assert paper == "%PDF"


def test_keys_may_be_systemds_credentials(site: Site) -> None:
    box, key = site.box, "/var/lib/vmsd/keys/vault.key"
    box.sh("mkdir -p -m 700 /etc/credstore.encrypted")
    box.sh(f"systemd-creds encrypt --name=vault.key {key} /etc/credstore.encrypted/vmsd.vault.key; rm {key}")
    box.run("systemctl", "restart", "vmsd.service", "mediamtx.service")
    until(lambda: site.ask("GET", f"/api/v1/cameras/{site.camera}/status")["state"] == "online", 40, "it is understood")
    assert "added" in box.sh(f"cd /root/private && vmsd camera import c.csv --city {site.city} 2>&1", check=False)
    box.sh(f"test ! -e {key}")


def test_what_goes_along_is_of_use(site: Site) -> None:
    box = site.box
    box.run("nft", "--check", "--file", "/usr/share/doc/vmsd/examples/nftables.conf")
    complete = ". /usr/share/bash-completion/completions/vmsd; COMP_WORDS=(vmsd camera ''); COMP_CWORD=2; _vmsd"
    assert {"import", "probe"} <= set(box.run("bash", "-c", f'{complete}; echo "${{COMPREPLY[@]}}"').split())
    assert "camera import" in box.sh("man vmsd | cat") or "minimized" in box.sh("man vmsd 2>&1 | cat")


def test_a_daemon_that_hangs_is_started_anew(site: Site) -> None:
    before = site.pid("vmsd.service")
    site.box.run("kill", "-STOP", str(before))
    until(lambda: site.pid("vmsd.service") not in (0, before), 60, "the watchdog has started it anew")
    until(lambda: site.health()["status"] == "healthy", 30, "the site is healthy")


@pytest.mark.timeout(900)  # with the time it takes to build it
def test_an_upgrade_keeps_recording_and_a_copy_of_the_database(site: Site, newer: Path) -> None:
    """To a release that was built as such, and whose schema is another."""
    box = site.box
    box.put(newer, "/root/next.deb")
    media_server, recorded, schema = site.pid("mediamtx.service"), site.recorded_bytes(), schema_of(box, "vmsd.db")
    box.sh("DEBIAN_FRONTEND=noninteractive dpkg --force-confold --install /root/next.deb")
    assert f"version {NEXT}" in box.run("vmsd", "--version")
    assert site.pid("mediamtx.service") == media_server
    assert site.recorded_bytes() > recorded
    until(lambda: site.health()["status"] == "healthy", 30, "the site is healthy")
    assert schema_of(box, "vmsd.db") == schema + 1
    assert schema_of(box, f"vmsd.db.schema-{schema:04d}") == schema
    assert box.sh(f"stat -c %U:%a /var/lib/vmsd/vmsd.db.schema-{schema:04d}").strip() == "vmsd:600"
    recorded_without_a_gap(site)


def test_the_former_version_refuses_its_successors_database_says_what_to_do_and_is_right(site: Site) -> None:
    box, media_server = site.box, site.pid("mediamtx.service")
    before = schema_of(box, "vmsd.db") - 1
    box.sh("DEBIAN_FRONTEND=noninteractive dpkg --force-confold --install /root/vmsd.deb")
    assert f"version {NEXT}" not in box.run("vmsd", "--version")
    assert box.sh("systemctl show -p ExecMainStatus --value vmsd").strip() == "78"
    said = box.run("journalctl", "-u", "vmsd", "-n", "20", "-o", "cat")
    copy = re.search(r"as it was before is (/\S+), and `vmsd restore`", said)
    assert copy, said
    site.until_recorded()
    assert site.pid("mediamtx.service") == media_server
    box.run("vmsd", "restore", copy[1])
    box.run("systemctl", "start", "vmsd.service")
    until(lambda: site.health()["status"] == "healthy", 30, "the site is healthy")
    assert schema_of(box, "vmsd.db") == before
    assert site.ask("GET", "/api/v1/auth/me")["name"] == "tester"
    recorded_without_a_gap(site)


def schema_of(box: Box, name: str) -> int:
    how = "mode=ro" if name.endswith(".db") else "immutable=1"
    with closing(sqlite3.connect(f"file:{box.root}/var/lib/vmsd/{name}?{how}", uri=True)) as opened:
        return int(opened.execute("PRAGMA user_version").fetchone()[0])


def recorded_without_a_gap(site: Site) -> None:
    def whole() -> bool:
        spans = site.ask("GET", f"/api/v1/cameras/{site.camera}/timeline?{last_minute(site.box)}")
        return bool(spans["coverage"] == 1.0)

    until(whole, 30, "the last minute is whole, the change of versions in it")


def last_minute(box: Box) -> str:
    """The minute that ended ten seconds ago, by the machine's own clock."""
    return (
        box.sh("date -u -d '-40 seconds' +start=%FT%TZ; date -u -d '-10 seconds' +end=%FT%TZ")
        .strip()
        .replace("\n", "&")
    )


def test_an_upgrade_with_another_media_server_starts_it(site: Site, package: Path, tmp_path: Path) -> None:
    box, before = site.box, site.pid("mediamtx.service")
    box.put(repacked(package, tmp_path, "9.1", other_media_server=True), "/root/next.deb")
    box.sh("DEBIAN_FRONTEND=noninteractive dpkg --force-confold --install /root/next.deb")
    assert site.pid("mediamtx.service") not in (0, before)
    site.until_recorded()


def test_a_lost_disk_stops_recording_and_nothing_else(site: Site) -> None:
    box = site.box
    box.run("umount", "--lazy", "/srv/vmsd")
    until(lambda: site.health()["disk"] is False, 30, "everybody is told")
    until(lambda: site.ask("GET", f"/api/v1/cameras/{site.camera}/status")["state"] == "online", 30, "live goes on")
    box.run("systemctl", "restart", "vmsd.service", "mediamtx.service")
    until(lambda: site.ask("GET", f"/api/v1/cameras/{site.camera}/status")["state"] == "online", 30, "live goes on")
    assert list((box.root / "srv/vmsd").iterdir()) == []
    box.run("systemctl", "start", "srv-vmsd.mount")
    until(lambda: site.health()["status"] == "healthy", 30, "the site is healthy")


def test_a_crash_loop_becomes_safe_mode_and_recording_never_notices(site: Site) -> None:
    box, media_server = site.box, site.pid("mediamtx.service")
    for _ in range(5):
        pid = until(lambda: site.health() and site.pid("vmsd.service"), 20, "vmsd runs")
        box.sh(f"kill -9 {pid}", check=False)
        until(lambda pid=pid: site.pid("vmsd.service") not in (0, pid), 20, "vmsd is started again")
    until(lambda: site.health()["status"] == "degraded", 30, "vmsd answers")
    codes = {one["code"] for one in site.ask("GET", "/api/v1/system")["notices"]}
    assert "safe_mode" in codes
    assert site.ask("GET", "/api/v1/exports")["status"] == 503
    site.until_recorded()
    assert site.pid("mediamtx.service") == media_server
    assert "safe_mode" in box.run("systemctl", "status", "--no-pager", "vmsd.service")
    box.sh("systemctl stop vmsd; rm /run/vmsd/starts.json; systemctl start vmsd")
    until(lambda: site.health()["status"] == "healthy", 30, "normal again")


def test_a_bad_setting_stops_the_daemon_for_good_and_says_where(site: Site) -> None:
    box = site.box
    box.sh("cp /etc/vmsd/vmsd.toml /root/good.toml; sed -i 's/^port = 443/port = \"x\"/' /etc/vmsd/vmsd.toml")
    box.sh("systemctl restart vmsd", check=False)
    assert "https.port" in box.run("journalctl", "-u", "vmsd", "-n", "20", "-o", "cat")
    assert box.sh("systemctl show -p ExecMainStatus --value vmsd").strip() == "78"
    time.sleep(3)  # longer than systemd waits before it starts anything again
    assert box.sh("systemctl is-active vmsd", check=False).strip() == "failed"
    box.sh("cp /root/good.toml /etc/vmsd/vmsd.toml; systemctl start vmsd")


def test_removal_leaves_the_data_and_purging_asks(site: Site) -> None:
    box = site.box
    box.run("dpkg", "--remove", "vmsd")
    assert box.sh("systemctl is-active vmsd mediamtx", check=False).split() == ["inactive", "inactive"]
    assert site.recorded_bytes() > 0
    box.sh("test -s /var/lib/vmsd/vmsd.db && test -s /etc/vmsd/vmsd.toml")
    said = box.sh("DEBIAN_FRONTEND=noninteractive dpkg --purge vmsd 2>&1")
    assert "stay in /var/lib/vmsd" in said
    assert "recordings stay" in said
    box.sh("test -s /var/lib/vmsd/vmsd.db && test ! -e /etc/vmsd")


def test_installed_again_it_is_the_site_it_was_and_may_be_purged_whole(site: Site, package: Path) -> None:
    box = site.box
    box.run("dpkg", "--install", "/root/vmsd.deb")
    until(lambda: site.ask("GET", "/api/v1/auth/me").get("name") == "tester", 30, "the account is there")
    box.sh("echo 'vmsd vmsd/purge-data boolean true' | debconf-set-selections")
    box.sh("DEBIAN_FRONTEND=noninteractive dpkg --purge vmsd")
    box.sh("test ! -e /var/lib/vmsd")
    assert site.recorded_bytes() > 0


def test_a_decommissioned_box_keeps_nothing_and_may_begin_anew(site: Site, disk: str) -> None:
    box = site.box
    box.run("dpkg", "--install", "/root/vmsd.deb")
    until(lambda: site.health()["database"], 30, "the box runs")
    box.sh("mkdir -p /root/stick; cp /etc/vmsd/vmsd.toml /root/known.toml")
    assert "nothing was destroyed" in box.sh("echo other | vmsd decommission --out /root/stick 2>&1", check=False)
    assert site.health()["database"]
    first = box.sh("cat /var/lib/vmsd/keys/signing.key")
    box.run("vmsd", "decommission", "--out", "/root/stick", "--yes-destroy", "vmsd", "--factory-reset")
    assert site.recorded_bytes() == 0
    files = box.sh("ls /root/stick").split()
    assert [name.rpartition(".")[2] for name in files] == ["json", "pdf", "pem", "sig", "txt"]
    told = json.loads((box.root / "root/stick" / files[0]).read_text("utf-8"))
    assert told["recordings"]["bytes"] > 0
    assert told["recordings"]["method"] == "removed_discarded"
    until(lambda: site.health()["database"], 30, "it is a new box")
    assert box.sh("cat /var/lib/vmsd/keys/signing.key") != first
    assert "detail" in site.ask("GET", "/api/v1/auth/me"), "nobody is known any more"
    box.run("vmsd", "decommission", "--out", "/root/stick", "--yes-destroy", "vmsd")
    assert box.sh("ls -A /var/lib/vmsd").strip() == ""
    assert box.sh("systemctl is-active vmsd mediamtx", check=False).split() == ["inactive", "inactive"]
    assert box.sh("systemctl is-enabled vmsd mediamtx", check=False).split() == ["disabled", "disabled"]
