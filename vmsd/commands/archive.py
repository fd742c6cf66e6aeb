"""The archive off the box: whether it can be reached and written to, and what waits for it."""

from __future__ import annotations

from pathlib import Path

import click

from vmsd.commands.base import config_option, wait_for
from vmsd.config import Settings, load_settings
from vmsd.errors import BadSetting

SHOWN = 20


@click.group()
def archive() -> None:
    """What is kept in an S3-compatible store too."""


@archive.command()
@config_option
def check(config_file: Path) -> None:
    """Begin an upload and give it up again: proves address, certificate, key and right to write; leaves nothing."""
    offers_lock = wait_for(_check(_wanted(config_file)))
    lock = {True: "; it locks what it gets", False: "; it offers no lock", None: ""}[offers_lock]
    click.echo("the archive can be written to" + lock)


@archive.command()
@config_option
def status(config_file: Path) -> None:
    """What waits, then what was sent last."""
    for line in wait_for(_status(_wanted(config_file))):
        click.echo(line)


def _wanted(config_file: Path) -> Settings:
    settings = load_settings(config_file)
    if not settings.archive.enabled:
        raise BadSetting("archive.endpoint: not set, nothing is archived")
    return settings


async def _check(settings: Settings) -> bool | None:
    """Whether it offers a lock, where one is wanted."""
    from vmsd.base import open_base
    from vmsd.offsite import StoreLine

    async with open_base(settings, beside_daemon=True) as base:
        line = StoreLine(base)
        try:
            name = f"{settings.archive.prefix}check"
            await line.store.abandon(name, await line.store.begin(name, "", None))
            return await line.store.offers_lock() if settings.archive.lock_days else None
        finally:
            await line.close()


async def _status(settings: Settings) -> list[str]:
    from vmsd.base import open_base
    from vmsd.clock import rfc3339
    from vmsd.store.archive import ArchiveItems

    async with open_base(settings, beside_daemon=True) as base:
        items = await ArchiveItems(base.database).list(SHOWN)
    lines = []
    for one in items:
        share = 100 * one.sent_bytes // one.size_bytes
        state = f"{share:3}%" if one.done_ms is None else "gone" if one.error else "sent"
        at = rfc3339(one.created_ms if one.done_ms is None else one.done_ms)
        lines.append(f"{state}  {at}  {one.size_bytes:>14}  {one.object}" + (f"  ({one.error})" if one.error else ""))
    return lines or ["nothing waits, and nothing was sent yet"]
