"""The first start on a clean Debian: a broken site file, a good one on a stick, and one that is there at boot."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.box import Box
from tests.packaging.test_machine_deb import SCORE, WORST_SCORE, until

pytestmark = [pytest.mark.timeout(300)]

TOKEN = "vmsd_kJ3nS8dQ2wX7zB5vM1cL9pR4tY6uI0oA-eF_gHqWxZ1"
CANARIES = (TOKEN[10:], "canario-da-camera", "canario-da-lista")
BROKEN = '[site]\nname = "Centro"\n[city]\nname = "Aqui"\nplan = "ouro"\n[netwrk]\n'
SITE = f"""[site]
name = "Centro de Teste"
language = "pt_BR"
[city]
name = "Aqui"
plan = "pro"
[admin]
name = "maria"
[network]
address = "192.0.2.10/24"
gateway = "192.0.2.1"
interface = "enp1s0"
ntp = ["192.0.2.1"]
[network.cameras]
interface = "enp2s0"
address = "198.51.100.1/24"
[central]
token = "{TOKEN}"
[cameras]
file = "lista.csv"
[[camera]]
name = "Portaria"
source_url = "rtsp://u:{CANARIES[1]}@198.51.100.20/live"
"""
LIST = f"name,vendor,host,username,password\nPraca,intelbras,198.51.100.21,admin,{CANARIES[2]}\n"
CARDS = "[NetDev]\nName=enp1s0\nKind=veth\n[Peer]\nName=enp2s0\n"
UNITS = ("vmsd-site.service", "vmsd-site-store.service", "vmsd-network.service", "vmsd-console.service")


def put(box: Box, file: str, text: str) -> None:
    place = box.root / file.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def healthy(box: Box) -> bool:
    return bool(json.loads(box.run("curl", "-sk", "https://127.0.0.1/health"))["database"])


def site_name(box: Box) -> str:
    return box.sh("curl -sk -H 'Accept-Language: pt-BR' https://127.0.0.1/login")


@pytest.fixture(scope="module")
def installed(box: Box, package: Path) -> Box:
    """With systemd-networkd, two network cards, and a site file with mistakes."""
    put(box, "/boot/vmsd/site.toml", BROKEN)
    put(box, "/etc/systemd/network/cards.netdev", CARDS)
    box.run("systemctl", "enable", "--now", "systemd-networkd.service")
    box.put(package, "/root/vmsd.deb")
    box.run("dpkg", "--install", "/root/vmsd.deb")
    until(lambda: healthy(box), 30, "the box answers")
    return box


@pytest.fixture(scope="module")
def stick(installed: Box, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A stick with the site file; ext4 here, where the kernel may know no FAT. udev's part is done by hand."""
    folder = tmp_path_factory.mktemp("stick")
    (folder / "in").mkdir()
    (folder / "in/site.toml").write_text(SITE)
    (folder / "in/lista.csv").write_text(LIST)
    image = folder / "stick.img"
    with image.open("wb") as file:
        file.truncate(16 << 20)
    words = ["mkfs.ext4", "-q", "-L", "VMSD-SITE", "-E", "root_owner=0:0", "-d", folder / "in", image]
    subprocess.run(words, check=True)
    found = subprocess.run(["losetup", "--find", "--show", image], check=True, capture_output=True, text=True)
    loop = found.stdout.strip()
    put(
        installed,
        "/etc/systemd/system/run-vmsd\\x2dsite.mount.d/test.conf",
        "[Mount]\nType=ext4\nOptions=\nOptions=noatime\n",
    )
    installed.run("systemctl", "daemon-reload")
    installed.sh(f"mknod {loop} b 7 {loop.removeprefix('/dev/loop')}")
    installed.sh(f"mkdir -p /dev/disk/by-label; ln -sf {loop} /dev/disk/by-label/VMSD-SITE")
    try:
        yield loop
    finally:
        subprocess.run(["losetup", "--detach", loop], check=False)


def test_a_broken_file_is_told_of_and_the_box_runs_all_the_same(installed: Box) -> None:
    said = (installed.root / "boot/vmsd/site-result.txt").read_text("utf-8-sig")
    assert 'site.toml, linha 5, [city] plan: tem de ser "basic", "pro" ou "premium"' in said
    assert 'site.toml, linha 6, netwrk: este campo não existe; será "network"?' in said
    assert installed.run("systemctl", "is-active", "vmsd.service").strip() == "active"
    assert installed.sh("systemctl is-failed vmsd-site.service", check=False).strip() == "failed"
    assert "linha 5" in installed.run("vmsd", "site", "screen")
    assert not (installed.root / "etc/vmsd/vmsd.d").exists()


def test_the_units_are_sound_and_hardened(installed: Box) -> None:
    said = installed.sh(f"systemd-analyze verify {' '.join(UNITS)} 'run-vmsd\\x2dsite.mount' 2>&1", check=False)
    assert "vmsd" not in said, said
    for unit in UNITS:
        match = SCORE.search(installed.run("systemd-analyze", "security", "--no-pager", unit, check=False))
        assert match, unit
        assert float(match[1]) <= WORST_SCORE, (unit, match[1])


