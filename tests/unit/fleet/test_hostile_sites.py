"""Sites that lie, clocks that are wrong and terminals that are small: what the office must still be told."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.fleet_sites import TOKEN, signed_by, status_of
from tests.support.ports import free_port
from tests.unit.fleet.test_fleet import shows
from vmsd.fleet import certificate
from vmsd.fleet.finding import amber, red
from vmsd.fleet.memory import Remembered
from vmsd.fleet.page import page_of
from vmsd.fleet.rounds import Report, Round
from vmsd.fleet.sites import Site, Sites, as_targets, read_sites
from vmsd.fleet.table import print_round
from vmsd.fleet.trust import Trusted, read_trusted
from vmsd.host.certificate import Subject, make_certificate
from vmsd.host.signing import BoxKey

NOW_MS = 1_795_258_800_000
DAY_MS = 86_400_000
KEY = BoxKey(Ed25519PrivateKey.generate())
UNTRUSTED = {"trusted": False, "synchronised": False, "reason": "in_the_past"}


def site(name: str, url: str = "https://10.0.0.1", key: bytes = b"k" * 32) -> Site:
    return Site(name, url, TOKEN, None, key, None, None, 1, 0.98)


def read(made_ms: int, known: Remembered | None, now_ms: int = NOW_MS, **changes: Any) -> Trusted:
    status = status_of(KEY, made_ms, **changes)
    return read_trusted(json.dumps(signed_by(KEY, status)).encode(), None, known, now_ms, 300)


def codes(trusted: Trusted) -> list[str]:
    return [one.code for one in trusted.findings]


def test_a_box_that_wakes_up_in_1970_is_not_called_a_replay_and_a_replay_after_it_is() -> None:
    known = read(NOW_MS, None).remembered
    awake = read(5000, known, NOW_MS + 60_000, clock=UNTRUSTED)
    assert codes(awake) == []  # its clock has a line of its own
    assert awake.remembered.made_ms == known.made_ms
    assert codes(read(NOW_MS - 1000, awake.remembered, NOW_MS + 120_000)) == ["replayed"]


def test_a_box_whose_clock_was_years_ahead_is_believed_again_once_it_is_right() -> None:
    ahead = read(NOW_MS + 3650 * DAY_MS, None)
    assert codes(ahead) == ["first", "ahead"]
    assert codes(read(NOW_MS + 600_000, ahead.remembered, NOW_MS + 600_000)) == []


def test_a_lie_goes_before_a_hundred_dead_sites() -> None:
    dead = [Report(site(f"a{number}"), 1, [red("unreachable", why="why.refused")]) for number in range(3)]
    liar = Report(site("z"), 1, [red("audit_back", alarm=True, row=1, known=2)])
    look = Report(site("b"), 1, [amber("no_cameras")])
    assert [one.site.name for one in sorted([look, *dead, liar], key=lambda one: one.order)] == [
        "z",
        "a0",
        "a1",
        "a2",
        "b",
    ]


def test_the_page_shows_the_serial_of_the_key_and_not_the_one_a_box_claims() -> None:
    status = status_of(KEY, NOW_MS)
    status["box"] = status["box"] | {"serial": "GENUINE12345"}
    trusted = read(NOW_MS, None, box=status["box"])
    page = page_of(Round(NOW_MS, [Report(site("x"), 0.1, trusted.findings, trusted.status)]), "pt")
    assert "GENUINE12345" not in page
    assert KEY.fingerprint[:12].upper() in page


@pytest.mark.parametrize("width", [60, 80, 119, 200])
def test_the_name_of_a_site_is_seen_in_the_smallest_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "dumb")
    out, trusted = Terminal(), read(NOW_MS, None)
    print_round(Round(NOW_MS, [Report(site("Rodoviária"), 0.1, (), trusted.status)]), "pt", out)
    assert "Rodoviária" in out.getvalue()


async def run(*words: object, **environment: str) -> tuple[int, str, str]:
    command, pipe = (sys.executable, "-m", "vmsd", "fleet", *map(str, words)), asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=os.environ | environment)
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode("latin-1"), err.decode("latin-1")


def sites_file(folder: Path, *lines: str) -> Path:
    file = folder / "sites.toml"
    file.write_text(f'[defaults]\ntoken = "{TOKEN}"\n' + "\n".join(lines))
    file.chmod(0o600)
    return file


async def test_a_page_that_cannot_be_written_or_a_locale_without_ticks_hides_no_alarm(tmp_path: Path) -> None:
    file = sites_file(tmp_path, "[[site]]", 'name = "Morto"', 'url = "https://127.0.0.1:1"', f'key = "{"ab" * 32}"')
    code, out, err = await run("status", file, "--html", tmp_path / "none" / "page.html", PYTHONIOENCODING="latin-1")
    assert code == 1
    assert "Morto" in out
    assert "conexão recusada" in out
    assert "page.html" in err


def test_targets_are_written_as_prometheus_reads_them(tmp_path: Path) -> None:
    key = f'key = "{"ab" * 32}"'
    urls = ["https://10.1.0.2", "https://[2001:db8::1]", "https://praça.example:8443"]
    file = sites_file(tmp_path, *(f'[[site]]\nname = "{url}"\nurl = "{url}"\n{key}' for url in urls))
    found = [one["targets"] for one in as_targets(read_sites(file))]
    assert found == [["10.1.0.2:443"], ["[2001:db8::1]:443"], ["xn--praa-2oa.example:8443"]]


def as_pem(*names: str, ca: bool = False) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    if not ca:
        hosts = tuple(name for name in names if not name[0].isdigit())
        addresses = tuple(ip_address(name) for name in names if name[0].isdigit())
        return make_certificate(key, Subject(hosts, addresses), NOW_MS).decode()
    leaf = x509.load_pem_x509_certificate(as_pem(*names).encode())
    authority = (
        x509.CertificateBuilder(leaf.issuer, leaf.subject, key.public_key(), 7)
        .not_valid_before(leaf.not_valid_before_utc)
        .not_valid_after(leaf.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value, critical=False)
    )
    return authority.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def test_no_site_gets_a_certificate_into_the_file_that_is_good_for_another() -> None:
    hosts = frozenset({"10.1.0.2", "10.2.0.2", "vmsd.guarda.example", "127.0.0.1", "vmsd.local"})

    def believed(*names: str, ca: bool = False) -> bool:
        return certificate.speaks_for_itself(as_pem(*names, ca=ca), "10.1.0.2", hosts)

    assert believed("localhost", "vmsd.local", "10.1.0.2", "127.0.0.1", "192.168.1.1")
    assert not believed("box.local", "10.1.0.2", ca=True)
    assert not believed("box.local", "10.1.0.2", "10.2.0.2")
    assert not believed("vmsd.guarda.example", "10.1.0.2")
    assert not certificate.speaks_for_itself("garbage", "10.1.0.2", hosts)


async def test_a_site_that_speaks_without_end_keeps_nobody_elses_certificate_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says a byte of a handshake every now and then; the one beside it is as it should be, and known by an authority
    is a third, whom nobody asks."""
    monkeypatch.setattr(certificate, "CONNECT_S", 0.5)
    key, port, dripping = ec.generate_private_key(ec.SECP256R1()), free_port(), free_port()
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.sha256(spki).digest()
    ended, closed = asyncio.Event(), asyncio.Event()

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not ended.is_set():
            writer.write(b"\x16")
            await asyncio.sleep(0.05)
        writer.close()
        closed.set()

    servers = [
        await asyncio.start_server(
            lambda _, writer: writer.close(), "127.0.0.1", port, ssl=shows(key, tmp_path, NOW_MS)
        ),
        await asyncio.start_server(drip, "127.0.0.1", dripping),
    ]
    authority = Site("authority", "https://10.9.9.9", TOKEN, tmp_path / "x.pem", None, None, None, 1, 0.98)
    items = [
        site("good", f"https://127.0.0.1:{port}", digest),
        site("drip", f"https://127.0.0.1:{dripping}"),
        authority,
    ]
    try:
        async with asyncio.timeout(10):
            renewed = await certificate.renew(Sites(items, 300, 64, readable_by_others=False), "")
    finally:
        ended.set()
        async with asyncio.timeout(10):
            await closed.wait()
        for server in servers:
            server.close()
    assert renewed.pem.count("BEGIN CERTIFICATE") == 1
    assert renewed.left == ["drip"]
