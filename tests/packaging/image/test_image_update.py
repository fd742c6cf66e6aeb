"""Updates of a whole appliance, from a stick: a good one, a bad one, and the plug pulled; the tests are steps."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.image.machine import MIB, Machine
from tests.support.updates import Signer
from vmsd.update.slots import TRIES

pytestmark = [pytest.mark.timeout(2400)]
BOOT_S, INSTALL_S = 400, 900
CONFIRM_S = 20
LONGEST_CUT_S = 25
"""Filling a slot takes longer."""
CUTS = int(os.environ.get("VMSD_TEST_CUTS", "3"))
APPLIANCE = "/usr/lib/vmsd-appliance.toml"


class Systems:
    """Root file systems of later versions, made of that in the image, each in a signed update."""

    def __init__(self, base: Path, folder: Path) -> None:
        self.base, self.folder, self.signer = base, folder, Signer(folder / "keys")

    def update(self, version: str, *, broken: bool = False) -> Path:
        root, put = self.folder / "root.ext4", self.folder / "put"
        subprocess.run(["cp", "--sparse=always", self.base, root], check=True)
        told = self._debugfs(root, f"cat {APPLIANCE}")
        put.write_text(f'version = "{version}"\n{told}')
        self._replace(root, APPLIANCE, put, "0100644")
        if broken:
            put.write_bytes(b"\x7fELF nothing")
            self._replace(root, "/usr/lib/vmsd/vmsd", put, "0100755")
        made = self.signer.release(self.folder, {"root": root}, version, preset=0)
        root.unlink()
        return made

    def _replace(self, root: Path, name: str, by: Path, mode: str) -> None:
        script = self.folder / "script"
        script.write_text(f"rm {name}\ncd {Path(name).parent}\nwrite {by} {Path(name).name}\nsif {name} mode {mode}\n")
        subprocess.run(["debugfs", "-w", "-f", script, root], check=True, capture_output=True)

    def _debugfs(self, root: Path, what: str) -> str:
        return subprocess.run(["debugfs", "-R", what, root], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def systems(root_file_system: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systems]:
    folder = tmp_path_factory.mktemp("systems")
    yield Systems(root_file_system, folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def machine(new_machine: Callable[..., Machine]) -> Machine:
    return new_machine(lifetime_s=1800)


def put_stick(machine: Machine, file: Path | None) -> None:
    """What is in the second socket from the next start on."""
    machine.second_disk = None
    if file is None:
        return
    content, stick = machine.folder / "content", machine.folder / "stick.img"
    shutil.rmtree(content, ignore_errors=True)
    content.mkdir()
    shutil.copy(file, content)
    with stick.open("wb") as opened:
        opened.truncate(file.stat().st_size + 128 * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-L", "VMSD-UPDATE", "-d", content, stick], check=True)
    shutil.rmtree(content)
    machine.second_disk = stick


def answers(machine: Machine) -> float:
    machine.until(lambda: machine.health() is not None, BOOT_S, "the box answers")
    return machine.seconds()


def slot(machine: Machine) -> str:
    return machine.ask("sed 's/.*vmsd.slot=//; s/ .*//' /proc/cmdline", within_s=BOOT_S).strip()


def status(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        machine.ask("cat /var/lib/vmsd-update/status.json 2>/dev/null || echo '{}'", within_s=BOOT_S)
    )
    return found


def phase(machine: Machine) -> str:
    return machine.ask("cat /var/lib/vmsd-update/current/phase 2>/dev/null || echo none", within_s=BOOT_S)


def ended(machine: Machine, new: str, result: str) -> dict[str, Any]:
    def fact() -> Any:
        told = status(machine)
        last = told.get("last")
        return told.get("state") == "idle" and last and (last["new"], last["result"]) == (new, result) and last

    found: dict[str, Any] = machine.until(fact, INSTALL_S, f"{new} {result}")
    return found


def test_a_box_that_trusts_a_key(machine: Machine, systems: Systems) -> None:
    machine.start()
    print(f"answered after {answers(machine):.0f} s")
    assert slot(machine) == "A"
    key = systems.signer.public.read_text()
    machine.ask(f"mkdir -p /etc/vmsd/update-keys && printf '%s' '{key}' >/etc/vmsd/update-keys/test.pub")
    machine.ask(f"printf '\\n[update]\\nconfirm_minutes = {CONFIRM_S / 60}\\n' >>/etc/vmsd/vmsd.toml; sync")
    machine.power_off()


def test_a_stick_brings_the_next_version(machine: Machine, systems: Systems) -> None:
    put_stick(machine, systems.update("0.1.1"))
    machine.start()
    machine.wait_off(INSTALL_S)
    print(f"installed, and off to start it, {machine.seconds():.0f} s after power-on")
    assert machine.grubenv()["ORDER"] == "B A"
    machine.start()
    last = ended(machine, "0.1.1", "confirmed")
    assert slot(machine) == "B"
    machine.power_off()
    assert {name: machine.grubenv()[name] for name in ("ORDER", "B_OK")} == {"ORDER": "B A", "B_OK": "1"}, last


def test_a_version_that_does_not_run_is_left_by_itself(machine: Machine, systems: Systems) -> None:
    put_stick(machine, systems.update("0.1.2", broken=True))
    machine.start()
    machine.wait_off(INSTALL_S)
    began = time.monotonic()
    put_stick(machine, None)
    for _ in range(TRIES):
        machine.start()
        machine.wait_off(BOOT_S)
    machine.start()
    last = ended(machine, "0.1.2", "returned")
    print(f"back on the version before after {time.monotonic() - began:.0f} s: {last['reason']}")
    assert slot(machine) == "B"
    assert machine.health() is not None
    machine.power_off()


def test_the_plug_is_pulled_at_any_moment_and_the_box_starts_old_or_new(machine: Machine, systems: Systems) -> None:
    """The stick stays in: what a cut has broken off is begun again by itself, until it is done."""
    put_stick(machine, systems.update("0.1.3"))
    old = machine.grubenv()["ORDER"].split()[0]
    chance = random.Random()
    for number in range(CUTS):
        machine.start()
        machine.until(lambda: phase(machine) == "installing", BOOT_S, "it is being installed")
        time.sleep(chance.uniform(0, LONGEST_CUT_S))
        machine.power_cut()
        print(f"cut {number}: {machine.grubenv()}")
        if machine.grubenv()["ORDER"].split()[0] != old:
            break
    else:
        machine.start()
        assert slot(machine) == old, "what was broken off is not booted"
        machine.wait_off(INSTALL_S)
    put_stick(machine, None)
    machine.start()
    ended(machine, "0.1.3", "confirmed")
    assert slot(machine) != old
    machine.power_off()