def test_a_stick_sets_up_a_box_that_runs(installed: Box, stick: str) -> None:
    installed.sh("rm -r /boot/vmsd")
    installed.run("systemctl", "start", "run-vmsd\\x2dsite.mount", "vmsd-site.service")
    until(lambda: "Centro de Teste" in site_name(installed), 40, "the settings count")
    assert "inactive" in installed.sh("systemctl is-active 'run-vmsd\\x2dsite.mount'", check=False)
    installed.sh("mount /dev/disk/by-label/VMSD-SITE /mnt")
    try:
        said = (installed.sh("cat /mnt/site-result.txt")).removeprefix("\ufeff")
        assert "O arquivo foi aplicado." in said
        assert "Câmeras: 2." in said
        assert "As senhas foram apagadas do arquivo." in said
        assert installed.sh("ls /mnt").split() == ["lost+found", "site-result.txt", "site.toml"]
    finally:
        installed.run("umount", "/mnt")
    bytes_left = Path(stick).read_bytes()
    for canary in CANARIES:
        assert canary.encode() not in bytes_left, "the stick's own blocks have it"
    assert installed.sh("stat -c %U:%a /var/lib/vmsd/site-applied.json /var/lib/vmsd/vmsd.db").split() == [
        "vmsd:600",
        "vmsd:600",
    ]


def test_the_network_is_as_the_file_says(installed: Box) -> None:
    until(lambda: "192.0.2.10/24" in installed.run("ip", "-4", "addr", "show", "enp1s0"), 20, "the fixed address")
    assert "198.51.100.1/24" in installed.run("ip", "-4", "addr", "show", "enp2s0")
    assert "default via 192.0.2.1 dev enp1s0" in installed.run("ip", "route")
    settings = installed.run("cat", "/etc/vmsd/vmsd.d/50-site.toml")
    assert '[cameras]\ninterfaces = ["enp2s0"]\n' in settings, "where discovery searches"


def test_no_secret_is_anywhere_on_the_machine(installed: Box) -> None:
    for canary in CANARIES:
        found = installed.sh(f"grep -raFl -- '{canary}' /etc /var /run /boot /root /srv /tmp 2>/dev/null", check=False)
        assert [one for one in found.split() if not one.startswith("/run/vmsd/mediamtx")] == [], canary
        assert canary not in installed.run("journalctl", "--no-pager")
    assert installed.sh("ls /run/vmsd-first-start").split() == ["answer.json"]


def test_the_screen_shows_how_to_get_in(installed: Box) -> None:
    secret = installed.sh("sed -n 's/^ *password: //p' /var/lib/vmsd/first-login.txt").strip()
    put(
        installed,
        "/etc/systemd/system/vmsd-console.service.d/test.conf",
        "[Unit]\nConditionPathExists=\n[Service]\nStandardOutput=truncate:/run/screen\nTTYPath=\nTTYReset=no\n"
        "TTYVTDisallocate=no\n",
    )
    installed.sh("systemctl daemon-reload; systemctl restart vmsd-console.service")
    until(lambda: "senha:" in installed.sh("cat /run/screen"), 30, "the page is drawn")
    page = installed.sh("cat /run/screen")
    for words in ("Centro de Teste", "https://192.0.2.10/", "https://vmsd.local/", f"senha: {secret}", "nome: maria"):
        assert words in page
    assert installed.sh("ps -o user= -C vmsd | sort -u").split() == ["vmsd"]
    until(lambda: installed.sh("cat /run/screen").count(":") > 30, 30, "the fingerprint of what is served")
    installed.sh("systemctl stop vmsd-console.service")


def test_another_file_on_a_stick_changes_nothing(installed: Box, stick: str) -> None:
    other = SITE.replace('"Aqui"', '"Outra"')
    installed.sh(f"mount /dev/disk/by-label/VMSD-SITE /mnt; printf '%s' '{other}' > /mnt/site.toml")
    installed.sh(f"printf '%s' '{LIST}' > /mnt/lista.csv; umount /mnt")
    installed.sh("systemctl start 'run-vmsd\\x2dsite.mount' vmsd-site.service", check=False)
    installed.sh("mount /dev/disk/by-label/VMSD-SITE /mnt")
    assert "já foi configurada" in installed.sh("cat /mnt/site-result.txt")
    installed.run("umount", "/mnt")


def test_the_network_comes_back_after_a_power_cut(installed: Box) -> None:
    installed.stop()
    installed.boot()
    until(lambda: "192.0.2.10/24" in installed.run("ip", "-4", "addr", "show", "enp1s0"), 20, "the fixed address")
    assert "server 192.0.2.1" in installed.run("cat", "/run/chrony-dhcp/vmsd-site.sources")
    until(lambda: "Centro de Teste" in site_name(installed), 40, "it is the site it was")


def test_a_file_that_is_there_at_boot_counts_before_anything_runs(installed: Box) -> None:
    installed.sh("systemctl stop vmsd; rm -rf /var/lib/vmsd/* /etc/vmsd/vmsd.d /etc/vmsd/network.toml")
    put(installed, "/boot/vmsd/site.toml", SITE.replace("Centro de Teste", "Desde o Primeiro"))
    put(installed, "/boot/vmsd/lista.csv", LIST)
    installed.stop()
    installed.boot()
    until(lambda: "Desde o Primeiro" in site_name(installed), 40, "the settings count")
    starts = installed.run("journalctl", "-b", "-u", "vmsd.service", "-o", "cat", "--no-pager")
    assert starts.count("Starting ") + starts.count("Starting\n") == 1, "it was started once, with its settings"
    until(lambda: "192.0.2.10/24" in installed.run("ip", "-4", "addr", "show", "enp1s0"), 20, "the fixed address")
    assert CANARIES[1] not in (installed.root / "boot/vmsd/site.toml").read_text()
    assert "198.51.100.20" in installed.sh("cat /run/vmsd/mediamtx.yml"), "MediaMTX knows the cameras"


def test_purging_takes_the_settings_away(installed: Box) -> None:
    installed.sh("DEBIAN_FRONTEND=noninteractive dpkg --purge vmsd 2>&1")
    installed.sh("test ! -e /etc/vmsd")
