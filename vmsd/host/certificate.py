"""A certificate and its key: made by the box itself or given by the operator, checked before it is served."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vmsd.errors import Invalid
from vmsd.host.reach import Address

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

DAY_MS = 86_400_000
VALID_DAYS = 397
"""Browsers accept no certificate that is valid for more than 398."""
SKEW = timedelta(hours=1)
"""How far behind ours a browser's clock may be."""
WARN_DAYS = (1, 7, 30)
CURVES = frozenset({"secp256r1", "secp384r1"})
"""What every browser knows."""
MARK = "made by this box"
"""The organizational unit of what the box made itself: what does not carry it is never overwritten."""
NAME_CHARACTERS = 64
"""Of a common name; RFC 5280, ub-common-name."""
FILE_BYTES = 256 * 1024
HOST_NAME = re.compile(r"(?!.{254})([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
LOOPBACK = (ip_address("127.0.0.1"), ip_address("::1"))


@dataclass(frozen=True)
class Subject:
    """Whom a certificate names."""

    names: tuple[str, ...]
    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class Pair:
    """A key and its certificates that belong together; `pem` is the key, then the chain, leaf first."""

    pem: bytes = field(repr=False)
    leaf: x509.Certificate

    @property
    def made_here(self) -> bool:
        """Self-signed, with the box's mark."""
        marks = self.leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
        try:
            self.leaf.verify_directly_issued_by(self.leaf)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return any(mark.value == MARK for mark in marks)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, written as browsers show it."""
        return self.leaf.fingerprint(hashes.SHA256()).hex(":").upper()

    @property
    def key_pin(self) -> str:
        """SHA-256 of the public key in base64: stays the same when the box renews its certificate."""
        key = self.leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(sha256(key).digest()).decode()

    @property
    def not_before_ms(self) -> int:
        return round(self.leaf.not_valid_before_utc.timestamp() * 1000)

    @property
    def not_after_ms(self) -> int:
        return round(self.leaf.not_valid_after_utc.timestamp() * 1000)

    @property
    def subject(self) -> Subject:
        try:
            names = self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return Subject((), ())
        addresses = names.get_values_for_type(x509.IPAddress)
        return Subject(
            tuple(names.get_values_for_type(x509.DNSName)),
            tuple(one for one in addresses if isinstance(one, Address)),
        )

    def expires_within_days(self, now_ms: int) -> int | None:
        """The smallest of `WARN_DAYS` it has not more left than; 0 once expired, None while there is time."""
        left_ms = self.not_after_ms - now_ms
        if left_ms <= 0:
            return 0
        return next((days for days in WARN_DAYS if left_ms <= days * DAY_MS), None)


def subject_of(
    host_name: str, local_names: Sequence[str], names: Sequence[str], addresses: Sequence[Address]
) -> Subject:
    """Whom the box's own certificate names; `local_names` are given without `.local`.

    A name that cannot stand in a certificate is left out.
    """
    short = host_name.partition(".")[0]
    wanted = [host_name, f"{short}.local", *(f"{name}.local" for name in local_names), *names, "localhost"]
    good = [name for name in map(str.lower, wanted) if HOST_NAME.fullmatch(name)]
    return Subject(tuple(dict.fromkeys(good)), tuple(dict.fromkeys((*addresses, *LOOPBACK))))


def find_pair(certificate: Path, key: Path) -> Pair | None:
    """None when neither file is there; `Invalid` says what is wrong with them. Blocks on the disk."""
    chain_pem, key_pem = _find(certificate), _find(key)
    if chain_pem is None and key_pem is None:
        return None
    if chain_pem is None:
        raise Invalid("there is a key but no certificate")
    if key_pem is None:
        raise Invalid("there is a certificate but no key")
    return parse_pair(chain_pem, key_pem)


def parse_pair(chain_pem: bytes, key_pem: bytes) -> Pair:
    """`Invalid` unless browsers can use them; whether they are valid now is not looked at."""
    key = parse_key(key_pem)
    try:
        chain = x509.load_pem_x509_certificates(chain_pem)
        belongs = key.public_key() == chain[0].public_key()
        serves = _may_serve(chain[0])
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Invalid("the certificate file holds no readable PEM certificate") from error
    if not belongs:
        raise Invalid("the key does not belong to the first certificate of the file")
    if not serves:
        raise Invalid("the certificate is not one for a server")
    return Pair(pem_of_key(key) + b"".join(one.public_bytes(Encoding.PEM) for one in chain), chain[0])


def parse_key(pem: bytes) -> PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise Invalid("the key is protected by a password") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Invalid("the key file holds no readable PEM key") from error
    if isinstance(key, rsa.RSAPrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return key
    raise Invalid("browsers know RSA, P-256 and P-384 keys only")


def pem_of_key(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make_certificate(key: PrivateKey, subject: Subject, now_ms: int) -> bytes:
    """A self-signed one in PEM, valid from now for `VALID_DAYS`."""
    begins = datetime.fromtimestamp(now_ms // 1000, UTC) - SKEW
    name = _marked(subject.names[0])
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign",
         "crl_sign", "encipher_only", "decipher_only"), False,
    )  # fmt: skip
    alternatives = [
        *(x509.DNSName(one) for one in subject.names),
        *(x509.IPAddress(one) for one in subject.addresses),
    ]
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM)


def _marked(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "vmsd"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, MARK),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name[:NAME_CHARACTERS]),
        ]
    )


def _may_serve(leaf: x509.Certificate) -> bool:
    """ValueError for extensions that make no sense."""
    try:
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.SERVER_AUTH in uses or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in uses


def _find(file: Path) -> bytes | None:
    """OSError for anything but a file or nothing there."""
    try:
        if not file.is_file():
            if file.exists():
                raise Invalid(f"{file.name} is not a file")
            return None
        with file.open("rb") as opened:
            return opened.read(FILE_BYTES)
    except FileNotFoundError:
        return None
