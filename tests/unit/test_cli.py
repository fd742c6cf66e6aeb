"""The commands an operator types: one line when something is wrong, and the exit code that says what kind."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner, Result

from vmsd.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "vmsd.toml"
    folders = [f'{name}_dir = "{tmp_path}/{name}"' for name in ("data", "recordings", "runtime")]
    (tmp_path / "recordings").mkdir()
    file.write_text("\n".join([*folders, "[disk]", "ballast_bytes = 0"]), "utf-8")
    return file


def vmsd(*words: object, expect: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == expect, (result.output, result.stderr, result.exception)
    if expect:
        assert result.stderr.startswith("vmsd: ") or result.stdout
        assert len(result.stderr.strip().splitlines()) <= 1
        assert "Traceback" not in result.output
    return result


def commands(group: click.Group = main, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [words]
    for name, command in group.commands.items():
        found += commands(command, (*words, name)) if isinstance(command, click.Group) else [(*words, name)]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_explains_itself(words):
    for flag in ("--help", "-h"):
        assert "Usage:" in vmsd(*words, flag).stdout


@pytest.mark.parametrize(
    "words",
    [
        ["nope"],
        ["user"],
        ["user", "add"],
        ["run", "--nope"],
        ["demo", "--port", "x"],
        ["token", "add", "a", "--days", "0"],
    ],
)
def test_a_mistyped_command_is_one_line(words):
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1 or words == ["user"]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("colour = 1", "colour"),
        ('log_level = "loud"', "log_level"),
        ('data_dir = "relative"', "data_dir"),
        ("[http]\nport = 70000", "http.port"),
        ("[http]\nspeed = 1", "http.speed"),
        ('[site]\ntime_zone = "Mars/Base"', "site.time_zone"),
        ('[cameras]\nnetworks = ["10.0.0.0/99"]', "cameras.networks.0"),
        ("[tunnels.x]\ncommand = []", "tunnels.x.command"),
        ("[http", "not valid TOML"),
    ],
)
def test_a_bad_setting_is_named_with_exit_code_78(config, text, field):
    lines = [line for line in config.read_text("utf-8").splitlines()[:3] if not text.startswith(line.split(" ")[0])]
    config.write_text("\n".join([text, *lines] if not text.startswith("[") else [*lines, text]), "utf-8")
    for command in ("check-config", "run"):
        assert field in vmsd(command, "--config", config, expect=78).stderr


def test_missing_settings_are_all_named_at_once(tmp_path):
    (tmp_path / "empty.toml").write_text("")
    said = vmsd("check-config", "--config", tmp_path / "empty.toml", expect=78).stderr
    assert all(name in said for name in ("data_dir", "recordings_dir", "runtime_dir"))
    assert "cannot read" in vmsd("check-config", "--config", tmp_path / "none", expect=78).stderr


def test_a_good_configuration_is_fine(config):
    assert "fine" in vmsd("check-config", "--config", config).stdout


def test_the_first_accounts(config):
    add = ("user", "add", "--config", config)
    vmsd(*add, "admin", "--password", "uma senha boa")
    assert "already" in vmsd(*add, "ADMIN", "--password", "uma senha boa", expect=1).stderr
    assert "password" in vmsd(*add, "b", "--password", "curta", expect=1).stderr
    assert "name" in vmsd(*add, "a\nb", "--password", "uma senha boa", expect=1).stderr
    assert "--city" in vmsd(*add, "g", "--role", "GESTOR", "--password", "uma senha boa", expect=78).stderr
    unknown = "00000000-0000-4000-8000-000000000000"
    vmsd(*add, "g", "--role", "GESTOR", "--city", unknown, "--password", "uma senha boa", expect=1)
    city = vmsd("city", "add", "Cidade", "--config", config).stdout.strip()
    vmsd(*add, "g", "--role", "GESTOR", "--city", city, "--password", "uma senha boa")
    vmsd("user", "reset", "admin", "--password", "outra senha boa", "--config", config)
    vmsd("user", "reset", "ninguem", "--password", "outra senha boa", "--config", config, expect=1)
    assert vmsd("token", "add", "admin", "--config", config).stdout.startswith("vmsd_")
    vmsd("token", "add", "ninguem", "--config", config, expect=1)


def rows(config: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(config.parent / "data" / "vmsd.db")) as database, database:
        return database.execute(sql).fetchall()


def test_the_rights_of_a_user_are_said_at_the_console(config):
    city = vmsd("city", "add", "Cidade", "--config", config).stdout.strip()
    add = ("user", "add", "--config", config, "--password", "uma senha boa", "--role", "USER", "--city", city)
    for name, groups in (
        ("a", ()),
        ("b", ("--group", "Praça", "--group", "*=manage view")),
        (
            "c",
            (
                "--group",
                "x=",
            ),
        ),
    ):
        vmsd(*add, name, *groups)
    found = rows(config, "SELECT name, group_id, verbs FROM person_right JOIN person ON id = person_id ORDER BY 1, 2")
    assert found == [("a", 0, "plates replay view"), ("b", 0, "manage view"), ("b", 1, "plates replay view")]
    for groups in (("--group", "x=see"), ("--group", "=view"), ("--group", "x", "--group", "x=view,see")):
        vmsd(*add, "d", *groups, expect=1 if groups[1] == "=view" else 2)
    vmsd(*add[:-4], "--role", "SUPERADMIN", "e", "--group", "x", expect=1)


def test_an_account_is_kept_out_and_let_in_from_the_console(config):
    add = ("user", "add", "--config", config, "--password", "uma senha boa")
    vmsd(*add, "admin")
    assert "last active SUPERADMIN" in vmsd("user", "disable", "admin", "--config", config, expect=1).stderr
    vmsd(*add, "segundo")
    for word, status in (("disable", "disabled"), ("enable", "active")):
        vmsd("user", word, "admin", "--config", config)
        assert rows(config, "SELECT status FROM person WHERE name = 'admin'") == [(status,)]
        vmsd("user", word, "ninguem", "--config", config, expect=1)


def test_whoever_lost_password_and_second_factor_is_let_in_by_the_console(config):
    vmsd("user", "add", "admin", "--password", "uma senha boa", "--config", config)
    vmsd("token", "add", "admin", "--config", config)
    rows(config, "UPDATE person SET totp = x'00', must_change = 1, secret_until_ms = 1")
    reset = ("user", "reset", "admin", "--password", "outra senha boa", "--config", config)
    vmsd(*reset)
    assert rows(config, "SELECT totp, must_change, secret_until_ms FROM person") == [(b"\0", 0, None)]
    vmsd(*reset, "--without-totp")
    assert rows(config, "SELECT totp FROM person") == [(None,)]
    assert rows(config, "SELECT * FROM api_token") == []


def test_a_token_from_the_console_may_what_is_said(config):
    vmsd("user", "add", "admin", "--password", "uma senha boa", "--config", config)
    add = ("token", "add", "admin", "--config", config)
    for scope in ((), ("--scope", "view,replay"), ("--scope", "")):
        vmsd(*add, *scope)
    assert "see" in vmsd(*add, "--scope", "view see", expect=2).stderr
    vmsd(*add, "--scope", "status:read", "--days", "3650")
    vmsd(*add, "--scope", "view", "--days", "3650", expect=1)
    assert rows(config, "DELETE FROM api_token WHERE scope = 'status:read' RETURNING scope") == [("status:read",)]
    found = rows(config, "SELECT scope FROM api_token")
    assert found == [("configure export manage plates preserve replay view",), ("replay view",), ("",)]


def imported(config: Path, file: Path, *words: str, expect: int = 0) -> Result:
    city = vmsd("city", "add", "Cidade", "--config", config).stdout.strip()
    return vmsd("camera", "import", file, "--city", city, "--config", config, *words, expect=expect)


def names(config: Path) -> list[str]:
    with sqlite3.connect(config.parent / "data" / "vmsd.db") as database:
        found = [name for (name,) in database.execute("SELECT name FROM camera ORDER BY name")]
    database.close()
    return found


CSV = """name;source_url;username;password;channel;recording_enabled;lat;lon;retention_days
101;rtsp://198.51.100.1/a;admin;1234;1;true;-23.5;-46.6;7
Praça;rtsp://198.51.100.2/b;;;;false;;;
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("separator", [";", ","])
def test_cameras_come_from_a_spreadsheet_as_it_is_saved_here(config, tmp_path, encoding, separator):
    file = tmp_path / "cameras.csv"
    file.write_bytes(CSV.replace(";", separator).encode(encoding))
    assert "2 would be added, 0 refused" in imported(config, file, "--dry-run").stdout
    assert names(config) == []
    assert "2 added, 0 refused" in imported(config, file).stdout
    assert names(config) == ["101", "Praça"]


