"""What is in the image before it is started: nothing that is one box's alone, nothing of the computer that made it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.packaging.scan import contents, secrets_in

pytestmark = [pytest.mark.timeout(300)]

FOLDERS = ("etc", "var", "root", "home", "usr/lib/vmsd-image")
"""Where Debian and we write; programs and libraries are Debian's, or looked through with the package."""


@pytest.fixture(scope="module")
def system(root_file_system: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("system")
    for name in FOLDERS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        words: list[str | Path] = ["debugfs", "-R", f"rdump /{name} {(folder / name).parent}", root_file_system]
        subprocess.run(words, check=True, capture_output=True)
    return folder


def test_no_box_has_what_another_has(system: Path) -> None:
    assert (system / "etc/machine-id").read_bytes() == b""
    assert list((system / "etc/ssh").glob("ssh_host_*")) == []
    assert list((system / "var/lib/vmsd").rglob("*")) == []
    assert not (system / "var/lib/systemd/random-seed").exists()


def test_nobody_has_a_password(system: Path) -> None:
    hashes = {line.split(":")[0]: line.split(":")[1] for line in (system / "etc/shadow").read_text().splitlines()}
    assert hashes["root"].startswith(("*", "!"))
    assert [user for user, one in hashes.items() if not one.startswith(("*", "!"))] == []


def test_no_secret_is_in_it(system: Path) -> None:
    found = [line for name, content in contents(system) for line in secrets_in(name, content)]
    assert found == []


def test_the_mirror_it_was_made_from_is_not_in_it(system: Path) -> None:
    words = ["apt-get", "indextargets", "--format=$(SITE)"]
    said = subprocess.run(words, check=False, capture_output=True, text=True).stdout
    hosts = {found[1] for found in re.finditer(r"//(?:[^/@\s]*@)?([^/\s:]+)", said)} - {"deb.debian.org"}
    for name, content in contents(system):
        assert not [host for host in hosts if host.encode() in content], name
