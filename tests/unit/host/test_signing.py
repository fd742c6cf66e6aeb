"""The box's signing key is made once, is nobody else's to read, and another key in its place is refused."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)

from vmsd.errors import BadSetting
from vmsd.host.signing import load_box_key


def pem_of(private, encryption=NoEncryption()) -> bytes:  # noqa: B008 - it holds nothing
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def test_the_key_is_made_once_and_stays(tmp_path):
    first, second = load_box_key(tmp_path), load_box_key(tmp_path)
    assert first.fingerprint == second.fingerprint
    assert second.signed(b"text", first.sign(b"text"))


def test_each_box_has_its_own_key(tmp_path):
    one, other = load_box_key(tmp_path / "one"), load_box_key(tmp_path / "other")
    assert one.fingerprint != other.fingerprint
    assert not other.signed(b"text", one.sign(b"text"))
    assert not one.signed(b"another text", one.sign(b"text"))
    assert not one.signed(b"text", b"")


def test_only_its_owner_may_read_the_key(tmp_path):
    load_box_key(tmp_path)
    file = tmp_path / "keys" / "signing.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    file.chmod(0o644)
    load_box_key(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600


def test_nothing_else_is_left_in_the_folder(tmp_path):
    load_box_key(tmp_path)
    assert [file.name for file in (tmp_path / "keys").iterdir()] == ["signing.key"]


def test_all_who_start_at_once_get_the_same_key(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: load_box_key(tmp_path), range(8)))
    assert len({key.fingerprint for key in keys}) == 1


def test_the_fingerprint_is_the_hash_of_the_public_key(tmp_path):
    key = load_box_key(tmp_path)
    raw = load_pem_public_key(key.public_pem.encode()).public_bytes_raw()
    assert raw == key.public_key
    assert key.fingerprint == hashlib.sha256(raw).hexdigest()


def test_a_credential_takes_the_place_of_the_file(tmp_path, monkeypatch):
    private = Ed25519PrivateKey.generate()
    (tmp_path / "signing.key").write_bytes(pem_of(private))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    key = load_box_key(tmp_path / "data")
    assert key.public_key == private.public_key().public_bytes_raw()
    assert not Path(tmp_path / "data" / "keys" / "signing.key").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no key",
        bytes(32),
        pem_of(generate_private_key(SECP256R1())),
        pem_of(Ed25519PrivateKey.generate(), BestAvailableEncryption(b"password")),
    ],
)
def test_what_is_no_ed25519_key_keeps_the_daemon_from_starting(tmp_path, content: bytes):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "signing.key").write_bytes(content)
    with pytest.raises(BadSetting, match=r"signing\.key"):
        load_box_key(tmp_path)


def test_the_private_half_is_never_printed(tmp_path):
    key = load_box_key(tmp_path)
    assert repr(key) == f"BoxKey({key.fingerprint})"