def test_cameras_come_from_toml_and_the_bad_ones_are_named(config, tmp_path):
    file = tmp_path / "cameras.toml"
    good = {"name": "Boa", "source_url": "rtsp://198.51.100.1/"}
    bad = [{"name": "Má", "source_url": "rtsp://127.0.0.1/"}, {"name": "Pior", "channel": "1"}]
    tables = [
        "[[camera]]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in one.items()) for one in (good, *bad)
    ]
    file.write_text("\n".join(tables), "utf-8")
    said = imported(config, file, expect=1).stdout
    assert "1 added, 2 refused" in said
    assert "Má: refused: source_url: the address points at this box itself" in said
    assert "Pior: refused: channel:" in said
    assert names(config) == ["Boa"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b"name,source_url\n"),
        ("a.csv", b"name,source_url\nx,rtsp://h/,too,many\n"),
        ("a.csv", b'name,source_url\n"x,rtsp://h/\n'),
        ("a.csv", b"\0\1\2"),
        ("a.csv", b"a" * 200_000 + b"\n" + b"b" * 200_000),
        ("a.toml", b"[[camera]\n"),
        ("a.toml", b"camera = 1\n"),
        ("a.toml", b'camera = ["x"]\n'),
        ("a.toml", b"[[cameras]]\nname = 'x'\n"),
        ("a.toml", b""),
        ("a.xlsx", b"PK\3\4\0\0"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_file_that_is_none_is_refused_in_one_line(config, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert "a." in imported(config, tmp_path / name, expect=1).stderr


def test_a_probe_of_nothing_says_why(config):
    assert "nothing listens" in vmsd("camera", "probe", "rtsp://127.0.0.1:9/x", expect=1).stderr
    assert "kind" in vmsd("camera", "probe", "file:///etc/passwd", expect=1).stderr


def test_a_database_that_is_none_is_one_line(config):
    (config.parent / "data").mkdir(exist_ok=True)
    (config.parent / "data" / "vmsd.db").mkdir()
    vmsd("city", "add", "x", "--config", config, expect=1)
