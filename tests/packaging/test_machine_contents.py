"""What is in the package, byte by byte: no key, no password of anybody, and nothing that is the same on every box."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.scan import PLAIN, contents, secrets_in

pytestmark = [pytest.mark.timeout(600)]

EXAMPLES = re.compile(
    rb"//[\w.-]+:(?:pass|password|senha|secret|p|PASSWORD|passwd|bar|guest|a|b|\.\.\.|\*+)@"
    rb"|argon2_cffi-[\d.]+\.dist-info/METADATA: a hashed password"
    rb"|libgnutls-\w+\.so[\d.]+: a private key"
)
"""How a documentation writes an address with a password or a hash, and the published keys GnuTLS tests itself with."""
NAMED = re.compile(r"\{\{|\$|^LoadCredential")
"""Where a password is to be put in, or which one is meant."""
SETTINGS = (".toml", ".yml", ".yaml", ".conf", ".service", ".mount", ".rules", ".sh", ".j2", ".ini")


@pytest.fixture(scope="module")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package") / "root"
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder], check=True)
    return folder


def test_nobodys_secret_is_in_the_package(unpacked: Path) -> None:
    found = [line for name, content in contents(unpacked) for line in secrets_in(name, content)]
    assert [line for line in found if not EXAMPLES.search(line.encode())] == []


def test_the_modules_of_the_program_are_looked_into(unpacked: Path) -> None:
    """Else the test above would prove nothing."""
    inside = [content for name, content in contents(unpacked) if name.startswith("usr/lib/vmsd/vmsd!")]
    assert len(inside) > 1000
    assert any(b"the key beside the database is not the one" in content for content in inside)


def test_no_setting_of_the_package_is_a_password(unpacked: Path) -> None:
    found = [
        (name, match[0].decode(errors="replace"))
        for name, content in plain_texts(unpacked)
        for match in PLAIN.finditer(content)
    ]
    assert [one for one in found if not NAMED.search(one[1])] == []


def plain_texts(root: Path) -> Iterator[tuple[str, bytes]]:
    for name, content in contents(root):
        if name.endswith(SETTINGS) or name.startswith("etc/"):
            yield name, content


def test_nothing_of_the_package_is_anybody_elses_to_write_or_more_than_a_program(unpacked: Path) -> None:
    modes = {str(file.relative_to(unpacked)): file.lstat().st_mode & 0o7777 for file in unpacked.rglob("*")}
    links = {str(file.relative_to(unpacked)) for file in unpacked.rglob("*") if file.is_symlink()}
    assert [name for name, mode in modes.items() if mode & 0o6022 and name not in links] == []
