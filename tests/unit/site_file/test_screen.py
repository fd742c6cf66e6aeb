"""The page on the box's screen fits the smallest one, and its code leads where the words say."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import segno

from tests.unit.tasks.recording_box import HandClock, settings_in
from vmsd.base import open_base
from vmsd.host.certificate import subject_of
from vmsd.host.own_certificate import OwnCertificate
from vmsd.services.first_login import FirstSecret, find_first_secret
from vmsd.site_file.screen import Seen, drawn, is_over, look

SECRET = FirstSecret("maria", "abcd-efgh-jkmn-pqrs-tuvw", 1_000, Path("/x"))
SEEN = Seen("Centro", "pt_BR", ("https://192.168.100.100/", "https://vmsd.local/"), "AB" * 32, SECRET, "healthy")


def test_the_page_fits_a_screen_of_80_by_25():
    page = drawn(SEEN)
    lines = page.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 24
    for words in ("Centro", "https://192.168.100.100/", "https://vmsd.local/", "maria", SECRET.secret, "tudo certo"):
        assert words in page
    assert "".join(page.split()).count("AB:" * 15 + "AB") == 2


def test_a_box_without_a_cable_says_so_and_a_used_password_is_gone():
    page = drawn(replace(SEEN, urls=(), secret=None, fingerprint=None, language="en"))
    assert "Check the cable" in page
    assert "password" not in page
    assert "█" not in page


def test_mistakes_in_a_site_file_stand_below_within_the_width():
    page = drawn(replace(SEEN, result="site.toml, linha 5, " + "x " * 100))
    assert "site.toml, linha 5" in page
    assert max(map(len, page.splitlines())) <= 80
    page = drawn(replace(SEEN, result="site.toml, linha 5\n" * 100))
    assert page.count("linha 5") == 11, "more would take the address off the screen"
    assert "o resto está em site-result.txt" in page


def test_the_code_is_of_the_first_address():
    """Each sign is two squares, one above the other; a light square is drawn."""
    wanted = segno.make(SEEN.urls[0], error="l", micro=False)
    size = wanted.symbol_size(border=2)[0]
    shown = [line[:size] for line in drawn(SEEN).splitlines() if "█" in line or "▀" in line]
    squares = [[sign in light for sign in line] for line in shown for light in ("█▀", "█▄")]
    assert squares[:size] == [[not dark for dark in row] for row in wanted.matrix_iter(border=2)]


def test_the_fingerprint_is_of_what_is_served(tmp_path: Path):
    pair = OwnCertificate(tmp_path / "own").keep(
        subject_of("box", ["vmsd"], [], []), 1_795_258_800_000, clock_trusted=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (tmp_path / "pair.pem").write_bytes(pair.pem)
    context.load_cert_chain(tmp_path / "pair.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        settings = settings_in(tmp_path)
        https = settings.https.model_copy(update={"port": port})
        settings = settings.model_copy(update={"https": https, "http": settings.http.model_copy(update={"port": 1})})
        server = threading.Thread(target=_serve_once, args=(listening, context))
        server.start()
        seen = look(settings, tmp_path / "nothing")
        server.join(10)
    assert seen.fingerprint == pair.fingerprint.replace(":", "")
    assert seen.status is None
    assert look(settings, tmp_path / "nothing").fingerprint is None, "nobody listens any more"


def _serve_once(listening: socket.socket, context: ssl.SSLContext) -> None:
    listening.settimeout(10)
    connection, _ = listening.accept()
    with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
        secure.recv(1)


async def test_the_first_password_is_read_from_its_file_until_it_is_used(tmp_path: Path):
    settings = settings_in(tmp_path)
    async with open_base(settings) as base:
        made = await base.first_login.prepare("maria da silva", "uma senha de teste")
        assert find_first_secret(settings.data_dir) == made
        assert made is not None
        assert (made.name, made.secret) == ("maria da silva", "uma senha de teste")
        assert await base.first_login.prepare() is None, "it still counts at the next start"
        await base.first_login.forget()
    assert find_first_secret(settings.data_dir) is None


def test_a_password_made_by_a_wrong_clock_is_over_by_the_right_one():
    assert is_over(SECRET, HandClock(wall=2_000)) is True
    assert is_over(SECRET, HandClock(wall=999)) is False
    assert is_over(None, HandClock(wall=999)) is False
