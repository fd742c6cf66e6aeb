"""What is picked from a stick that anybody may have filled."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.updates import Signer, signing
from tests.system.update_scenarios import places_in, prepare_update, updater_of
from vmsd.commands.update import _offer_keys
from vmsd.update.keys import DOMAIN
from vmsd.update.stick import newest_update, replaced_keys
from vmsd.update.versions import parse_version

OLD = parse_version("0.1.0")


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"x")


def test_a_stick_for_boxes_of_both_kinds_serves_both(tmp_path: Path) -> None:
    put(tmp_path, *(f"vmsd-update-0.{minor}.0-{arch}.vmsdu" for minor in (1, 9, 10) for arch in ("amd64", "arm64")))
    for arch in ("amd64", "arm64"):
        assert newest_update(tmp_path, OLD, arch) == tmp_path / f"vmsd-update-0.10.0-{arch}.vmsdu"
    assert newest_update(tmp_path, parse_version("0.10.0"), "amd64") is None


def test_links_folders_and_other_names_are_no_updates(tmp_path: Path) -> None:
    put(tmp_path, "update.vmsdu", "vmsd-update--amd64.vmsdu", "vmsd-update-1.0-amd64.vmsdu.txt", "aim")
    (tmp_path / "vmsd-update-2.0-amd64.vmsdu").mkdir()
    (tmp_path / "vmsd-update-3.0-amd64.vmsdu").symlink_to("aim")
    os.mkfifo(tmp_path / "vmsd-update-4.0-amd64.vmsdu")
    (tmp_path / "keys.vmsdk").symlink_to("/etc/hostname")
    assert newest_update(tmp_path, OLD, "amd64") is None
    assert replaced_keys(tmp_path) == []


async def test_keys_of_yesterday_beside_an_update_do_not_stop_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stick goes from box to box, and stays in some: its keys are older than those of many."""
    await prepare_update(tmp_path)
    root, successor = Signer(tmp_path / "etc", "root-2026"), Signer(tmp_path / "s")
    root.private.unlink()
    signing.make_key(root.private, tmp_path / "other.pub")
    (tmp_path / "etc/root-2026.pub").write_bytes((tmp_path / "other.pub").read_bytes())
    files = []
    for serial in (2, 1):
        fields = {
            "format": "vmsd-update-keys-1", "serial": serial, "created": "2026-11-01T00:00:00Z",
            "release": [signing.public_bytes(successor.public).hex()],
        }  # fmt: skip
        text = json.dumps(fields).encode()
        files.append(tmp_path / f"{serial}.vmsdk")
        files[-1].write_bytes(signing.read_key(root.private).sign(DOMAIN + text) + text)
    updater = updater_of(tmp_path)
    for file in files:
        _offer_keys(updater, file)
    assert "serial 2" in capsys.readouterr().out
    refused = updater.journal.refused()
    assert refused
    assert (refused["file"], updater.keys().serial) == ("1.vmsdk", 2)
    assert places_in(tmp_path).replaced_keys.read_bytes() == files[0].read_bytes()
