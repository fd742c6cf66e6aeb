"""Boxes made of the disk image; only where `VMSD_TEST_IMAGE=1` asks: it takes many minutes, QEMU, and root."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.packaging.image.machine import Machine

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("VMSD_TEST_IMAGE_BUILD", ROOT / "build/image"))
"""Where `make image` has left the image and the root file system."""
KEY = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
SITE = f"""\
[site]
name = "Local de teste"

[city]
name = "Cidade de Teste"
plan = "basic"

[admin]
name = "admin"
password = "{{password}}"

[ssh]
key = "{KEY} teste"
"""
PASSWORD = "pedra azul no caminho 7"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("VMSD_TEST_IMAGE") == "1":
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="takes many minutes, QEMU and root: VMSD_TEST_IMAGE=1 asks for it"))


@pytest.fixture(scope="session")
def image() -> Path:
    found = sorted(BUILD.glob("vmsd-appliance-*.img"), key=lambda one: one.stat().st_mtime)
    assert found, "make image comes first"
    return found[-1]


@pytest.fixture(scope="session")
def root_file_system() -> Path:
    """What updates write to a slot."""
    return BUILD / "root.ext4"


@pytest.fixture(scope="module")
def new_machine(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Machine]]:
    """Makes boxes that were never started; they are gone when the tests of the module are."""
    made: list[Machine] = []

    def make(**given: float) -> Machine:
        made.append(Machine(image, tmp_path_factory.mktemp("box"), **given))  # type: ignore[arg-type]
        return made[-1]

    try:
        yield make
    finally:
        for one in made:
            one.close()


@pytest.fixture(scope="session")
def figures() -> Iterator[Callable[[str, float], None]]:
    """Said at the end, for whoever compares machines and versions."""
    told: list[str] = []

    def tell(what: str, seconds: float) -> None:
        told.append(f"{what}: {seconds:.0f} s")

    yield tell
    print("\n" + "\n".join(told))
