"""`vmsd site`: the file that says what a new box is, and the page on the box's own screen."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vmsd.commands.base import config_option, wait_for
from vmsd.config import Settings, load_settings

if TYPE_CHECKING:
    from vmsd.site_file.applying import Outcome
    from vmsd.site_file.storing import Plans, Stored
    from vmsd.site_file.words import Language

FOLDERS = (Path("/boot/vmsd"), Path("/run/vmsd-site"))
RESULT = Path("/run/vmsd-first-start/result.txt")
"""What is wrong with the site file, for the screen; in the language of the box."""
LANGUAGES: dict[str, Language] = {"pt": "pt_BR", "en": "en"}
PATIENCE_S = 30
LOOK_EVERY_S, RENEW_EVERY_S = 3, 60
CLEAR = "\033[H\033[2J\033[3J\033[?25l"


@click.group()
def site() -> None:
    """The site file of a new box, and the page on its screen."""


@site.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--lang", type=click.Choice([*LANGUAGES]), default="pt", show_default=True)
def check(file: Path, lang: str) -> None:
    """Say everything that is wrong with a site file, or that nothing is; changes nothing."""
    from vmsd.site_file.reading import read_site
    from vmsd.site_file.result import Result, line

    reading = read_site(file)
    problems = (*reading.problems, *reading.removed)
    click.echo(Result([line("bad" if problems else "good")], problems).said(LANGUAGES[lang]), nl=False)
    sys.exit(1 if problems else 0)


@site.command()
@config_option
@click.option(
    "--from",
    "folders",
    type=click.Path(file_okay=False, path_type=Path),
    multiple=True,
    default=FOLDERS,
    show_default=True,
    help="where site.toml lies; the first one found counts",
)
@click.option("--by-units", is_flag=True, help="with the rights of the box's own units, as at its start")
@click.option("--root", type=click.Path(file_okay=False, path_type=Path), default=Path("/"), hidden=True)
def apply(config_file: Path, folders: tuple[Path, ...], by_units: bool, root: Path) -> None:
    """Apply the site file, once: city, administrator, cameras, settings, network; then take its secrets out."""
    from vmsd.clock import SystemClock
    from vmsd.site_file.applying import Box, apply_first
    from vmsd.site_file.by_unit import restart_what_runs, store_by_unit
    from vmsd.site_file.storing import find_marker

    settings = load_settings(config_file)
    if by_units:
        _wait_no_longer(settings)
    box = Box(
        settings_dir=config_file.parent,
        root=root,
        clock=SystemClock(),
        marker=lambda: find_marker(settings.data_dir),
        store=store_by_unit if by_units else lambda plans: _store(settings, plans),
    )
    outcome = apply_first(folders, box)
    _tell(outcome, settings.site.language, screen=by_units)
    if outcome.changed and by_units:
        restart_what_runs()
    sys.exit(1 if outcome.failed else 0)


def _wait_no_longer(settings: Settings) -> None:
    """A box at work records again after this long at most, whatever is on a stick."""
    from vmsd.site_file.storing import find_marker

    marker = find_marker(settings.data_dir)
    if marker is not None and marker.done:
        signal.alarm(PATIENCE_S)


def _store(settings: Settings, plans: Plans) -> Stored:
    from vmsd.site_file.storing import store

    return wait_for(store(settings, plans))


def _tell(outcome: Outcome, language: Language, *, screen: bool) -> None:
    if outcome.result is None:
        return
    text = outcome.result.said(language)
    click.echo(text, nl=False)
    if screen and outcome.failed:
        RESULT.parent.mkdir(mode=0o755, exist_ok=True)
        RESULT.write_text(text, "utf-8")
        RESULT.chmod(0o644)
    elif screen:
        RESULT.unlink(missing_ok=True)


@site.command(hidden=True)
@config_option
def store(config_file: Path) -> None:
    """The database part of `apply`; run by vmsd-site-store.service."""
    from vmsd.errors import Conflict
    from vmsd.site_file.by_unit import answer_of, given_plans

    try:
        click.echo(answer_of(_store(load_settings(config_file), given_plans())))
    except Conflict as error:
        click.echo(answer_of(error))


@site.command()
@config_option
@click.option("--root", type=click.Path(file_okay=False, path_type=Path), default=Path("/"), hidden=True)
def network(config_file: Path, root: Path) -> None:
    """Hand the network of the applied site file to systemd-networkd, for this boot."""
    from vmsd.site_file.box_settings import NETWORK, read_network
    from vmsd.site_file.networkd import write_network

    try:
        found = read_network(config_file.parent)
    except ValueError as error:
        raise click.ClickException(f"{config_file.parent / NETWORK}: {error}") from error
    if found is None:
        click.echo("no site file has set the network")
    elif not write_network(found, root):
        click.echo("systemd-networkd does not run this system's network: left as it is")


@site.command()
@config_option
@click.option("--watch", is_flag=True, help="stay, and draw it anew when something changes")
def screen(config_file: Path, watch: bool) -> None:
    """Draw the page of the box's screen: address, QR code, fingerprint, and the first password while it counts."""
    from vmsd.site_file.screen import drawn, look

    settings = load_settings(config_file)
    width = _width()
    if not watch:
        click.echo(drawn(look(settings, RESULT), width))
        return
    pause, before, passes = threading.Event(), "", 0
    while True:
        now = drawn(look(settings, RESULT), width)
        if now != before:
            click.echo(f"{CLEAR}{now}", nl=False)
        before, passes = now, passes + 1
        if passes % (RENEW_EVERY_S // LOOK_EVERY_S) == 0:
            _renew(settings)
        pause.wait(LOOK_EVERY_S)


def _width() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _renew(settings: Settings) -> None:
    """A box without a battery begins in another year: the password it made then has expired by the right clock."""
    from vmsd.clock import SystemClock
    from vmsd.services.first_login import find_first_secret
    from vmsd.site_file.screen import is_over

    if is_over(find_first_secret(settings.data_dir), SystemClock()):
        from vmsd.base import open_base  # late: the page alone needs a third of the memory

        async def renew() -> None:
            async with open_base(settings, beside_daemon=True) as base:
                await base.first_login.prepare()

        wait_for(renew())
