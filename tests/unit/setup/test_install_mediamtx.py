"""mediamtx/install.py against a real HTTP server on loopback and archives of every bad kind."""

import hashlib
import io
import os
import platform
import subprocess
import sys
import tarfile
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

REFUSED, UNAVAILABLE = 1, 3
VERSION = "1.20.1"
PLATFORM = {"x86_64": "linux_amd64", "aarch64": "linux_arm64"}[platform.machine()]


def program(version):
    return f"#!/bin/sh\necho v{version}\n".encode()


def archive(*members, version=VERSION):
    """A release archive; each member is a name, with our program inside, or a ready TarInfo without data."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for member in members or ("LICENSE", "mediamtx", "mediamtx.yml"):
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            data = program(version) if info.isreg() else b""
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def link(name, target):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


class Release:
    """A release page of one archive, and a folder to install it to."""

    def __init__(self, folder):
        self.folder = folder
        self.body = archive()
        self.status = 200
        self.announced_bytes = None
        self.asked = []
        self.into = folder / "bin"
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/v{{version}}/{{platform}}.tar.gz"

    def _handler(release):  # noqa: N805 - `self` is the request inside
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                release.asked.append(self.path)
                self.send_response(release.status)
                self.send_header("Content-Length", str(release.announced_bytes or len(release.body)))
                self.end_headers()
                self.wfile.write(release.body)

            def log_message(self, *args):
                pass

        return Handler

    def install(self, *options, sha256=None, env=None):
        if sha256 is None:
            sha256 = hashlib.sha256(self.body).hexdigest()
        pin = self.folder / "version.toml"
        pin.write_text(f'version = "{VERSION}"\nurl = "{self.url}"\n[sha256]\n{PLATFORM} = "{sha256}"\n')
        script = Path(__file__).parents[3] / "mediamtx" / "install.py"
        return subprocess.run(
            [sys.executable, script, "--pin", pin, "--into", self.into, *options],
            env={"PATH": "/usr/bin:/bin", "no_proxy": "*", **(env or {})},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def installed(self):
        return sorted(path.name for path in self.into.iterdir()) if self.into.exists() else []


@pytest.fixture
def release(tmp_path):
    release = Release(tmp_path)
    yield release
    release.server.shutdown()
    release.server.server_close()


def test_the_release_is_fetched_verified_and_installed_alone(release):
    answer = release.install()
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == f"{release.into}/mediamtx\n"
    assert release.asked == [f"/v{VERSION}/{PLATFORM}.tar.gz"]
    assert release.installed() == ["mediamtx"]
    assert os.access(release.into / "mediamtx", os.X_OK)


def test_what_is_installed_is_not_fetched_again(release):
    release.install()
    assert release.install().returncode == 0
    assert len(release.asked) == 1


def test_an_older_program_in_its_place_is_replaced(release):
    release.into.mkdir()
    (release.into / "mediamtx").write_bytes(program("1.15.6"))
    (release.into / "mediamtx").chmod(0o755)
    assert release.install().returncode == 0
    assert (release.into / "mediamtx").read_bytes() == program(VERSION)


def test_a_wrong_checksum_installs_nothing_and_says_so(release):
    answer = release.install(sha256="0" * 64)
    assert answer.returncode == REFUSED
    assert hashlib.sha256(release.body).hexdigest() in answer.stderr
    assert "0" * 64 in answer.stderr
    assert release.installed() == []


def test_an_unknown_checksum_fetches_nothing_and_says_where_it_belongs(release):
    answer = release.install(sha256="")
    assert answer.returncode == REFUSED
    assert "checksum is unknown" in answer.stderr
    assert str(release.folder / "version.toml") in answer.stderr
    assert release.asked == []


def test_a_download_that_breaks_off_is_tried_again_and_is_no_refusal(release):
    release.announced_bytes = len(release.body) + 1000
    answer = release.install()
    assert answer.returncode == UNAVAILABLE
    assert len(release.asked) == 3
    assert release.installed() == []


def test_a_missing_release_is_unavailable(release):
    release.status = 404
    answer = release.install()
    assert answer.returncode == UNAVAILABLE
    assert "Not Found" in answer.stderr


def test_a_page_nobody_serves_is_unavailable(release):
    release.server.server_close()
    assert release.install().returncode == UNAVAILABLE


def test_an_address_that_is_none_is_refused(release):
    assert release.install("--url", "/etc/passwd").returncode == REFUSED


def test_a_truncated_archive_is_refused_even_under_its_own_checksum(release):
    release.body = release.body[: len(release.body) // 2]
    answer = release.install()
    assert answer.returncode == REFUSED
    assert "cannot be unpacked" in answer.stderr
    assert release.installed() == []


@pytest.mark.parametrize("member", ["../mediamtx", "/tmp/mediamtx", "x/mediamtx"])  # noqa: S108 - never written
def test_only_the_member_of_the_right_name_counts(release, member):
    release.body = archive(member)
    answer = release.install()
    assert answer.returncode == REFUSED
    assert "no file called" in answer.stderr
    assert release.installed() == []


def test_paths_in_the_archive_are_never_followed(release):
    release.body = archive("../escaped", link("mediamtx.yml", "/etc/passwd"), "mediamtx")
    assert release.install().returncode == 0
    assert release.installed() == ["mediamtx"]
    assert not (release.folder / "escaped").exists()


def test_a_link_in_place_of_the_program_is_refused(release):
    for target in ("/bin/sh", "program"):
        release.body = archive("program", link("mediamtx", target))
        assert release.install().returncode == REFUSED
        assert release.installed() == []


def test_an_archive_with_a_program_of_another_version_is_refused(release):
    release.body = archive(version="1.19.0")
    answer = release.install()
    assert answer.returncode == REFUSED
    assert "version 1.19.0" in answer.stderr
    assert release.installed() == []


def test_an_archive_at_hand_needs_no_network_and_is_verified_all_the_same(release):
    file = release.folder / "release.tar.gz"
    file.write_bytes(release.body)
    assert release.install("--archive", file, sha256="0" * 64).returncode == REFUSED
    assert release.install("--archive", file).returncode == 0
    assert release.installed() == ["mediamtx"]
    assert release.asked == []


@pytest.fixture
def elsewhere(tmp_path):
    """A program outside of the checkout; the version it tells can be set."""

    def put(version):
        binary = tmp_path / "elsewhere" / "mediamtx"
        binary.parent.mkdir(exist_ok=True)
        binary.write_bytes(program(version))
        binary.chmod(0o755)
        return binary

    return put


def test_a_program_on_the_path_of_the_right_version_is_used_where_it_is(release, elsewhere):
    binary = elsewhere(VERSION)
    answer = release.install(env={"PATH": f"{binary.parent}:/usr/bin:/bin"})
    assert answer.stdout == f"{binary}\n"
    assert release.asked == []


def test_a_program_on_the_path_of_another_version_is_passed_over(release, elsewhere):
    binary = elsewhere("1.20.2")
    answer = release.install(env={"PATH": f"{binary.parent}:/usr/bin:/bin"})
    assert answer.stdout == f"{release.into}/mediamtx\n"


def test_a_named_program_of_the_right_version_is_used(release, elsewhere):
    binary = elsewhere(VERSION)
    assert release.install("--binary", binary).stdout == f"{binary}\n"
    assert release.install(env={"MEDIAMTX_BINARY": str(binary)}).stdout == f"{binary}\n"
    assert release.asked == []


def test_a_named_program_that_is_wrong_is_refused_not_replaced(release, elsewhere):
    for named in (elsewhere("1.20.2"), release.folder / "nothing", Path("/bin/true")):
        answer = release.install(env={"MEDIAMTX_BINARY": str(named)})
        assert answer.returncode == REFUSED
        assert str(named) in answer.stderr
    assert release.asked == []


def test_the_project_names_one_version_and_a_checksum_for_both_machines(root):
    pin = tomllib.loads((root / "mediamtx" / "version.toml").read_text())
    assert set(pin) == {"version", "url", "sha256"}
    assert set(pin["sha256"]) == {"linux_amd64", "linux_arm64"}
    for checksum in pin["sha256"].values():
        assert len(bytes.fromhex(checksum)) == hashlib.sha256().digest_size
