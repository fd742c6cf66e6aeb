"""The programs that build the executable and the package, as far as they need no build."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from vmsd.cli import main as vmsd

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "packaging"))

from deb import manual, media_server, tree  # noqa: E402 - lives beside vmsd, not in it
from executable import archive, component, environment, go_build, sbom, wheel_licences  # noqa: E402
from executable.command import BuildError  # noqa: E402
from executable.place import Place  # noqa: E402

WRAPPER = ROOT / "packaging/deb/files/vmsd.sh"


def go_program(modules: str) -> bytes:
    """As Go's linker writes what a program was built of."""

    def text(value: str) -> bytes:
        length, head = len(value.encode()), b""
        while length >= 0x80:
            head, length = head + bytes([length & 0x7F | 0x80]), length >> 7
        return head + bytes([length]) + value.encode()

    return (
        b"\x7fELF" + bytes(500) + go_build.MARK + b"\x08\x02" + bytes(16) + text("go1.26.8") + text(modules) + b"rest"
    )


def test_a_go_program_says_what_it_was_built_of(tmp_path: Path) -> None:
    lines = "path\tx\nmod\tx\t(devel)\n" + "".join(
        f"dep\texample.org/m{number}\tv1.{number}.0\th1:=\n" for number in range(40)
    )
    (tmp_path / "program").write_bytes(go_program(lines))
    found = go_build.modules_of(tmp_path / "program")
    assert found[0] == ("std", "1.26.8")
    assert ("example.org/m39", "v1.39.0") in found
    assert len(found) == 41
    (tmp_path / "other").write_bytes(b"\x7fELF nothing of Go")
    assert go_build.modules_of(tmp_path / "other") == []


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A checkout whose pinned release is a made-up one, of which the archive lies in `release.tar.gz`."""
    (tmp_path / "mediamtx").mkdir()
    shutil.copy(ROOT / "mediamtx/install.py", tmp_path / "mediamtx")
    program = b"#!/bin/sh\necho v9.9.9\n"
    (tmp_path / "program").write_bytes(program)
    (tmp_path / "program").chmod(0o755)
    with tarfile.open(tmp_path / "release.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo("mediamtx")
        member.size = len(program)
        tar.addfile(member, io.BytesIO(program))
    digest = hashlib.sha256((tmp_path / "release.tar.gz").read_bytes()).hexdigest()
    sums = "".join(f'{name} = "{digest}"\n' for name in ("linux_amd64", "linux_arm64"))
    pin = f'version = "9.9.9"\nurl = "http://127.0.0.1:1/x"\n[sha256]\n{sums}'
    (tmp_path / "mediamtx/version.toml").write_text(pin)
    monkeypatch.delenv(media_server.ALLOWED, raising=False)
    return Place(tmp_path, tmp_path / "work", tmp_path / "out")


def test_the_releases_own_archive_is_taken_from_a_file(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(media_server.GIVEN, str(place.root / "release.tar.gz"))
    found = media_server.find_media_server(place)
    assert found.pinned
    assert found.program.read_bytes() == (place.root / "program").read_bytes()


def test_a_bare_program_is_refused_unless_it_is_owned_up_to(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(media_server.GIVEN, str(place.root / "program"))
    with pytest.raises(BuildError, match=media_server.ALLOWED):
        media_server.find_media_server(place)
    monkeypatch.setenv(media_server.ALLOWED, "1")
    assert not media_server.find_media_server(place).pinned


def test_one_that_merely_lies_about_is_never_packed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    (place.root / "bin").mkdir()
    shutil.copy(place.root / "program", place.root / "bin/mediamtx")
    monkeypatch.setenv("PATH", str(place.root / "bin"), prepend=":")
    monkeypatch.delenv(media_server.GIVEN, raising=False)
    with pytest.raises(BuildError):
        media_server.find_media_server(place)


def test_the_same_files_make_the_same_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    sums = []
    for name, mode in (("one", 0o600), ("two", 0o666)):
        folder = tmp_path / name / "vmsd-1"
        for file in ("vmsd", "b/c", "a"):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text("\x7fELF" if file == "vmsd" else file)
            (folder / file).chmod(mode)
        (folder / "link").symlink_to("a")
        archive.settle(folder)
        sums.append(archive.sha256(archive.pack(folder)))
    assert sums[0] == sums[1]


def test_licences_are_expressions_only_where_they_are(tmp_path: Path) -> None:
    assert sbom.licences_of("MIT OR Apache-2.0") == [{"expression": "MIT OR Apache-2.0"}]
    assert sbom.licences_of("BSD License") == [{"license": {"name": "BSD License"}}]
    one = component.Component(
        "library", "libx264", "165", "pkg:generic/libx264@165", wheel_licences.licence_of("libx264")
    )
    assert sbom.described(one)["licenses"] == [{"expression": "GPL-2.0-or-later"}]
    assert wheel_licences.licence_of("libavcodec") == wheel_licences.FFMPEG


def test_a_build_environment_is_of_its_locks_alone() -> None:
    place = Place(ROOT, ROOT / "x", ROOT / "y")
    for lock in place.locks:
        lines = [line for line in lock.read_text("utf-8").splitlines() if line and not line.startswith(("#", " "))]
        assert lines, lock
        assert all("==" in line for line in lines)
    before = environment.fingerprint(place, sys.executable)
    assert environment.fingerprint(Place(ROOT, ROOT / "z", ROOT / "y"), sys.executable) != before, "it names its folder"


def test_the_manual_has_every_command() -> None:
    page = manual.page("2026-01-01")

    def names(group: click.Group, words: str = "") -> list[str]:
        found = []
        for name, command in group.commands.items():
            whole = f"{words}{name}"
            found += (
                names(command, f"{whole} ") if isinstance(command, click.Group) else [] if command.hidden else [whole]
            )
        return found

    missing = [name for name in names(vmsd) if f".SS {name}".replace("-", r"\-") not in page]
    assert missing == []
    if shutil.which("groff"):
        done = subprocess.run(
            ["groff", "-man", "-ww", "-Tutf8"], input=page, capture_output=True, text=True, check=True
        )
        assert done.stderr == ""


def test_every_unit_and_file_of_the_tree_goes_into_the_package() -> None:
    shipped = {Path(name).name for name in (*tree.PLAIN_FILES, *tree.PROGRAMS)}
    lying = {file.name for file in (ROOT / "systemd").iterdir() if file.suffix != ".md"}
    assert lying <= shipped
    assert all((ROOT / name).is_file() for name in (*tree.PLAIN_FILES, *tree.PROGRAMS))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--city", "x", "c.csv", "--dry-run"], "c.csv"),
        (["a b.csv", "--city=x"], "a b.csv"),
        (["--config", "f.toml", "copy.db"], "copy.db"),
        (["--dry-run"], ""),
    ],
)
def test_the_wrapper_finds_the_file_among_the_words(words: list[str], found: str) -> None:
    text = WRAPPER.read_text("utf-8")
    function = text[text.index("find_file() {") : text.index('\ncase "$1 ${2:-}"')]
    done = subprocess.run(
        ["sh", "-c", f'{function}\nfind_file "$@"', "sh", *words], capture_output=True, text=True, check=True
    )
    assert done.stdout == found


@pytest.fixture
def wrapper() -> Iterator[Path]:
    """Around a program that writes backups, and is told where as the real one is."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        text = WRAPPER.read_text("utf-8").replace("/var/lib/vmsd", f"{place}/data")
        for word, value in {"program": place / "program", "owner": "nobody", "group": "nogroup"}.items():
            text = re.sub(f"(?m)^{word}=.*$", f"{word}={value}", text)
        (place / "data").mkdir()
        (place / "wrapper").write_text(text)
        (place / "program").write_text(
            """#!/bin/sh
            if [ -s "$2" ] && [ "$(head -c 15 "$2")" != "SQLite format 3" ]; then exit 1; fi
            echo "SQLite format 3, new" >"$2" && echo digest >"$2.sha256"
            """
        )
        for path in (place, place / "data", place / "program"):
            path.chmod(0o755)
        yield place / "wrapper"


@pytest.mark.skipif(os.geteuid() != 0, reason="what root types is handed over to another user")
def test_a_backup_takes_the_place_of_backups_alone_and_only_when_it_is_whole(tmp_path: Path, wrapper: Path) -> None:
    def backed_up(name: str) -> bool:
        return subprocess.run(["sh", wrapper, "backup", name], cwd=tmp_path, check=False).returncode == 0

    notes, old = tmp_path / "notes.txt", tmp_path / "old one.db"
    notes.write_text("precious")
    old.write_text("SQLite format 3, old")
    assert not backed_up("notes.txt")
    assert notes.read_text() == "precious"
    assert backed_up("old one.db")
    assert (old.read_text(), old.stat().st_mode & 0o777) == ("SQLite format 3, new\n", 0o600)
    assert old.with_name("old one.db.sha256").read_text() == "digest\n"
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", "old one.db", "old one.db.sha256"}
    assert list((wrapper.parent / "data").iterdir()) == []


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_scripts_are_sound_shell() -> None:
    files = ROOT / "packaging/deb/files"
    scripts = [files / name for name in ("vmsd.sh", "postinst", "prerm", "postrm")]
    subprocess.run(["shellcheck", "--exclude=SC1091", "--shell=sh", *scripts], check=True)
