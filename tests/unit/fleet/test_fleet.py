"""Many sites, honest and otherwise: what the central office is told of each, and what it remembers."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.fleet_sites import HOSTILE, LIKES, TOKEN, signed_by, status_of
from tests.support.ports import free_port
from tests.support.processes import Process, until
from vmsd.errors import BadSetting
from vmsd.fleet.ask import Refusal
from vmsd.fleet.cells import cells_of
from vmsd.fleet.finding import worst
from vmsd.fleet.judgement import judge
from vmsd.fleet.rounds import Report
from vmsd.fleet.sites import Site, read_sites
from vmsd.fleet.trust import read_trusted
from vmsd.host.certificate import Subject, make_certificate, pem_of_key
from vmsd.host.signing import BoxKey

NOW_MS = 1_795_258_800_000
KEY = BoxKey(Ed25519PrivateKey.generate())
FIRST = {
    "honest": [("amber", "first")],
    "hostile": [("amber", "first")],
    "lying": [("red", "forged")],
    "forged": [("red", "forged")],
    "old": [("red", "old"), ("amber", "first")],
    "troubled": [("red", "unrecorded"), ("red", "promise_broken"), ("amber", "first"), ("amber", "low_coverage")],
    "redirecting": [("red", "redirects")],
    "refusing": [("red", "token_refused")],
    "broken": [("red", "http_status")],
    "garbage": [("red", "not_a_status")],
    "deep": [("red", "not_a_status")],
    "truncated_gzip": [("red", "not_a_status")],
    "bomb": [("red", "too_large")],
    "huge": [("red", "too_large")],
    "slow": [("red", "timeout")],
    "drip": [("red", "timeout")],
    "dead": [("red", "unreachable")],
}
THEN = {
    "honest": [],
    "hostile": [],
    "replaced": [("red", "other_box")],
    "replayed": [("red", "replayed")],
    "gone_back": [("red", "audit_back")],
    "forked": [("red", "audit_forked")],
    "unproven": [("red", "audit_unproven")],
}


@pytest.fixture
async def sites(tmp_path: Path) -> AsyncIterator[Path]:
    """One site of each kind, in a process of its own; their file."""
    server = await Process.start(sys.executable, "-m", "tests.support.fleet_sites", tmp_path, log=tmp_path / "log")

    async def listening() -> bool:
        assert server.running, server.output()
        return server.output().strip().isdigit()

    try:
        await until(listening, 20, "the sites listen")
        file = tmp_path / "sites.toml"
        file.write_text(file.read_text().replace("timeout_s = 2", "timeout_s = 6"))  # all share one busy machine
        yield file
    finally:
        await server.end(9)


async def fleet(*words: object) -> tuple[int, str, str]:
    """A command as cron types it."""
    command = (sys.executable, "-m", "vmsd", "fleet", *map(str, words))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, stdin=asyncio.subprocess.DEVNULL)
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def findings(file: Path) -> dict[str, list[tuple[str, str]]]:
    """By kind: level and code of everything that is said of it."""
    code, out, err = await fleet("status", file, "--json")
    assert code == 1, err
    return {
        site["name"].removesuffix("-0"): [(one["level"], one["code"]) for one in site["findings"]]
        for site in json.loads(out)["sites"]
    }


def only(file: Path, *kinds: str) -> Path:
    """A file of these sites alone."""
    head, *parts = file.read_text().split("[[site]]")
    kept = [part for part in parts if re.search(rf'name = "({"|".join(kinds)})-0"', part)]
    assert len(kept) == len(kinds)
    chosen = file.with_name("chosen.toml")
    chosen.write_text("[[site]]".join([head, *kept]))
    return chosen


@pytest.mark.timeout(120)
async def test_every_kind_of_trouble_is_told_apart_and_what_is_remembered_finds_the_rest(sites: Path) -> None:
    first = await findings(sites)
    assert set(first) == set(LIKES)
    assert {kind: first[kind] for kind in FIRST} == FIRST
    state = sites.with_name("sites.toml.state.json")
    assert state.stat().st_mode & 0o777 == 0o600
    remembered = json.loads(state.read_text())["sites"]
    assert "forged-0" not in remembered
    second = await findings(sites)
    assert {kind: second[kind] for kind in THEN} == THEN
    alarmed = json.loads(state.read_text())["sites"]
    for kind in ("replaced", "gone_back", "forked", "unproven", "replayed"):
        assert alarmed[f"{kind}-0"] == remembered[f"{kind}-0"], kind
    assert alarmed["honest-0"]["row"] > remembered["honest-0"]["row"]
    assert (await findings(sites))["gone_back"] == THEN["gone_back"]  # until somebody has looked into it
    assert (await fleet("forget", sites, "gone_back-0"))[0] == 0
    assert (await findings(sites))["gone_back"] == [("amber", "first")]


@pytest.mark.timeout(60)
async def test_exit_codes_for_cron(sites: Path, tmp_path: Path) -> None:
    fine = only(sites, "honest", "hostile")
    assert (await fleet("status", fine))[0] == 1  # read for the first time: somebody compares the serial
    code, out, err = await fleet("status", fine)
    assert (code, err) == (0, "")
    assert "em ordem" in out
    assert (await fleet("status", fine, "--quiet"))[:2] == (0, "")
    code, out, _ = await fleet("status", only(sites, "dead"), "--quiet", "--lang", "en")
    assert (code, "connection refused" in out) == (1, True)
    assert (await fleet("status"))[0] == 2
    assert (await fleet("status", tmp_path / "none.toml"))[0] == 2
    assert (await fleet("forget", fine, "nobody"))[0] == 2
    bad = tmp_path / "bad.toml"
    bad.write_text('[[site]]\nname = "x"\nurl = "http://10.0.0.1"\n')
    code, _, err = await fleet("status", bad)
    assert (code, "site 1 url" in err) == (78, True)
    fine.with_name("chosen.toml.state.json").write_text('{"format": "vmsd-fleet/1", "sites": {"half')
    code, _, err = await fleet("status", fine)
    assert (code, "set it aside" in err) == (78, True)


@pytest.mark.timeout(60)
async def test_nothing_a_site_says_reaches_a_terminal_or_a_page_as_anything_but_text(sites: Path) -> None:
    chosen, page = only(sites, "hostile", "broken", "garbage"), sites.with_name("page.html")
    for words in ((), ("--json",)):
        code, out, err = await fleet("status", chosen, "--html", page, *words)
        assert code == 1
        assert all(letter.isprintable() for letter in (out + err).replace("\n", ""))
    text = page.read_text()
    assert "&lt;script&gt;a" in text
    assert "<script" not in text
    assert not re.search(r"\b(?:src|href|action|on\w+)=", text)
    assert "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"" in text
    assert TOKEN not in text
    assert TOKEN not in out


@pytest.mark.timeout(60)
async def test_a_certificate_is_known_by_its_fingerprint_or_not_at_all(sites: Path) -> None:
    chosen = only(sites, "honest")
    url = re.search(r'url = "(\S+)/honest-0"', chosen.read_text())
    assert url
    code, shown, _ = await fleet("certificate", url[1])
    assert code == 0
    for way in shown.splitlines():
        name, digest = way.split()
        pinned = chosen.read_text().replace('name = "honest-0"', f'name = "honest-0"\n{name} = "{digest}"')
        chosen.with_name("pinned.toml").write_text(pinned)
        chosen.with_name("pinned.toml.state.json").unlink(missing_ok=True)
        assert (await findings(chosen.with_name("pinned.toml")))["honest"] == [("amber", "first")]
        chosen.with_name("pinned.toml").write_text(pinned.replace(digest, "00" * 32))
        assert (await findings(chosen.with_name("pinned.toml")))["honest"] == [("red", "certificate")]
    other = sites.parent / "other"
    other.mkdir()
    stranger = await Process.start(sys.executable, "-m", "tests.support.fleet_sites", other, log=other / "log")
    try:
        await until(lambda: asyncio.to_thread((other / "sites.pem").exists), 20, "another authority")
        chosen.write_text(pinned.replace(f'{name} = "{digest}"', 'ca = "other/sites.pem"'))
        assert (await findings(chosen))["honest"] == [("red", "certificate")]
    finally:
        await stranger.end(9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "site: Field required"),
        ("site = 1", "site"),
        ('[[site]]\nname = "x"', "site 1 url"),
        ('[[site]]\nname = "x"\nurl = "https://u:p@h"', "nothing secret"),
        ('[[site]]\nname = "x\\u001b"\nurl = "https://h"', "site 1 name"),
        ('[[site]]\nname = "x"\nurl = "https://h"\nfingerprint = "12"', "site 1 fingerprint"),
        ('[[site]]\nname = "x"\nurl = "https://h"\ncolour = "red"', "site 1 colour"),
        ('[[site]]\nname = "x"\nurl = "https://h"', "needs a key, or a ca"),
        ('[defaults]\nca = "none.pem"\n[[site]]\nname = "x"\nurl = "https://h"', "token"),
        ('[defaults]\ntoken_file = "none"\nca = "a"\n[[site]]\nname = "x"\nurl = "https://h"', "no file none"),
        ('[[site]]\nname = "x"\nurl = "https://h"\n[[site]]\nname = "x"\nurl = "https://i"', "stands there twice"),
        ("[[site", "sites.toml"),
    ],
)
def test_a_wrong_file_of_sites_is_refused_by_site_and_field(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "sites.toml"
    file.write_text(text)
    with pytest.raises(BadSetting, match=re.escape(said)) as refused:
        read_sites(file)
    assert "\n" not in str(refused.value)


def test_a_token_in_a_file_others_can_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "sites.toml"
    line = f'[[site]]\nname = "x"\nurl = "https://h/"\nfingerprint = "{"ab:" * 31}AB"\ntoken = "{TOKEN}"\n'
    file.write_text(line)
    for mode, told in ((0o644, True), (0o600, False)):
        file.chmod(mode)
        found = read_sites(file)
        assert found.readable_by_others is told
    assert TOKEN not in repr(found)
    assert (found.items[0].url, found.items[0].fingerprint) == ("https://h", bytes([0xAB] * 32))


def shows(key: ec.EllipticCurvePrivateKey, folder: Path, now_ms: int) -> ssl.SSLContext:
    """A certificate of this key; two at different times are two certificates."""
    certificate = make_certificate(key, Subject(("localhost",), ()), now_ms)
    (folder / "shown.pem").write_bytes(certificate + pem_of_key(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "shown.pem")
    return context


async def test_a_renewed_certificate_of_the_same_key_is_fetched_and_a_strangers_is_not(tmp_path: Path) -> None:
    key, port = ec.generate_private_key(ec.SECP256R1()), free_port()
    file, out = tmp_path / "sites.toml", tmp_path / "sites.pem"
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.sha256(spki).hexdigest()
    file.write_text(f'[[site]]\nname = "x"\nurl = "https://127.0.0.1:{port}"\nkey = "{digest}"\ntoken = "{TOKEN}"\n')
    seen = []
    stranger = ec.generate_private_key(ec.SECP256R1())
    for owner, made_ms in ((key, NOW_MS), (key, NOW_MS + 86_400_000), (stranger, NOW_MS)):
        server = await asyncio.start_server(
            lambda _, writer: writer.close(), "127.0.0.1", port, ssl=shows(owner, tmp_path, made_ms)
        )
        async with server:
            seen.append(((await fleet("certificates", file, "--out", out))[0], out.read_text()))
    (_, first), (_, renewed), _ = seen
    assert first != renewed
    assert [text.count("BEGIN CERTIFICATE") for _, text in seen] == [1, 1, 1]
    assert [code for code, _ in seen] == [0, 0, 1]
    assert seen[2][1] == renewed


def whole_reading(body: bytes) -> None:
    """All that is done with the bytes of a site."""
    site = Site("x", "https://x", "", None, None, b"", None, 1, 0.98)
    try:
        trusted = read_trusted(body, None, None, NOW_MS, 300)
    except Refusal:
        return
    found = [*trusted.findings, *judge(trusted.status, 0.98, NOW_MS)]
    cells = cells_of(Report(site, 0.1, found, trusted.status), "pt")
    assert all(one.isprintable() and len(one) <= 200 for one in (*cells, *(finding.text("pt") for finding in found)))
    assert worst(found) >= 0


ODD_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=50)
    | st.sampled_from([HOSTILE, "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "ok", 1e308, "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(one for key, child in inner for one in paths_of(child, (*path, key)))]


PATHS = [path for path in paths_of(status_of(KEY, NOW_MS)) if path]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PATHS), ODD_VALUES)
def test_whatever_a_box_signs_is_read_or_refused(path: tuple[Any, ...], value: Any) -> None:
    """A box that was broken into signs what it likes; the office goes on with the others."""
    status: Any = status_of(KEY, NOW_MS)
    place = status
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    try:
        body = json.dumps(signed_by(KEY, status)).encode()
    except ValueError:
        return
    whole_reading(body)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_bytes_come_are_refused(body: bytes) -> None:
    with pytest.raises(Refusal):
        read_trusted(body, None, None, NOW_MS, 300)


def test_every_byte_of_a_status_is_under_the_signature() -> None:
    whole = signed_by(KEY, status_of(KEY, NOW_MS))
    assert read_trusted(json.dumps(whole).encode(), KEY.fingerprint, None, NOW_MS, 300).findings == []
    for path in PATHS:
        changed: Any = json.loads(json.dumps(whole))
        place = changed["status"]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = "x" if place[path[-1]] != "x" else "y"
        with pytest.raises(Refusal):
            read_trusted(json.dumps(changed).encode(), KEY.fingerprint, None, NOW_MS, 300)


def test_a_newer_box_may_say_more() -> None:
    status = status_of(KEY, NOW_MS) | {"weather": {"rain": True}}
    assert read_trusted(json.dumps(signed_by(KEY, status)).encode(), None, None, NOW_MS, 300).status["version"]
