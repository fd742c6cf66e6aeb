"""A box from its first start with a good site file to its factory reset; the tests are steps and follow one another."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.image.conftest import PASSWORD, SITE
from tests.packaging.image.machine import MIB, Machine

pytestmark = [pytest.mark.timeout(1200)]

FIRST_S, AGAIN_S = 600, 480
"""QEMU computes every instruction; this is for one that is busy too. Real ones need a tenth."""
OPEN_PORTS = {("tcp", "22"), ("tcp", "443"), ("tcp", "1935"), ("tcp", "8189"), ("udp", "8189"), ("udp", "123")}
MAY_BE_OPEN = {("udp", "5353"), ("udp", "68"), ("udp", "546")}
ROOT_B_AT = (1 + 64 + 128 + 2048) * MIB
Tell = Callable[[str, float], None]


@pytest.fixture(scope="module")
def box(new_machine: Callable[..., Machine]) -> Machine:
    machine = new_machine()
    machine.put_site("site.toml", SITE.format(password=PASSWORD))
    return machine


def test_a_flashed_box_with_a_site_file_becomes_healthy(box: Machine, figures: Tell) -> None:
    box.start()
    box.until(box.health, FIRST_S, "it answers")
    figures("first start, first answer", box.seconds())
    figures("first start, healthy", box.until_healthy(FIRST_S))
    assert box.health() == {"status": "healthy", "mediamtx": True, "database": True, "disk": True}
    assert box.ask("systemctl --failed --no-legend --plain") == ""


def test_the_recordings_have_the_rest_of_the_disk(box: Machine) -> None:
    sizes = dict(line.split() for line in box.ask("lsblk -bnro PARTLABEL,SIZE /dev/vda | grep -i vmsd").splitlines())
    assert int(sizes["VMSD-STATE"]) == 4 << 30
    assert int(sizes["VMSD-DATA"]) > 15 << 30
    assert "noatime" in box.ask("findmnt -nro OPTIONS /srv/vmsd")
    assert box.ask("stat -c %U:%a /srv/vmsd") == "vmsd:750"


def test_the_system_itself_cannot_be_written_to(box: Machine) -> None:
    assert box.ask("findmnt -nro OPTIONS /").startswith("ro")
    assert "Read-only" in box.ask("touch /usr/lib/x /boot/x /srv/x", check=False)
    assert box.ask("findmnt -nro SOURCE,FSTYPE /var/lib/vmsd").endswith("ext4"), "a database wants no overlay"


def test_only_the_listed_ports_are_open(box: Machine) -> None:
    lines = [line.split() for line in box.ask("ss -Hlntu").splitlines()]
    places = [(line[0], *line[4].rpartition(":")[::2]) for line in lines]
    outside = {(kind, port) for kind, place, port in places if not place.startswith(("127.", "[::1]"))}
    assert outside - MAY_BE_OPEN == OPEN_PORTS


def test_nobody_gets_in_with_a_password(box: Machine) -> None:
    said = box.ask("sshd -T")
    for line in ("passwordauthentication no", "kbdinteractiveauthentication no", "permitrootlogin without-password"):
        assert line in said
    hashes = [line.split(":")[1] for line in box.ask("cat /etc/shadow").splitlines()]
    assert all(one[:1] in "*!" and one for one in hashes), "a user has a password"
    assert box.ask("systemctl list-units --plain --no-legend '*getty@*'") == "", "a login at the screen"


def test_the_machine_is_watched_and_its_journal_is_bounded(box: Machine) -> None:
    assert box.ask("cat /sys/class/watchdog/watchdog0/state") == "active"
    assert "60" in box.ask("cat /sys/class/watchdog/watchdog0/timeout")
    assert "SystemMaxUse=200M" in box.ask("systemd-analyze cat-config systemd/journald.conf")
    assert box.ask("ls /var/log/journal | wc -l") == "1", "the journal does not survive a boot"
    assert "chrony" in box.ask("chronyc -n tracking >/dev/null && systemctl is-active chrony && echo chrony")


def test_the_screen_shows_where_the_box_is(box: Machine) -> None:
    box.until(lambda: box.ask("systemctl is-active vmsd-console", check=False) == "active", 60, "the page is drawn")
    assert "https://" in box.ask("cat /dev/vcs1")


def test_what_came_of_the_site_file_is_on_the_partition_and_its_secrets_are_gone(box: Machine) -> None:
    box.ask("echo kept > /srv/vmsd/kept-by-the-test; cp /etc/machine-id /srv/vmsd/machine-id; sync")
    box.power_off()
    result = box.read_site("site-result.txt")
    assert "O arquivo foi aplicado." in result, result
    assert "The file has been applied." in result
    assert "Local de teste" in box.read_site("site.toml")
    assert PASSWORD.encode() not in box.disk_bytes(1 * MIB, 64 * MIB), "the password is still on the partition"


def test_a_box_whose_clock_is_at_1970_starts_and_stays_itself(box: Machine, figures: Tell) -> None:
    """Its file systems were last used half a century later, which is no damage."""
    box.start(clock="1970-01-01T00:00:10")
    figures("start with the clock at 1970, healthy", box.until_healthy(AGAIN_S))
    box.ask("cmp /etc/machine-id /srv/vmsd/machine-id")
    assert int(box.ask("date +%Y")) >= 2026, "older than the system it runs"
    box.ask("test -e /run/vmsd-image/clock-lost")
    assert "before_last_known" in box.ask("journalctl -b -u vmsd -o cat | grep clock.trust", check=False)
    assert box.ask("ls /run/vmsd-image/no-state", check=False).endswith("No such file or directory")


def test_a_power_cut_is_survived(box: Machine, figures: Tell) -> None:
    box.power_cut()
    box.start()
    figures("start after a power cut, healthy", box.until_healthy(AGAIN_S))


def test_a_new_system_is_tried_as_often_as_was_said_and_then_left(box: Machine, root_file_system: Path) -> None:
    box.power_off()
    with root_file_system.open("rb") as source, box.disk.open("r+b") as disk:
        disk.seek(ROOT_B_AT)
        shutil.copyfileobj(source, disk, 4 * MIB)
    box.change_grubenv(ORDER="B A", B_OK="0", B_TRY="1")
    box.start()
    box.until_healthy(AGAIN_S)
    assert "vmsd.slot=B " in box.ask("cat /proc/cmdline")
    assert "5d1e2f7c-0d3b-4c1a-9a57-766d73640004" in box.ask("cat /proc/cmdline")
    box.ask("cmp /etc/machine-id /srv/vmsd/machine-id")
    box.power_cut()
    assert box.grubenv()["B_TRY"] == "0", "counted before it was started"
    box.start()
    box.until_healthy(AGAIN_S)
    assert "vmsd.slot=A " in box.ask("cat /proc/cmdline")


def test_a_factory_reset_forgets_the_site_and_keeps_the_recordings(box: Machine, figures: Tell) -> None:
    box.power_off()
    box.put_site("factory-reset", "")
    box.start()
    figures("start with a factory reset, healthy", box.until_healthy(FIRST_S))
    assert "kept" in box.ask("cat /srv/vmsd/kept-by-the-test")
    box.ask("! cmp -s /etc/machine-id /srv/vmsd/machine-id")
    assert box.ask("ls /etc/vmsd/ssh 2>/dev/null | wc -l") == "0"
    box.power_off()
    assert "Factory reset done" in box.read_site("factory-reset-result.txt")
    assert not box.has_site("factory-reset")


def test_a_lost_state_is_said_and_never_formatted(box: Machine) -> None:
    box.wipe_state()
    box.start()
    box.until(lambda: "VMSD-STATE cannot be used" in box.console(), AGAIN_S, "it says what is wrong")
    assert box.ask("systemctl is-active vmsd", check=False) == "inactive"
    assert box.ask("blkid -o value -s TYPE $(readlink -f /dev/disk/by-partlabel/VMSD-STATE)", check=False) == ""
    box.power_cut()
