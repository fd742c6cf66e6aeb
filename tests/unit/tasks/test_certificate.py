"""What browsers are shown follows the files, and nothing broken is ever shown: seen through real handshakes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from tests.unit.tasks.recording_box import DAY_MS, NOW_MS, HandClock
from vmsd.host.certificate import Subject, pem_of_key, subject_of
from vmsd.host.tls import ServedCertificate
from vmsd.tasks.certificate import CertificateFiles, CertificateTask

EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)


def signed(key, *, days: float = 90, begins_days: float = -1, serial: int = 7) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cameras.example")])
    now = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), serial)
    builder = builder.not_valid_before(now + timedelta(days=begins_days)).not_valid_after(now + timedelta(days=days))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@dataclass
class Box:
    """One life of the daemon on `folder`; another on the same folder is a restart."""

    folder: Path
    clock: HandClock = field(default_factory=HandClock)
    subject: Subject = field(default_factory=lambda: subject_of("box7", ["vmsd"], [], []))
    trusted: bool = True

    def __post_init__(self) -> None:
        self.served = ServedCertificate()
        self.files = CertificateFiles(
            self.folder / "certificate.pem", self.folder / "key.pem", self.folder / "tls" / "own"
        )
        self.task = CertificateTask(
            self.served,
            self.files,
            lambda: self.subject,
            lambda: self.clock.wall_ms() if self.trusted else None,
            self.clock,
        )

    def give(self, certificate: bytes, key: bytes) -> None:
        self.files.certificate.write_bytes(certificate)
        self.files.key.write_bytes(key)

    async def shown(self, **client) -> str:
        """The fingerprint a browser sees that connects now."""
        async with listening(self.served.context) as port:
            return (await asyncio.to_thread(handshake, port, **client))[0]


@asynccontextmanager
async def listening(context: ssl.SSLContext):
    """Says hello to everybody who gets through the handshake."""

    async def hello(_reader, writer):
        writer.write(b"hello\n")
        writer.close()

    server = await asyncio.start_server(hello, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def handshake(
    port: int,
    *,
    highest=ssl.TLSVersion.TLSv1_3,
    lowest=ssl.TLSVersion.TLSv1_2,
    ciphers: str = "",
    name: str | None = "vmsd.local",
) -> tuple[str, str, str, str | None]:
    """Fingerprint, protocol, cipher and ALPN."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.minimum_version, client.maximum_version = lowest, highest
    client.set_alpn_protocols(["h2", "http/1.1"])
    if ciphers:
        client.set_ciphers(ciphers)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        client.wrap_socket(plain, server_hostname=name) as tls,
    ):
        assert tls.read() == b"hello\n"
        certificate = tls.getpeercert(binary_form=True)
        fingerprint = sha256(certificate).digest().hex(":").upper()
        return fingerprint, tls.version(), tls.cipher()[0], tls.selected_alpn_protocol()


@pytest.fixture
async def box(tmp_path) -> Box:
    box = Box(tmp_path)
    await box.task.once()
    return box


async def test_the_first_start_shows_the_boxs_own_certificate_and_says_which(tmp_path):
    box = Box(tmp_path)
    with capture_logs() as logs:
        await box.task.once()
        await box.task.once()
    assert await box.shown() == box.served.pair.fingerprint
    (said,) = [line for line in logs if line["event"] == "certificate.served"]
    assert (said["fingerprint"], said["own"]) == (box.served.pair.fingerprint, True)


async def test_before_the_first_pass_nobody_gets_through(tmp_path):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await Box(tmp_path).shown()


async def test_a_restart_shows_the_same_certificate(box):
    again = Box(box.folder)
    await again.task.once()
    assert await again.shown() == await box.shown()


async def test_a_client_that_names_no_host_is_answered_too(box):
    assert await box.shown(name=None) == box.served.pair.fingerprint


@pytest.mark.parametrize("key", [EC_KEY, RSA_KEY], ids=["ec", "rsa"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
async def test_the_operators_certificate_is_shown_without_a_restart(box, key, version):
    async with listening(box.served.context) as port:
        before = (await asyncio.to_thread(handshake, port, highest=version))[0]
        own = (box.files.own / "certificate.pem").read_bytes()
        box.give(signed(key), pem_of_key(key))
        await box.task.once()
        after = (await asyncio.to_thread(handshake, port, highest=version))[0]
    assert before != after == box.served.pair.fingerprint
    assert not box.served.pair.made_here
    assert (box.files.own / "certificate.pem").read_bytes() == own


async def test_a_connection_that_is_open_lives_on(box):
    async def echo(reader, writer):
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    async with await asyncio.start_server(echo, "127.0.0.1", 0, ssl=box.served.context) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), ssl=client)
        box.give(signed(RSA_KEY), pem_of_key(RSA_KEY))
        await box.task.once()
        writer.write(b"still here\n")
        assert await asyncio.wait_for(reader.readline(), 10) == b"still here\n"
        writer.close()
        await writer.wait_closed()


async def test_an_operators_certificate_is_never_overwritten_or_renewed(box):
    certificate = signed(EC_KEY, days=2)
    box.give(certificate, pem_of_key(EC_KEY))
    await box.task.once()
    box.subject = subject_of("box8", [], [], [ip_address("192.0.2.9")])
    box.clock.pass_s(5 * 86_400)
    await box.task.once()
    assert box.files.certificate.read_bytes() == certificate
    assert not box.served.pair.made_here


BROKEN = {
    "another key": (signed(EC_KEY), pem_of_key(RSA_KEY), "does not belong"),
    "half a file": (signed(EC_KEY)[:300], pem_of_key(EC_KEY), "no readable PEM certificate"),
    "expired": (signed(EC_KEY, days=-0.1), pem_of_key(EC_KEY), "expired at 2026-11-21T08:36:00.000Z"),
    "too early": (signed(EC_KEY, begins_days=1), pem_of_key(EC_KEY), "valid only from"),
}


