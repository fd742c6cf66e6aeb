"""The page on the box's own screen: where it is on the network, how to tell that it is this box, how to get in."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

import segno

from vmsd.clock import Clock
from vmsd.config import Settings
from vmsd.host.reach import lasting_addresses
from vmsd.services.first_login import FirstSecret, find_first_secret
from vmsd.site_file.words import Language

DEADLINE_S = 2.0
HTTPS_PORT = 443
WIDTH = 80
"""Of the smallest screen."""
RESULT_LINES = 12
"""Of what is wrong with a site file, so that the address stays on the screen."""
IN_A_LINE = 16
"""Bytes of a fingerprint."""
WORDS: dict[str, tuple[str, str]] = {
    "open": ("Abra no navegador:", "Open in a browser:"),
    "no_address": (
        "A caixa ainda não tem endereço na rede. Confira o cabo.",
        "The box has no address on the network yet. Check the cable.",
    ),
    "fingerprint": (
        "O navegador avisa uma vez. Confira a impressão digital (SHA-256) do certificado:",
        "The browser warns once. Compare the fingerprint (SHA-256) of the certificate:",
    ),
    "starting": ("Iniciando ...", "Starting ..."),
    "first": (
        "Primeiro acesso (esta senha vale uma vez, a caixa pede outra):",
        "First login (this password counts once, the box asks for another):",
    ),
    "name": ("nome", "name"),
    "password": ("senha", "password"),
    "health": ("Estado", "Status"),
    "healthy": ("tudo certo", "all is well"),
    "degraded": ("algo precisa de atenção: veja o painel", "something needs attention: see the dashboard"),
    "unhealthy": ("com falha: veja o painel", "failing: see the dashboard"),
    "rest": ("... o resto está em site-result.txt", "... the rest is in site-result.txt"),
    "no_disk": ("sem disco de gravação", "no recordings disk"),
}


@dataclass(frozen=True)
class Seen:
    """What is so now: asked of the box as a browser would ask, not read from its settings."""

    site: str
    language: Language
    urls: tuple[str, ...]
    fingerprint: str | None = None
    secret: FirstSecret | None = None
    status: str | None = None
    disk: bool = True
    result: str = ""
    """What became of the site file, while that needs somebody."""


def look(settings: Settings, result: Path) -> Seen:
    """Blocks for seconds at most."""
    status, disk = _health(settings)
    return Seen(
        site=settings.site.name,
        language=settings.site.language,
        urls=tuple(_urls(settings)),
        fingerprint=_fingerprint(settings),
        secret=find_first_secret(settings.data_dir),
        status=status,
        disk=disk,
        result=_text(result),
    )


def _urls(settings: Settings) -> list[str]:
    """Addresses first: the QR code is of the one that every telephone understands."""
    port = settings.https.public_port or settings.https.port
    end = "/" if port == HTTPS_PORT else f":{port}/"
    hosts = [str(one) for one in lasting_addresses(settings.mdns.interfaces) if one.version == 4]  # noqa: PLR2004 - IPv4
    names = [f"{settings.mdns.name}.local"] if hosts and settings.mdns.enabled else []
    return [f"https://{host}{end}" for host in (*hosts, *names)]


def _fingerprint(settings: Settings) -> str | None:
    """Of the certificate that is served, not of one that lies somewhere."""
    host = settings.https.host if settings.https.host not in ("", "0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
    try:
        pem = ssl.get_server_certificate((host, settings.https.port), timeout=DEADLINE_S)
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
    except (OSError, ValueError):
        return None


def _health(settings: Settings) -> tuple[str | None, bool]:
    connection = http.client.HTTPConnection("127.0.0.1", settings.http.port, timeout=DEADLINE_S)
    try:
        connection.request("GET", "/health")
        said = json.loads(connection.getresponse().read(4096))
        return str(said["status"]), bool(said["disk"])
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return None, True
    finally:
        connection.close()


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def drawn(seen: Seen, width: int = WIDTH) -> str:
    """The code on the left, the words beside it; what is longer goes below."""
    code = _code(seen.urls[0]) if seen.urls else []
    left = max((len(line) for line in code), default=0) + (2 if code else 0)
    words = [*_words(seen, width - left - 1)]
    height = max(len(code), len(words))
    rows = zip(_filled(code, height), _filled(words, height), strict=True)
    beside = "\n".join(f"{one:{left}}{two}".rstrip() for one, two in rows)
    return "\n".join((f" {seen.site}", "", beside, "", *_below(seen, width)))


def _words(seen: Seen, width: int) -> list[str]:
    say = _Say(seen.language)
    if not seen.urls:
        return wrap(say("no_address"), width)
    lines = [say("open"), *(f"  {url}" for url in seen.urls[:4])]
    if seen.fingerprint is None:
        return [*lines, "", say("starting")]
    lines += ["", *wrap(say("fingerprint"), width)]
    pairs = [seen.fingerprint[at : at + 2] for at in range(0, len(seen.fingerprint), 2)]
    lines += [f"  {':'.join(pairs[at : at + IN_A_LINE])}" for at in range(0, len(pairs), IN_A_LINE)]
    if seen.status:
        words = say(seen.status) if seen.status in WORDS else seen.status
        lines += ["", f"{say('health')}: {words if seen.disk else say('no_disk')}"]
    return lines


def _below(seen: Seen, width: int) -> list[str]:
    say = _Say(seen.language)
    lines: list[str] = []
    if seen.secret:
        lines += [f" {line}" for line in wrap(say("first"), width - 1)]
        lines += [f"   {say('name')}: {seen.secret.name}", f"   {say('password')}: {seen.secret.secret}", ""]
    result = [f" {part}" for line in seen.result.splitlines() for part in wrap(line, width - 1)]
    if len(result) > RESULT_LINES:
        result = [*result[: RESULT_LINES - 1], f" {say('rest')}"]
    return [*lines, *result]


@dataclass(frozen=True)
class _Say:
    language: Language

    def __call__(self, word: str) -> str:
        return WORDS[word][self.language == "en"]


def _code(url: str) -> Sequence[str]:
    """Two rows in one line; light squares are drawn, since the screen is dark."""
    drawing = io.StringIO()
    segno.make(url, error="l", micro=False).terminal(out=drawing, compact=True, border=2)
    return drawing.getvalue().rstrip("\n").split("\n")


def _filled(lines: Sequence[str], height: int) -> Sequence[str]:
    return [*lines, *[""] * (height - len(lines))]


def is_over(secret: FirstSecret | None, clock: Clock) -> bool:
    """A clock that was set right has passed the end of a password that nobody has used."""
    return secret is not None and secret.until_ms <= clock.wall_ms()
