"""What the box makes is what browsers accept; what cannot be served is refused with a reason."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.unit.tasks.recording_box import DAY_MS, NOW_MS
from vmsd.errors import Invalid
from vmsd.host.certificate import Subject, find_pair, make_certificate, parse_pair, pem_of_key, subject_of
from vmsd.host.own_certificate import CERTIFICATE, FORMER_ADDRESSES, KEY, OwnCertificate

if TYPE_CHECKING:
    from pathlib import Path

HOME = subject_of("box7", ["vmsd"], [], [ip_address("192.0.2.7"), ip_address("fd00::7")])


def moved(*addresses: str) -> Subject:
    return subject_of("box7", ["vmsd"], [], [ip_address(one) for one in addresses])


def own(folder: Path) -> OwnCertificate:
    return OwnCertificate(folder / "tls" / "own")


def key_pem(key, encryption=None) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def certificate_of(key, *, use=None, names=("cidade.example",)) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    begins = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(begins).not_valid_after(begins + timedelta(days=90))
    if use is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM)


def openssl(*words: str, given: bytes) -> str:
    return subprocess.run(["openssl", *words], input=given, capture_output=True, check=True, timeout=20).stdout.decode()


def test_the_box_names_its_names_and_addresses_for_397_days(tmp_path):
    pair = own(tmp_path).keep(HOME, NOW_MS, clock_trusted=True)
    assert set(pair.subject.names) == {"box7", "box7.local", "vmsd.local", "localhost"}
    assert set(map(str, pair.subject.addresses)) == {"192.0.2.7", "fd00::7", "127.0.0.1", "::1"}
    assert pair.not_after_ms - pair.not_before_ms == 397 * DAY_MS
    assert pair.not_before_ms == NOW_MS - 3_600_000
    assert pair.made_here


def test_openssl_reads_the_certificate_as_we_meant_it(tmp_path):
    pair = own(tmp_path).keep(HOME, NOW_MS, clock_trusted=True)
    text = openssl("x509", "-noout", "-text", "-fingerprint", "-sha256", given=pair.pem)
    for fact in ("prime256v1", "CA:FALSE", "TLS Web Server Authentication", "DNS:vmsd.local", "IP Address:192.0.2.7",
                 "Digital Signature", "ecdsa-with-SHA256", f"sha256 Fingerprint={pair.fingerprint}"):  # fmt: skip
        assert fact in text


def test_the_key_pin_is_what_curl_pins(tmp_path):
    pair = own(tmp_path).keep(HOME, NOW_MS, clock_trusted=True)
    public = openssl("x509", "-noout", "-pubkey", given=pair.pem)
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "der"], input=public.encode(), capture_output=True, check=True
    ).stdout
    digest = subprocess.run(["openssl", "dgst", "-sha256", "-binary"], input=der, capture_output=True, check=True)
    encoded = subprocess.run(["openssl", "base64"], input=digest.stdout, capture_output=True, check=True)
    assert encoded.stdout.decode().strip() == pair.key_pin


def test_the_key_is_readable_by_the_daemon_alone(tmp_path):
    own(tmp_path).keep(HOME, NOW_MS, clock_trusted=True)
    folder = tmp_path / "tls" / "own"
    assert (folder / KEY).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == folder.parent.stat().st_mode & 0o777 == 0o700
    assert sorted(file.name for file in folder.iterdir()) == [CERTIFICATE, KEY]


def test_a_key_that_others_may_read_is_closed_again(tmp_path):
    own(tmp_path).keep(HOME, NOW_MS, clock_trusted=True)
    key = tmp_path / "tls" / "own" / KEY
    key.chmod(0o644)
    own(tmp_path).keep(HOME, NOW_MS, clock_trusted=True)
    assert key.stat().st_mode & 0o777 == 0o600


def test_two_starts_keep_the_same_pair(tmp_path):
    first = own(tmp_path).keep(HOME, NOW_MS, clock_trusted=True)
    assert own(tmp_path).keep(HOME, NOW_MS + 300 * DAY_MS, clock_trusted=True).pem == first.pem


def test_a_start_that_stopped_after_the_key_goes_on_with_it(tmp_path):
    first = own(tmp_path).keep(HOME, NOW_MS, clock_trusted=True)
    (tmp_path / "tls" / "own" / CERTIFICATE).unlink()
    again = own(tmp_path).keep(HOME, NOW_MS, clock_trusted=True)
    assert (again.key_pin, again.fingerprint == first.fingerprint) == (first.key_pin, False)


@pytest.mark.parametrize(
    ("subject", "days", "renewed"),
    [
        (HOME, 366, False),
        (HOME, 368, True),
        (HOME, 500, True),
        (HOME, -2, True),
        (moved("192.0.2.7"), 1, False),
        (moved("192.0.2.8"), 1, True),
        (subject_of("box8", ["vmsd"], [], []), 1, True),
        (subject_of("box7", ["vmsd"], ["cameras.example"], []), 1, True),
    ],
)
def test_it_is_renewed_when_it_ends_or_the_box_is_elsewhere(tmp_path, subject, days, renewed):
    first = own(tmp_path).keep(HOME, NOW_MS, clock_trusted=True)
    now = own(tmp_path).keep(subject, NOW_MS + days * DAY_MS, clock_trusted=True)
    assert (now.fingerprint != first.fingerprint) is renewed
    assert now.key_pin == first.key_pin
    assert own(tmp_path).keep(subject, NOW_MS + days * DAY_MS, clock_trusted=True).pem == now.pem


def test_a_clock_nobody_trusts_renews_nothing(tmp_path):
    first = own(tmp_path).keep(HOME, NOW_MS, clock_trusted=False)
    assert own(tmp_path).keep(moved("192.0.2.8"), NOW_MS + 9999 * DAY_MS, clock_trusted=False).pem == first.pem


def test_an_address_that_comes_and_goes_renews_once(tmp_path):
    keeper, seen = own(tmp_path), set()
    for number in range(10):
        seen.add(keeper.keep(moved(f"192.0.2.{7 + number % 2}"), NOW_MS, clock_trusted=True).fingerprint)
    assert len(seen) == 2


def test_former_addresses_are_not_kept_without_end(tmp_path):
    for number in range(40):
        pair = own(tmp_path).keep(moved(f"192.0.2.{number}"), NOW_MS, clock_trusted=True)
    assert len(pair.subject.addresses) == 3 + FORMER_ADDRESSES
    assert ip_address("192.0.2.39") in pair.subject.addresses


@pytest.mark.parametrize("spoilt", [CERTIFICATE, KEY])
def test_what_cannot_be_read_is_set_aside_and_made_anew(tmp_path, spoilt):
    first = own(tmp_path).keep(HOME, NOW_MS, clock_trusted=True)
    (tmp_path / "tls" / "own" / spoilt).write_bytes(b"\0" * 512)
    again = own(tmp_path).keep(HOME, NOW_MS, clock_trusted=True)
    assert again.key_pin != first.key_pin
    assert (tmp_path / "tls" / f"own-aside-{NOW_MS}" / spoilt).read_bytes() == b"\0" * 512


def test_what_somebody_put_into_the_boxs_own_folder_is_never_overwritten(tmp_path):
    own(tmp_path).keep(HOME, NOW_MS, clock_trusted=True)
    key = ec.generate_private_key(ec.SECP256R1())
    folder = tmp_path / "tls" / "own"
    (folder / KEY).write_bytes(key_pem(key))
    (folder / CERTIFICATE).write_bytes(certificate_of(key))
    assert own(tmp_path).keep(HOME, NOW_MS, clock_trusted=True).made_here
    aside = tmp_path / "tls" / f"own-aside-{NOW_MS}"
    assert (aside / KEY).read_bytes() == key_pem(key)


def test_the_mark_alone_makes_nothing_ours(tmp_path):
    pair = own(tmp_path).keep(HOME, NOW_MS, clock_trusted=True)
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(pair.leaf.subject, pair.leaf.subject, key.public_key(), 5)
    begins = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    signed = builder.not_valid_before(begins).not_valid_after(begins + timedelta(1)).sign(authority, hashes.SHA256())
    assert not parse_pair(signed.public_bytes(Encoding.PEM), key_pem(key)).made_here


def test_names_that_cannot_stand_in_a_certificate_are_left_out():
    subject = subject_of("Box_7 ç", ["vmsd"], ["a..b", "*.x", "x" * 64, "Cameras.Example"], [])
    assert subject.names == ("vmsd.local", "cameras.example", "localhost")


@pytest.mark.parametrize(
    ("key", "use", "words"),
    [
        (ec.generate_private_key(ec.SECP384R1()), ExtendedKeyUsageOID.SERVER_AUTH, None),
        (rsa.generate_private_key(65537, 2048), None, None),
        (ec.generate_private_key(ec.SECP521R1()), None, "RSA, P-256 and P-384"),
        (ed25519.Ed25519PrivateKey.generate(), None, "RSA, P-256 and P-384"),
        (dsa.generate_private_key(2048), None, "RSA, P-256 and P-384"),
        (ec.generate_private_key(ec.SECP256R1()), ExtendedKeyUsageOID.CLIENT_AUTH, "not one for a server"),
    ],
    ids=["p384", "rsa", "p521", "ed25519", "dsa", "client"],
)
def test_only_keys_and_uses_browsers_know_are_taken(key, use, words):
    if words is None:
        assert not parse_pair(certificate_of(key, use=use), key_pem(key)).made_here
        return
    with pytest.raises(Invalid, match=words):
        parse_pair(certificate_of(key, use=use), key_pem(key))


KEY_ONE, KEY_TWO = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        (certificate_of(KEY_ONE), key_pem(KEY_TWO), "does not belong"),
        (certificate_of(KEY_ONE)[:200], key_pem(KEY_ONE), "no readable PEM certificate"),
        (b"", key_pem(KEY_ONE), "no readable PEM certificate"),
        (b"\xff" * 9000, key_pem(KEY_ONE), "no readable PEM certificate"),
        (certificate_of(KEY_ONE), b"", "no readable PEM key"),
        (certificate_of(KEY_ONE), key_pem(KEY_ONE)[:90], "no readable PEM key"),
        (certificate_of(KEY_ONE), key_pem(KEY_ONE, BestAvailableEncryption(b"segredo")), "password"),
        (certificate_of(KEY_ONE), None, "no key"),
        (None, key_pem(KEY_ONE), "no certificate"),
    ],
    ids=["other", "cut", "none", "noise", "no_key", "cut_key", "locked", "alone", "key_alone"],
)
def test_a_broken_pair_is_refused_and_its_words_name_no_place(tmp_path, certificate, key, words):
    for name, content in (("site.pem", certificate), ("site.key", key)):
        if content is not None:
            (tmp_path / name).write_bytes(content)
    with pytest.raises(Invalid, match=words) as refused:
        find_pair(tmp_path / "site.pem", tmp_path / "site.key")
    assert str(tmp_path) not in str(refused.value)


def test_no_files_are_no_pair(tmp_path):
    assert find_pair(tmp_path / "site.pem", tmp_path / "site.key") is None


def test_the_whole_chain_is_kept_leaf_first():
    made = make_certificate(KEY_TWO, HOME, NOW_MS)
    pair = parse_pair(certificate_of(KEY_ONE) + made, key_pem(KEY_ONE))
    assert (
        pair.pem == pem_of_key(KEY_ONE) + x509.load_pem_x509_certificates(pair.pem)[0].public_bytes(Encoding.PEM) + made
    )
    assert "PRIVATE" not in repr(pair)


@pytest.mark.parametrize(
    ("days", "stage"), [(31, None), (30, 30), (8, 30), (7, 7), (2, 7), (1, 1), (0.5, 1), (0, 0), (-9, 0)]
)
def test_the_end_is_foretold_at_30_7_and_1_days(tmp_path, days, stage):
    pair = own(tmp_path).keep(HOME, NOW_MS, clock_trusted=True)
    assert pair.expires_within_days(pair.not_after_ms - round(days * DAY_MS)) == stage
