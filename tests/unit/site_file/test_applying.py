"""A site file is applied once and whole, whenever it is broken off; afterwards no secret of it is anywhere."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner

from vmsd.base import open_base
from vmsd.cli import main
from vmsd.clock import SystemClock
from vmsd.commands.site import PATIENCE_S
from vmsd.config import Settings, load_settings
from vmsd.services.first_login import find_first_secret
from vmsd.site_file.applying import Box, Outcome, apply_first
from vmsd.site_file.storing import Plans, Stored, find_marker, store
from vmsd.store.database import Database

EXAMPLE = Path(__file__).parents[3] / "packaging/deb/files/site.toml.example"
TOKEN = "vmsd_kJ3nS8dQ2wX7zB5vM1cL9pR4tY6uI0oA-eF_gHqWxZ1"
PASSWORD, IN_FILE, IN_URL, IN_LIST = "canario senha um", "canario-dois", "canario-tres", "canario-quatro"
IN_COMMENT = "canario-cinco"
CANARIES = (TOKEN, TOKEN[10:30], PASSWORD, IN_FILE, IN_URL, IN_LIST, IN_COMMENT)
SITE = f"""# senha antiga: {IN_COMMENT}
[site]
name = "Centro"
[city]
name = "São João"
plan = "pro"
[admin]
name = "maria"
password = "{PASSWORD}"
[network]
address = "192.0.2.10/24"
gateway = "192.0.2.1"
ntp = ["192.0.2.1"]
[central]
token = "{TOKEN}"
[cameras]
file = "lista.csv"
[[camera]]
name = "Portaria"
source_url = "rtsp://192.0.2.20/live"
username = "u"
password = "{IN_FILE}"
[[camera]]
name = "Rua"
source_url = "rtsp://u:{IN_URL}@192.0.2.21/live"
"""
LIST = f"name,vendor,host,username,password\nPraça,intelbras,192.0.2.22,admin,{IN_LIST}\n"


@dataclass
class Place:
    """A box that is not set up, and a stick with a site file."""

    folder: Path

    def __post_init__(self) -> None:
        for name in ("etc", "stick", "root/sys/class/net/enp1s0/device", "root/sys/class/net/lo"):
            (self.folder / name).mkdir(parents=True)
        wants = self.folder / "root/etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True)
        (wants / "systemd-networkd.service").symlink_to("/lib/systemd/system/systemd-networkd.service")
        places = {name: str(self.folder / name) for name in ("data_dir", "recordings_dir", "runtime_dir")}
        text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in places.items())
        (self.folder / "etc/vmsd.toml").write_text(text + '[site]\nname = "vmsd"\n')
        self.fill(SITE)

    @property
    def stick(self) -> Path:
        return self.folder / "stick"

    @property
    def settings(self) -> Settings:
        return load_settings(self.folder / "etc/vmsd.toml")

    def fill(self, text: str) -> None:
        (self.stick / "site.toml").write_text(text, "utf-8")
        (self.stick / "lista.csv").write_text(LIST, "utf-8")

    def apply(self, store: Callable[[Plans], Stored] | None = None) -> Outcome:
        settings = self.settings
        box = Box(
            settings_dir=self.folder / "etc",
            root=self.folder / "root",
            clock=SystemClock(),
            marker=lambda: find_marker(settings.data_dir),
            store=store or self.store,
        )
        return apply_first([self.folder / "boot", self.stick], box)

    def store(self, plans: Plans) -> Stored:
        return asyncio.run(store(self.settings, plans))

    def result(self) -> str:
        return (self.stick / "site-result.txt").read_text("utf-8-sig")

    def facts(self) -> dict[str, object]:
        """What the box is, as far as it does not differ from run to run."""

        async def ask() -> dict[str, object]:
            async with open_base(self.settings) as base:
                (city,) = await base.cities.list()
                (person,) = await base.people.list()
                (token,) = await base.tokens.list()
                cameras = await base.cameras(city).list()
                return {
                    "city": (city.name, city.plan),
                    "admin": (person.name, person.role, person.must_change, person.secret_until_ms is not None),
                    "token": (token.name, token.status_only),
                    "cameras": [(one.name, one.source_url, one.secret.password) for one in cameras],
                    "audit": (await base.audit.verify()).valid,
                }

        found = asyncio.run(ask())
        files = [*(self.folder / "etc").rglob("*"), *(self.folder / "root/run").rglob("*"), self.stick / "site.toml"]
        texts = {str(one.relative_to(self.folder)): one.read_text() for one in files if one.is_file()}
        return {**found, "files": texts, "stick": sorted(one.name for one in self.stick.iterdir())}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_site_file_makes_a_site(place: Place):
    outcome = place.apply()
    assert (outcome.changed, outcome.failed) == (True, False)
    facts = place.facts()
    assert facts["city"] == ("São João", "pro")
    assert facts["admin"] == ("maria", "SUPERADMIN", True, True)
    assert facts["token"] == ("central", True)
    assert facts["cameras"] == [
        ("Portaria", "rtsp://192.0.2.20/live", IN_FILE),
        ("Rua", "rtsp://192.0.2.21/live", IN_URL),
        ("Praça", "rtsp://192.0.2.22:554/cam/realmonitor?channel=1&subtype=0", IN_LIST),
    ]
    settings = place.settings
    assert (settings.site.name, settings.mdns.enabled) == ("Centro", True)
    network = (place.folder / "root/run/systemd/network/11-vmsd.network").read_text()
    assert "Address=192.0.2.10/24\nGateway=192.0.2.1\n" in network
    assert "O arquivo foi aplicado." in place.result()
    assert "The file has been applied." in place.result()


def test_applied_again_it_changes_nothing(place: Place):
    place.apply()
    before, result = place.facts(), place.result()
    outcome = place.apply(lambda _: pytest.fail("the database was asked again"))
    assert outcome == Outcome()
    assert (place.facts(), place.result()) == (before, result)


def test_no_secret_is_left_anywhere(place: Place, capfd: pytest.CaptureFixture[str]):
    os.link(place.stick / "site.toml", place.folder / "former-site")
    os.link(place.stick / "lista.csv", place.folder / "former-list")
    place.apply()
    place.apply()
    said = "".join(capfd.readouterr())
    files = [one for one in place.folder.rglob("*") if one.is_file()]
    assert {"former-site", "former-list", "site.toml", "vmsd.db", "50-site.toml"} <= {one.name for one in files}
    for canary in CANARIES:
        holders = [one.name for one in files if canary.encode() in one.read_bytes()]
        assert holders == (["first-login.txt"] if canary == PASSWORD else []), "the first password waits to be used"
        assert canary not in said


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[Path]:
    """A kill loses nothing that was written: no disk is needed to see what it leaves."""
    fast = Path("/dev/shm")  # noqa: S108 - not a name, a place
    with TemporaryDirectory(dir=fast if os.access(fast, os.W_OK) else tmp_path) as folder:
        yield Path(folder)


@pytest.mark.timeout(400)
def test_a_kill_at_any_step_is_gone_on_from(in_memory: Path):
    """The process is killed before its first, second ... lasting step, until it gets through."""
    whole = Place(in_memory / "whole")
    whole.apply()
    wanted = whole.facts()
    killed = 0
    while True:
        place = Place(in_memory / f"killed-{killed}")
        if not _killed_at(place, killed + 1):
            break
        killed += 1
        outcome = place.apply()
        assert not outcome.failed, killed
        facts = place.facts()
        assert facts == {**wanted, "files": _of(facts, wanted)}, killed
        for canary in set(CANARIES) - {PASSWORD}:
            assert canary.encode() not in b"".join(one.read_bytes() for one in place.stick.iterdir()), (killed, canary)
    assert killed > 40, "most steps were not seen"


def _of(facts: dict[str, object], wanted: dict[str, object]) -> object:
    """The files of both are the same but for the folder they name."""
    ours, theirs = facts["files"], wanted["files"]
    assert isinstance(ours, dict)
    assert isinstance(theirs, dict)
    settings = "etc/vmsd.toml"
    assert {**ours, settings: ""} == {**theirs, settings: ""}
    return ours


def _killed_at(place: Place, step: int) -> bool:
    """In a process of its own; True when it was killed at that step."""
    pid = os.fork()
    if pid == 0:
        _kill_before(step)
        code = 1
        try:
            place.apply()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def _kill_before(step: int) -> None:
    """Each file made durable, renamed or removed is a step, and so is each transaction, before it and behind it."""
    left = step

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("fsync", "rename", "unlink"):
        _count_first(os, name, count)
    write = Database.write

    class Counted:
        def __init__(self, inner: object) -> None:
            self._inner = inner

        async def __aenter__(self) -> object:
            count()
            return await self._inner.__aenter__()

        async def __aexit__(self, *error: object) -> object:
            left = await self._inner.__aexit__(*error)
            count()
            return left

    Database.write = lambda self, *args, **extra: Counted(write(self, *args, **extra))


def _count_first(module: object, name: str, count: Callable[[], None]) -> None:
    plain = getattr(module, name)

    def counted(*args: object, **extra: object) -> object:
        count()
        return plain(*args, **extra)

    setattr(module, name, counted)


def test_a_file_with_mistakes_changes_nothing_and_says_them(place: Place):
    place.fill(SITE.replace('"pro"', '"ouro"').replace("192.0.2.1/24", "192.0.2.1"))
    before = {one: one.read_bytes() for one in place.folder.rglob("*") if one.is_file()}
    assert place.apply().failed
    after = {
        one: one.read_bytes() for one in place.folder.rglob("*") if one.is_file() and one.name != "site-result.txt"
    }
    assert after == before
    assert 'site.toml, linha 6, [city] plan: tem de ser "basic", "pro" ou "premium"' in place.result()
    assert 'site.toml, line 6, [city] plan: must be "basic", "pro" or "premium"' in place.result()
    place.fill(SITE)
    assert place.apply().changed


def test_another_file_is_not_for_a_box_that_is_set_up(place: Place):
    place.apply()
    before = place.facts()
    place.fill(SITE.replace("São João", "Outra"))
    outcome = place.apply()
    assert (outcome.failed, outcome.changed) == (True, False)
    assert "já foi configurada" in place.result()
    after = place.facts()
    assert {**after, "files": 0, "stick": 0} == {**before, "files": 0, "stick": 0}
    assert IN_FILE in (place.stick / "site.toml").read_text(), "it is for another box"


def test_a_box_that_was_set_up_by_hand_takes_no_file(place: Place):
    async def add() -> None:
        async with open_base(place.settings) as base:
            await base.cities.add(name="Aqui", plan="basic", by=(await _console()))

    asyncio.run(add())
    assert place.apply().failed
    assert not (place.folder / "etc/vmsd.d").exists()


async def _console():
    from vmsd.base import CONSOLE

    return CONSOLE


def test_the_network_alone_may_be_changed_by_the_same_file(place: Place):
    place.apply()
    bare = (place.stick / "site.toml").read_bytes().decode()
    (place.stick / "site.toml").write_text(bare.replace("192.0.2.10/24", "192.0.2.11/24"), newline="")
    assert place.apply(lambda _: pytest.fail("the database was asked again")).changed
    applied = place.folder / "root/run/systemd/network/11-vmsd.network"
    assert "Address=192.0.2.11/24" in applied.read_text()
    (place.folder / "boot").mkdir()
    (place.folder / "boot/site.toml").write_text(bare, newline="")
    assert place.apply() == Outcome(), "the former file says nothing new"
    assert "Address=192.0.2.11/24" in applied.read_text()


def test_a_file_that_lost_its_secrets_is_not_for_another_box(place: Place, tmp_path: Path):
    place.apply()
    other = Place(tmp_path / "other")
    (other.stick / "site.toml").write_bytes((place.stick / "site.toml").read_bytes())
    assert other.apply().failed
    said = other.result()
    assert said.count("a senha foi apagada") == 5
    assert "[central] token" in said


def test_a_camera_the_box_cannot_call_keeps_none_of_the_others_out(place: Place):
    place.fill(SITE.replace("192.0.2.20", "127.0.0.1"))
    assert place.apply().changed
    assert "Câmera recusada: Portaria: este é o endereço da própria caixa" in place.result()
    assert len(place.facts()["cameras"]) == 2


def test_a_stick_that_cannot_be_written_to_says_so(place: Place, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("vmsd.site_file.applying.replace_for_good", refuse)
    assert place.apply().changed
    assert "ATENÇÃO: as senhas não puderam ser apagadas" in place.result()
    monkeypatch.undo()
    assert place.apply(lambda _: pytest.fail("the database was asked again")).changed
    assert IN_FILE not in (place.stick / "site.toml").read_text()


def test_a_database_that_fails_is_tried_again(place: Place):
    def fail(_: Plans) -> Stored:
        raise OSError(28, "No space left on device")

    assert place.apply(fail).failed
    assert "No space left" in place.result()
    assert place.apply().changed


def test_a_file_with_another_name_is_noticed(place: Place):
    (place.stick / "site.toml").rename(place.stick / "site.toml.txt")
    assert place.apply().failed
    assert "mude o nome para site.toml" in place.result()
    (place.stick / "site.toml.txt").unlink()
    for name in ("Site.toml.TXT", "site - Copia.toml", "site.toml.example", "site.txt"):
        (place.stick / name).write_text(SITE, "utf-8")
        assert place.apply().failed, name
        assert f"o arquivo se chama {name}" in place.result()
        (place.stick / name).unlink()
    (place.stick / "site.toml.example").write_bytes(EXAMPLE.read_bytes())
    assert place.apply() == Outcome(), "nobody has filled it in"


def test_a_broken_file_keeps_no_other_from_being_read(place: Place):
    (place.folder / "boot").mkdir()
    (place.folder / "boot/site.toml").write_text("[site]\n")
    outcome = place.apply()
    assert (outcome.changed, outcome.failed) == (True, False)
    assert "falta" in (place.folder / "boot/site-result.txt").read_text("utf-8-sig")


def test_a_file_that_cannot_be_read_is_told_of(place: Place, monkeypatch: pytest.MonkeyPatch):
    def refuse(_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("vmsd.site_file.applying.read_site", refuse)
    assert place.apply().failed
    assert "site.toml: este arquivo não pode ser lido" in place.result()


def test_mistakes_of_the_file_of_the_network_and_of_removed_secrets_are_told_at_once(place: Place):
    text = SITE.replace('"pro"', '"ouro"').replace(IN_FILE, "***")
    place.fill(
        text.replace("[central]", '[network.cameras]\ninterface = "eth9"\naddress = "198.51.100.1/24"\n[central]')
    )
    assert place.apply().failed
    for words in (
        "[city] plan: tem de ser",
        "linha 15, [network.cameras] interface: não há placa",
        "a senha foi apagada",
    ):
        assert words in place.result()


def test_discovery_searches_on_the_network_of_the_cameras(place: Place):
    (place.folder / "root/sys/class/net/enp2s0/device").mkdir(parents=True)
    cameras = '[network.cameras]\ninterface = "enp2s0"\naddress = "198.51.100.1/24"\n'
    place.fill(SITE.replace("[central]", f"{cameras}[central]"))
    assert place.apply().changed
    settings = place.settings
    assert settings.cameras.interfaces == ("enp2s0",)
    assert settings.mdns.interfaces == settings.webrtc.interfaces == ("enp1s0",)


def test_a_box_whose_administrator_has_logged_in_takes_no_file(place: Place):
    """Also while it has no city yet, and when a file was broken off there: a stranger's stick brings a key of SSH."""

    async def log_in() -> None:
        async with open_base(place.settings) as base:
            await base.first_login.prepare()
            (person,) = await base.people.list()
            await base.people.reset(person, "uma senha bem longa", await _console())

    asyncio.run(log_in())
    assert place.apply().failed
    assert "já foi configurada" in place.result()
    marker = {"digest": "of another file", "done": False, "at": "2026-01-01T00:00:00Z"}
    (place.settings.data_dir / "site-applied.json").write_text(json.dumps(marker))
    assert place.apply().failed
    assert not (place.folder / "etc/vmsd.d").exists()


