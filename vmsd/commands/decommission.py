"""The end of a box: asked for by its name, gone through to the end, and certified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vmsd import __version__
from vmsd.commands.base import config_option
from vmsd.config import Settings, load_settings
from vmsd.errors import Invalid

if TYPE_CHECKING:
    from vmsd.services.decommission import Site

INSTALLED = Path("/var/lib/vmsd")
"""Where the package keeps things: what else it keeps elsewhere is then this site's too."""
UPDATE = Path("/var/lib/vmsd-update/current")
CREDENTIALS = ("/etc/credstore", "/etc/credstore.encrypted")
FIRST_START = Path("/run/vmsd-first-start")
SITE_LABEL, SITE_MOUNT = Path("/dev/disk/by-label/VMSD-SITE"), r"run-vmsd\x2dsite.mount"
DROP_INS = ("vmsd.d", "ssh", "network.toml")
UNITS = ("vmsd.service", "mediamtx.service")
FOLDER = click.Path(exists=True, file_okay=False, writable=True, path_type=Path)


@click.command()
@config_option
@click.option("--out", type=FOLDER, required=True, help="a folder, on a USB stick say, for the certificate")
@click.option("--by", default="", metavar="NAME", help="who answers for it; stands in the certificate")
@click.option("--keep-recordings", is_flag=True, help="destroy all but the recordings, and say so")
@click.option("--overwrite", is_flag=True, help="write over recordings too: hours on a large disk")
@click.option("--despite-holds", is_flag=True, help="destroy recordings somebody has ordered to preserve")
@click.option("--factory-reset", is_flag=True, help="start as a new box afterwards, with new keys")
@click.option("--yes-destroy", metavar="NAME", help="the site's name, instead of typing it when asked")
def decommission(
    config_file: Path,
    out: Path,
    by: str,
    keep_recordings: bool,
    overwrite: bool,
    despite_holds: bool,
    factory_reset: bool,
    yes_destroy: str | None,
) -> None:
    """Destroy the keys, the database and the recordings of this box for good, and certify it.

    The certificate (PDF, text, and JSON with its signature) is signed with the box's key before that is destroyed.
    What a power cut has ended is gone on with by the same command.
    """
    from vmsd.clock import SystemClock
    from vmsd.host import units
    from vmsd.host.daemon_lock import daemon_lock
    from vmsd.services.decommission import Decommission, Wish

    settings, out = load_settings(config_file), out.resolve()
    wish = Wish(keep_recordings=keep_recordings, overwrite=overwrite, despite_holds=despite_holds, by=by)
    with site_partition(settings):
        site = site_of(settings, config_file)
        refuse_inside(out, site)
        work = Decommission(site, SystemClock())
        confirm(work.look(wish), site.name, yes_destroy)
        if units.is_systemd():
            units.stop(UNITS)
        with daemon_lock(site.data_dir):
            told = work.destroy(work.look(wish), out)
    if units.is_systemd() and site.more:
        (units.start if factory_reset else units.disable)(UNITS)
    click.echo(told)
    click.echo(f"the certificate is in {out}", err=True)


def site_of(settings: Settings, config_file: Path) -> Site:
    from vmsd.services.decommission import Site

    is_installed = settings.data_dir == INSTALLED
    key_files = [file for folder in CREDENTIALS for file in Path(folder).glob("vmsd.*")] if is_installed else []
    more = [*(config_file.parent / name for name in DROP_INS), UPDATE, *_first_start(settings)] if is_installed else []
    return Site(
        name=settings.site.name,
        time_zone=settings.site.time_zone,
        version=__version__,
        data_dir=settings.data_dir.resolve(),
        recordings_dir=settings.recordings_dir.resolve(),
        runtime_dir=settings.runtime_dir.resolve(),
        database=settings.database.resolve(),
        must_be_mount=settings.disk.must_be_mount,
        more=tuple(more),
        key_files=tuple(key_files),
    )


@contextmanager
def site_partition(settings: Settings) -> Iterator[None]:
    """Within it, the partition the site file came from can be read and written to, where there is one."""
    from vmsd.host import units

    there = settings.data_dir == INSTALLED and units.is_systemd() and SITE_LABEL.exists()
    if there:
        with suppress(OSError):
            units.start((SITE_MOUNT,))
    try:
        yield
    finally:
        if there:
            with suppress(OSError):
                units.stop((SITE_MOUNT,))


def _first_start(settings: Settings) -> list[Path]:
    from vmsd.commands.site import FOLDERS
    from vmsd.site_file.networkd import FILES

    return [FIRST_START, *(Path("/") / name for name in FILES), *site_files(settings.data_dir, FOLDERS)]


def site_files(data_dir: Path, folders: Sequence[Path]) -> list[Path]:
    """The file this site was set up with, and what was said of it: they name its cameras. Another site's stay."""
    from vmsd.site_file.applying import NAME
    from vmsd.site_file.reading import read_site
    from vmsd.site_file.result import NAME as RESULT
    from vmsd.site_file.storing import find_marker
    from vmsd.site_file.without_secrets import digest_of

    marker, found = find_marker(data_dir), []
    for folder in folders:
        with suppress(OSError):
            reading = read_site(folder / NAME)
            if marker is not None and reading.site is not None and digest_of(reading) == marker.digest:
                found += [folder / NAME, folder / RESULT]
    return found


def refuse_inside(out: Path, site: Site) -> None:
    """A certificate that is destroyed with the rest certifies nothing."""
    for folder in (site.data_dir, site.recordings_dir, site.runtime_dir, *site.more):
        if out == folder or out.is_relative_to(folder):
            raise Invalid(f"{out} is in {folder}, which is destroyed: name another folder for the certificate")


def confirm(record: Mapping[str, Any], name: str, given: str | None) -> None:
    """Raises `Invalid` unless the site's very name was given, or is typed now."""
    if given is None:
        click.echo(summary(record), err=True)
        given = click.prompt(f"Type the name of this site ({name}) to destroy it", err=True)
    if given != name:
        raise Invalid(f"{given!r} is not the name of this site: nothing was destroyed")


def summary(record: Mapping[str, Any]) -> str:
    recordings, data = record["recordings"], record["data"]
    left = {"kept": ", which STAY", "missing": ": no volume is there"}.get(recordings["method"] or "", "")
    lines = [
        f"This destroys the site {record['site']['name']!r} for good:",
        f"  keys: {', '.join(record['keys']) or 'none'}",
        f"  database and what lies beside it: {data['files']} files, {data['bytes']:,} bytes",
        f"  recordings: {recordings['files']} files, {recordings['bytes']:,} bytes{left}",
        *(f"  {city['name']}: {city['cameras']} cameras, since {city['oldest']}" for city in record["cities"]),
    ]
    if record["phase"] != "asked":
        lines.append("It was begun already and is gone on with; there is no way back.")
    return "\n".join(lines)
