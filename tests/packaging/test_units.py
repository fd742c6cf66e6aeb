"""What the units promise, as far as they can be read without starting them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging"))

from deb.units import SHIPPED, UNITS

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
SERVICES = sorted(SYSTEMD.glob("*.service"))
WORST_SCORE = 1.5
ROOTS = {
    "vmsd-update-install.service",
    "vmsd-update-return.service",
    "vmsd-update-resume.service",
    "vmsd-update@.service",
    "vmsd-update-health.service",
}
"""They put packages in place and mount sticks: no cage holds what may do that. The last only looks, but is root."""


class Unit:
    """The last value of each setting counts; of lists there are several."""

    def __init__(self, name: str) -> None:
        self._lines = (SYSTEMD / name).read_text("utf-8").splitlines()

    def all(self, name: str) -> list[str]:
        return [line.partition("=")[2] for line in self._lines if line.startswith(f"{name}=")]

    def one(self, name: str) -> str:
        (value,) = self.all(name)
        return value


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", [one for one in SERVICES if one.name not in ROOTS], ids=lambda unit: unit.name)
def test_no_unit_is_exposed_more_than_agreed(unit: Path) -> None:
    words = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    match = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert match
    assert float(match[1]) <= WORST_SCORE


def test_what_an_installation_enables_says_what_wants_it() -> None:
    enabled = [name for name, fate in UNITS.items() if fate != SHIPPED]
    assert [name for name in enabled if not Unit(name).all("WantedBy")] == []


def test_recording_goes_before_everything_vmsd_does() -> None:
    media_server, vmsd = Unit("mediamtx.service"), Unit("vmsd.service")
    for weight in ("CPUWeight", "IOWeight"):
        assert int(media_server.one(weight)) >= 10 * int(vmsd.one(weight))
    assert int(media_server.one("OOMScoreAdjust")) < 0 < int(vmsd.one("OOMScoreAdjust"))


def test_the_media_server_lives_and_dies_apart_from_vmsd() -> None:
    unit = Unit("mediamtx.service")
    for tie in ("Requires", "Requisite", "BindsTo", "PartOf", "RequiresMountsFor", "After"):
        assert not any("vmsd.service" in value or "/srv" in value for value in unit.all(tie)), tie
    assert (unit.one("Restart"), unit.one("StartLimitIntervalSec")) == ("always", "0")
    assert unit.one("Environment") == "TZ=UTC"
    assert unit.one("User") != Unit("vmsd.service").one("User")


def test_a_bad_setting_is_not_tried_again_and_a_hang_is_noticed() -> None:
    unit = Unit("vmsd.service")
    assert (unit.one("RestartPreventExitStatus"), unit.one("Type"), unit.one("Restart")) == ("78", "notify", "always")
    assert int(unit.one("WatchdogSec")) == 30


def test_the_configuration_is_rendered_with_the_rights_of_vmsd() -> None:
    """The unit that renders is a cage of the same bars: whatever vmsd.service may not do, it may not."""
    render, vmsd = read("vmsd-render.service"), read("vmsd.service")
    own = {"type", "execstart", "execcondition", "timeoutstartsec", "taskmax", "tasksmax", "memorymax"}
    of_daemon = {"killmode", "restart", "restartsec", "restartpreventexitstatus", "watchdogsec", "timeoutstopsec"}
    of_daemon |= {"cpuweight", "ioweight", "memoryhigh", "limitnofile", "oompolicy", "oomscoreadjust"}
    left, right = (dict(one) for one in (render, vmsd))
    assert {k: v for k, v in left.items() if k not in own} == {
        k: v for k, v in right.items() if k not in own | of_daemon
    }


OUTGOING = {"amqp.password", "archive.secret"}
"""Secrets of what the daemon sends: nobody else needs them."""


def read(name: str) -> dict[str, str]:
    """The service section; of a setting given several times, all values."""
    parser = ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.read_string((SYSTEMD / name).read_text("utf-8"))
    unit = Unit(name)
    return {
        key: " ; ".join(sorted(value for value in values(unit, key) if not OUTGOING & set(value.split(":"))))
        for key in parser["Service"]
    }


def values(unit: Unit, key: str) -> list[str]:
    return [line.partition("=")[2] for line in unit._lines if line.lower().startswith(f"{key}=")]