def test_a_box_at_work_waits_no_longer_for_a_stick(place: Place, monkeypatch: pytest.MonkeyPatch):
    alarms: list[int] = []
    monkeypatch.setattr("vmsd.commands.site.signal.alarm", alarms.append)
    monkeypatch.setattr("vmsd.site_file.applying.apply_first", lambda *_: Outcome())
    words = ["site", "apply", "--config", str(place.folder / "etc/vmsd.toml"), "--from", str(place.stick), "--by-units"]
    runner = CliRunner()
    assert runner.invoke(main, words).exit_code == 0
    assert alarms == [], "a new box has nothing to lose"
    place.settings.data_dir.mkdir()
    (place.settings.data_dir / "site-applied.json").write_text('{"digest": "x", "done": true, "at": "?"}')
    assert runner.invoke(main, words).exit_code == 0
    assert alarms == [PATIENCE_S]


@pytest.mark.parametrize("without", [False, True])
def test_whom_the_daemon_made_before_the_file_came_becomes_its_administrator(place: Place, without: bool):
    async def make() -> None:
        async with open_base(place.settings) as base:
            await base.first_login.prepare()

    async def counts(secret: str) -> bool:
        async with open_base(place.settings) as base:
            (person,) = await base.people.list()
            assert await base.first_login.prepare() is None, "the password of the file is good at the next start too"
            async with base.passwords.turn():
                return await base.passwords.matches(person.password_hash, secret)

    asyncio.run(make())
    place.fill(SITE.replace(f'password = "{PASSWORD}"\n', "") if without else SITE)
    assert place.apply().changed
    assert place.facts()["admin"] == ("maria", "SUPERADMIN", True, True)
    told = find_first_secret(place.settings.data_dir)
    assert told is not None
    assert (told.name, told.secret == PASSWORD) == ("maria", not without)
    assert asyncio.run(counts(told.secret))
