"""Boxes that somebody set up wrongly: a site file with a mistake, a disk too small, no site file at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.packaging.image.conftest import PASSWORD, SITE
from tests.packaging.image.machine import Machine

pytestmark = [pytest.mark.timeout(2400)]

WITHIN_S = 600
SMALL_GIB = 10
"""Both systems and the state fit, recordings do not."""


def test_a_broken_site_file_leaves_a_box_that_says_why(
    new_machine: Callable[..., Machine], figures: Callable[[str, float], None]
) -> None:
    box = new_machine()
    box.put_site("site.toml", SITE.format(password=PASSWORD).replace('plan = "basic"', 'plan = "gold"'))
    box.start()
    figures("start with a broken site file, healthy", box.until_healthy(WITHIN_S))
    assert box.ask("systemctl is-active ssh", check=False) == "inactive", "no key was given: no SSH"
    box.power_off()
    result = box.read_site("site-result.txt")
    assert "NÃO foi aplicado" in result
    assert "linha 6" in result.lower(), result
    assert "line 6" in result.lower(), result


def test_a_box_without_room_for_recordings_shows_live_and_takes_a_disk_of_its_own(
    new_machine: Callable[..., Machine], figures: Callable[[str, float], None]
) -> None:
    box = new_machine(disk_gib=SMALL_GIB)
    box.put_site("site.toml", SITE.format(password=PASSWORD))
    box.start()
    figures("start without a data disk, degraded", box.until_healthy(WITHIN_S, "degraded"))
    health = box.health()
    assert health is not None
    assert (health["mediamtx"], health["database"], health["disk"]) == (True, True, False)
    assert "VMSD-DATA" not in box.ask("lsblk -no PARTLABEL /dev/vda")
    assert box.ask("ls -A /srv/vmsd") == ""
    box.power_off()
    assert "aplicado" in box.read_site("site-result.txt")
    box.add_disk(20, "VMSD-DATA")
    box.start()
    figures("start with a second disk, healthy", box.until_healthy(WITHIN_S))
    assert box.ask("findmnt -nro SOURCE /srv/vmsd") == "/dev/vdb"
    box.power_off()