@pytest.mark.parametrize(("certificate", "key", "words"), BROKEN.values(), ids=BROKEN)
async def test_a_broken_replacement_is_refused_and_the_old_one_stays(box, certificate, key, words):
    box.give(signed(EC_KEY), pem_of_key(EC_KEY))
    await box.task.once()
    good = await box.shown()
    box.give(certificate, key)
    with capture_logs() as logs:
        await box.task.once()
        await box.task.once()
    assert await box.shown() == good
    assert words in box.served.refused
    assert [line["event"] for line in logs] == ["certificate.refused"]
    box.give(signed(EC_KEY, serial=8), pem_of_key(EC_KEY))
    await box.task.once()
    assert box.served.refused is None
    assert await box.shown() != good


async def test_a_key_too_weak_for_tls_is_refused(box):
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - on purpose
    own = await box.shown()
    box.give(signed(weak), pem_of_key(weak))
    await box.task.once()
    assert "TLS cannot use" in box.served.refused
    assert await box.shown() == own


async def test_a_start_with_a_broken_certificate_shows_the_boxs_own(box):
    own = await box.shown()
    box.give(*BROKEN["another key"][:2])
    again = Box(box.folder)
    await again.task.once()
    assert (await again.shown(), again.served.refused is None) == (own, False)


async def test_files_that_cannot_be_read_are_refused_without_saying_where(box):
    box.files.certificate.mkdir()
    await box.task.once()
    assert box.served.refused == "certificate.pem is not a file"
    assert box.served.pair.made_here


async def test_without_the_operators_files_the_box_shows_its_own_again(box):
    own = await box.shown()
    box.give(signed(EC_KEY), pem_of_key(EC_KEY))
    await box.task.once()
    box.files.certificate.unlink()
    await box.task.once()
    assert "there is a key but no certificate" in box.served.refused
    assert await box.shown() != own
    box.files.key.unlink()
    await box.task.once()
    assert box.served.refused is None
    assert await box.shown() == own


async def test_new_addresses_and_the_end_renew_the_boxs_own_without_a_restart(box):
    async with listening(box.served.context) as port:
        seen = [(await asyncio.to_thread(handshake, port))[0]]
        box.subject = subject_of("box7", ["vmsd"], [], [ip_address("192.0.2.9")])
        await box.task.once()
        seen.append((await asyncio.to_thread(handshake, port))[0])
        box.clock.pass_s(368 * 86_400)
        await box.task.once()
        seen.append((await asyncio.to_thread(handshake, port))[0])
    assert len(set(seen)) == 3
    assert ip_address("192.0.2.9") in box.served.pair.subject.addresses
    assert box.served.pair.not_after_ms > box.clock.wall + 396 * DAY_MS


async def test_a_clock_that_is_put_right_renews_what_was_made_in_1970(tmp_path):
    box = Box(tmp_path, trusted=False)
    box.clock.wall = 10_000_000
    await box.task.once()
    first = await box.shown()
    box.clock.wall = NOW_MS
    await box.task.once()
    assert await box.shown() == first
    box.trusted = True
    await box.task.once()
    assert await box.shown() != first
    assert box.served.pair.not_after_ms > NOW_MS + 396 * DAY_MS


async def test_the_end_of_an_operators_certificate_is_said_at_30_7_1_and_0_days(box):
    box.give(signed(EC_KEY, days=32), pem_of_key(EC_KEY))
    with capture_logs() as logs:
        for _ in range(33 * 4):
            await box.task.once()
            box.clock.pass_s(86_400 / 4)
    assert [line["within_days"] for line in logs if line["event"] == "certificate.expires"] == [30, 7, 1, 0]
    assert await box.shown() == box.served.pair.fingerprint


@pytest.mark.parametrize(
    "ciphers", ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-CCM"]
)
async def test_ciphers_without_forward_secrecy_and_authentication_are_refused(box, ciphers):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await box.shown(highest=ssl.TLSVersion.TLSv1_2, ciphers=ciphers)


@pytest.mark.parametrize("ciphers", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"])
async def test_ciphers_with_both_are_spoken(box, ciphers):
    assert await box.shown(highest=ssl.TLSVersion.TLSv1_2, ciphers=ciphers) == box.served.pair.fingerprint


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["1.0", "1.1"])
async def test_older_protocols_are_refused(box, version):
    """The same client gets through to a server that speaks them: it is our refusal that is seen."""
    old = {"lowest": version, "highest": version, "ciphers": "ALL:@SECLEVEL=0"}
    lax = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    lax.minimum_version = ssl.TLSVersion.TLSv1
    lax.set_ciphers("ALL:@SECLEVEL=0")
    lax.load_cert_chain(box.files.own / "certificate.pem", box.files.own / "key.pem")
    async with listening(lax) as port:
        assert await asyncio.to_thread(handshake, port, **old)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await box.shown(**old)


async def test_http_1_1_is_negotiated(box):
    async with listening(box.served.context) as port:
        assert (await asyncio.to_thread(handshake, port))[3] == "http/1.1"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
async def test_no_ticket_is_handed_out_and_nothing_is_compressed(box, version):
    async with listening(box.served.context) as port:
        session, compression = await asyncio.to_thread(session_of, port, version)
    assert session is None or not session.has_ticket
    assert compression is None


def session_of(port: int, version: ssl.TLSVersion) -> tuple[ssl.SSLSession | None, str | None]:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.minimum_version = client.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        client.wrap_socket(plain) as tls,
    ):
        assert tls.read() == b"hello\n"
        return tls.session, tls.compression()
