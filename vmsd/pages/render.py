"""Turns a template into a page: words, theme, the site's time zone and the addresses of static files."""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vmsd.pages.assets import Assets
from vmsd.pages.language import LANGUAGES, choose_language, choose_theme, load_catalogue
from vmsd.pages.request import CALLER
from vmsd.pages.route import find_page

SPRITE = "vendor/icons.svg"
_SYMBOL = re.compile(r"<symbol\b.*?</symbol>", re.DOTALL)
_ID = re.compile(r'\bid="(?:icon-)?')


class Renderer:
    """Holds the templates of every language; one per daemon, found in the app under `RENDERER`."""

    def __init__(self, web_dir: Path, *, site_zone: ZoneInfo, site_name: str, version: str) -> None:
        self.assets = Assets(web_dir / "static")
        self._environments = {language: self._environment(web_dir, language) for language in LANGUAGES}
        self._site = {"zone": site_zone.key, "site_name": site_name, "version": version}

    def render(self, request: web.Request, template: str, *, status: int = 200, **context: Any) -> web.Response:
        """A page nobody may keep: it shows who is logged in and what the box is doing now."""
        language = choose_language(request)
        body = (
            self._environments[language]
            .get_template(template)
            .render(
                **self._site,
                lang=language,
                theme=choose_theme(request),
                path=request.path,
                caller=request.get(CALLER),
                **context,
            )
        )
        headers = {
            "Cache-Control": "no-store",
            "Content-Language": language,
            "Vary": "Cookie, Accept-Language",
        }
        return web.Response(text=body, status=status, content_type="text/html", headers=headers)

    def render_error(self, request: web.Request, status: int, title: str, detail: str) -> web.Response:
        """`title` and `detail` are shown as they are; the page adds the words a person needs for this status."""
        facts = {"code": status, "title": title, "detail": detail, "lacking": _lacking(request, status)}
        return self.render(request, "error.html", status=status, **facts)

    def _environment(self, web_dir: Path, language: str) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(web_dir / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
        )
        catalogue = load_catalogue(web_dir / "locale", language)
        environment.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
        environment.globals |= {
            "static_url": self.assets.url,
            "icon": icon,
            "icon_symbols": icon_symbols(self.assets.text(SPRITE)),
            "word": word,
        }
        return environment


def _lacking(request: web.Request, status: int) -> str:
    """What would open this page to the caller; empty where nobody knows."""
    page, caller = find_page(request), request.get(CALLER)
    if page is None or caller is None:
        return ""
    if status == HTTPStatus.NOT_FOUND and page.whose == "city" and "{" not in page.path:
        return "first_city"
    return page.lacking(caller) if status == HTTPStatus.FORBIDDEN else ""


def icon_symbols(sprite: str) -> Markup:
    """The `<symbol>`s of the sprite, to stand in the page itself.

    A `<use>` of another file falls under a different CSP directive in each browser; one of the same page falls
    under none. The sprite comes from the box's own set-up, so it is trusted markup.
    """
    symbols = (_ID.sub('id="icon-', symbol, count=1) for symbol in _SYMBOL.findall(sprite))
    return Markup("".join(symbols))  # noqa: S704 - a file of the program, not of a caller


def icon(name: str, extra_class: str = "") -> Markup:
    """One icon; decoration only, a word beside it always says the same."""
    return Markup('<svg class="icon {}" aria-hidden="true"><use href="#icon-{}"></use></svg>').format(extra_class, name)


def word(key: str, text: str) -> Markup:
    """One entry of the words scripts say."""
    return Markup('<i data-word="{}">{}</i>').format(key, text)


RENDERER = web.AppKey("renderer", Renderer)
