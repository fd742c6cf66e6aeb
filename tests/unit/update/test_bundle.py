"""Nothing is believed of an update but what a trusted key has signed."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.updates import Signer, signing
from vmsd.errors import BadSetting, Invalid
from vmsd.update import container
from vmsd.update import keys as update_keys
from vmsd.update.bundle import check_payloads, opened_bundle, unpack
from vmsd.update.keys import load_trusted, take_replacement
from vmsd.update.manifest import DOMAIN


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path / "keys")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "package").write_bytes(b"a package" * 70)
    (tmp_path / "image").write_bytes(bytes(300_000) + b"a root file system" * 1000)
    return {"deb": tmp_path / "package", "root": tmp_path / "image"}


def read_whole(file: Path, signer: Signer) -> dict[str, bytes]:
    with opened_bundle(file, signer.trusted()) as bundle:
        check_payloads(bundle)
        found = {}
        for one in bundle.manifest.payloads:
            pieces: list[bytes] = []
            unpack(bundle, one, pieces.append)
            found[one.kind] = b"".join(pieces)
        return found


def test_what_was_signed_is_what_comes_out(signer: Signer, files: dict[str, Path], tmp_path: Path) -> None:
    file = signer.release(tmp_path / "out", files)
    assert file.name == "vmsd-update-0.2.0-amd64.vmsdu"
    assert read_whole(file, signer) == {kind: path.read_bytes() for kind, path in files.items()}
    with tarfile.open(file) as tar:
        assert [one.name for one in tar] == [
            "manifest.json", "manifest.sig", "vmsd_0.2.0_amd64.deb", "vmsd_0.2.0_amd64.ext4.xz",
        ]  # fmt: skip
    assert file.read_bytes() == signer.release(tmp_path / "again", files).read_bytes(), "the same bytes again"


def test_a_flipped_byte_anywhere_is_refused(signer: Signer, files: dict[str, Path], tmp_path: Path) -> None:
    files["root"].write_bytes(b"short")
    file = signer.release(tmp_path / "out", files)
    good = file.read_bytes()
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 1 << place % 8
        file.write_bytes(bad)
        with pytest.raises(Invalid):
            read_whole(file, signer)
    for length in range(0, len(good), 97):
        file.write_bytes(good[:length])
        with pytest.raises(Invalid):
            read_whole(file, signer)
    file.write_bytes(good + b"\0")
    with pytest.raises(Invalid):
        read_whole(file, signer)


def test_a_signature_of_something_else_or_somebody_else_counts_for_nothing(
    signer: Signer, files: dict[str, Path], tmp_path: Path
) -> None:
    stranger = Signer(tmp_path / "stranger")
    with pytest.raises(Invalid, match="not signed by anybody"):
        read_whole(stranger.release(tmp_path / "out", files), signer)
    file = signer.release(tmp_path / "out2", files)
    raw = file.read_bytes()
    size = int(raw[124:135], 8)
    text, at = raw[512 : 512 + size], 512 + -(-size // 512) * 512 + 512
    key = signing.read_key(signer.private)
    for signature in (key.sign(text), key.sign(update_keys.DOMAIN + text)):
        file.write_bytes(raw[:at] + signature + raw[at + 64 :])
        with pytest.raises(Invalid, match="not signed by anybody"):
            read_whole(file, signer)
    file.write_bytes(raw[:at] + key.sign(DOMAIN + text) + raw[at + 64 :])
    read_whole(file, signer)


def test_a_payload_that_grows_beyond_what_was_signed_is_cut_off(
    signer: Signer, files: dict[str, Path], tmp_path: Path
) -> None:
    """A signed bomb: even the signer's own mistake cannot fill a box."""
    files["root"].write_bytes(bytes(50_000_000))
    with opened_bundle(signer.release(tmp_path / "out", files), signer.trusted()) as bundle:
        payload = bundle.manifest.payload("root").model_copy(update={"unpacked_size": 10_000_000})
        taken = 0

        def count(data: bytes) -> None:
            nonlocal taken
            taken += len(data)

        with pytest.raises(Invalid, match="larger than was signed"):
            unpack(bundle, payload, count)
        assert taken <= payload.unpacked_size


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"PK\x03\x04", b"x" * 100_000])
def test_what_is_no_update_is_refused(signer: Signer, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.vmsdu").write_bytes(content)
    with pytest.raises(Invalid, match="no update"):
        read_whole(tmp_path / "x.vmsdu", signer)


def test_a_root_key_replaces_release_keys_and_older_replacements_are_refused(
    signer: Signer, files: dict[str, Path], tmp_path: Path
) -> None:
    root, successor, mine = Signer(tmp_path / "keys", "root-2026"), Signer(tmp_path / "s"), Signer(tmp_path / "own")
    kept, none = tmp_path / "kept.vmsdk", tmp_path / "none"
    trusted = load_trusted(signer.folder, mine.folder, none)
    assert (len(trusted.release), len(trusted.root), len(trusted.own)) == (1, 1, 1)
    first, second = (replacement(tmp_path, root, successor, serial) for serial in (3, 4))
    with pytest.raises(Invalid, match="not signed by a root key"):
        take_replacement(replacement(tmp_path, signer, successor, 9), trusted, kept)
    take_replacement(second, trusted, kept)
    now = load_trusted(signer.folder, mine.folder, kept)
    with pytest.raises(Invalid, match="older"):
        take_replacement(first, now, kept)
    old, new, own = (
        one.release(tmp_path / f"o{number}", files) for number, one in enumerate((signer, successor, mine))
    )
    for good in (new, own):
        with opened_bundle(good, now):
            pass
    with pytest.raises(Invalid), opened_bundle(old, now):
        pass
    kept.write_bytes(kept.read_bytes()[:-1] + b" ")
    assert load_trusted(signer.folder, mine.folder, kept) == trusted, "a damaged one counts for nothing"


def replacement(folder: Path, root: Signer, successor: Signer, serial: int) -> Path:
    raw = hashlib.sha256(str((root, serial)).encode()).hexdigest()
    fields = {
        "format": "vmsd-update-keys-1", "serial": serial, "created": "2026-11-01T00:00:00Z",
        "release": [signing.public_bytes(successor.public).hex()],
    }  # fmt: skip
    text = json.dumps(fields).encode()
    file = folder / f"{raw}.vmsdk"
    file.write_bytes(signing.read_key(root.private).sign(update_keys.DOMAIN + text) + text)
    return file


def test_a_stick_that_says_something_else_when_asked_again_replaces_no_keys(
    signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept is what was checked: else the box would go back to the keys it came with, stolen ones maybe."""
    root, successor = Signer(tmp_path / "keys", "root-2026"), Signer(tmp_path / "s")
    kept, none = tmp_path / "kept.vmsdk", tmp_path / "none"
    file = replacement(tmp_path, root, successor, 3)
    good, reads = file.read_bytes(), []
    opened = Path.open

    def swapped(self: Path, *words: Any, **more: Any) -> Any:
        if self == file:
            reads.append(self)
            if len(reads) > 1:
                return io.BytesIO(b"x" * 100)
        return opened(self, *words, **more)

    monkeypatch.setattr(Path, "open", swapped)
    take_replacement(file, load_trusted(signer.folder, none, none), kept)
    assert kept.read_bytes() == good
    assert load_trusted(signer.folder, none, kept).serial == 3


@pytest.mark.parametrize("length", [0, 1, 63])
def test_a_signature_of_another_length_is_none(
    signer: Signer, files: dict[str, Path], tmp_path: Path, length: int
) -> None:
    file = signer.release(tmp_path / "out", files)
    raw = file.read_bytes()
    at = 512 + -(-int(raw[124:135], 8) // 512) * 512
    short = raw[at + 512 : at + 512 + length]
    middle = container.header("manifest.sig", length) + short + container.padding(length)
    file.write_bytes(raw[:at] + middle + raw[at + 1024 :])
    with pytest.raises(Invalid, match="not signed by anybody"):
        read_whole(file, signer)


def test_a_file_among_the_keys_that_is_none_is_named(signer: Signer) -> None:
    (signer.folder / "other.pub").write_text("nonsense")
    with pytest.raises(BadSetting, match=r"other\.pub"):
        signer.trusted()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_key_that_openssl_made_is_as_good(files: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "ssl"
    folder.mkdir()
    words = [["genpkey", "-algorithm", "ed25519", "-out", "release.key"], ["pkey", "-in", "release.key", "-pubout"]]
    subprocess.run(["openssl", *words[0]], cwd=folder, check=True)
    subprocess.run(["openssl", *words[1], "-out", "release.pub"], cwd=folder, check=True)
    signer = object.__new__(Signer)
    object.__setattr__(signer, "folder", folder)
    object.__setattr__(signer, "name", "release")
    assert read_whole(signer.release(tmp_path / "out", files), signer)["deb"] == files["deb"].read_bytes()
