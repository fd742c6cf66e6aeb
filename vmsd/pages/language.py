"""Which language and which theme a page is shown in."""

from __future__ import annotations

import gettext
from pathlib import Path

from aiohttp import web

from vmsd.errors import BadSetting

LANGUAGES = {"pt-BR": "pt_BR", "en": "en"}
"""Language tag of a page -> folder of its catalogue; the first is the default."""
DEFAULT = "pt-BR"
THEMES = ("dark", "light")
DOMAIN = "vmsd"


def choose_language(request: web.Request) -> str:
    """The caller's own choice, else the best the browser asks for, else Brazilian Portuguese."""
    chosen = request.cookies.get("lang", "")
    if chosen in LANGUAGES:
        return chosen
    for asked in _accepted(request.headers.get("Accept-Language", "")):
        for language in LANGUAGES:
            if asked.split("-")[0] == language.split("-")[0].lower():
                return language
    return DEFAULT


def choose_theme(request: web.Request) -> str:
    """`dark` or `light` when the caller chose one; empty: as the machine is set."""
    chosen = request.cookies.get("theme", "")
    return chosen if chosen in THEMES else ""


def load_catalogue(locale_dir: Path, language: str) -> gettext.NullTranslations:
    try:
        return gettext.translation(DOMAIN, str(locale_dir), [LANGUAGES[language]])
    except FileNotFoundError:
        raise BadSetting(f"web files: the {language} catalogue is not compiled, run `make setup`") from None


def _accepted(header: str) -> list[str]:
    """Language tags of an Accept-Language header in lower case, most wanted first."""
    weighted = []
    for part in header[:500].split(","):
        tag, _, quality = part.strip().partition(";q=")
        weighted.append((_weight(quality), tag.lower()))
    return [tag for weight, tag in sorted(weighted, key=lambda pair: -pair[0]) if weight > 0]


def _weight(quality: str) -> float:
    if not quality:
        return 1.0
    try:
        return float(quality)
    except ValueError:
        return 0.0
