"""Takes a copy of the database away, and brings one back: plain, or with the keys for an operator's age key."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from vmsd.commands.base import config_option, wait_for
from vmsd.config import check_age_recipient, load_settings

MOST_IDENTITY_BYTES = 65_536


def _recipient(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    try:
        if text is not None:
            check_age_recipient(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return text


@click.command()
@config_option
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--recipient", metavar="age1...", callback=_recipient, help="encrypt it for this age key, keys included")
@click.option("--plain", is_flag=True, help="the database alone, whatever the settings say")
def backup(config_file: Path, file: Path, recipient: str | None, plain: bool) -> None:
    """Write a snapshot of the database to FILE, and its SHA-256 to FILE.sha256; the daemon may be running.

    For a recipient (here, or backup.recipient in the settings) it is encrypted and holds the box's keys too: it can
    bring up another box. A plain one holds no keys: the passwords of cameras in it can be read on this box alone.
    """
    from vmsd import console

    if plain and recipient:
        raise click.UsageError("--plain and --recipient exclude each other")
    settings = load_settings(config_file)
    chosen = None if plain else recipient or settings.backup.recipient
    digest = wait_for(console.back_up(settings, file.absolute(), chosen))
    click.echo(f"{digest}  {file}")


@click.command()
@config_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--identity", metavar="KEYFILE", help="for an encrypted FILE: as age-keygen wrote it; - is standard input"
)
def restore(config_file: Path, file: Path, identity: str | None) -> None:
    """Put a snapshot in the place of the database; the daemon must not be running.

    The database that was there is kept. What was recorded since comes back from the disk when the daemon starts. An
    encrypted snapshot brings the keys of its box with it: this box is that one afterwards.
    """
    from vmsd.host.age import is_encrypted

    if not is_encrypted(file):
        _restore_plain(config_file, file)
    elif identity is None:
        raise click.UsageError(f"{file.name} is encrypted: --identity names the file with the secret key")
    else:
        _restore_bundle(config_file, file, _read_identity(identity))
    click.echo(f"restored from {file}")


def _restore_plain(config_file: Path, file: Path) -> None:
    from vmsd import console

    restored = wait_for(console.restore(load_settings(config_file), file.absolute()))
    if not restored.proven:
        click.echo(f"{file.name}.sha256 was not there: only SQLite has vouched for the snapshot", err=True)
    _tell_kept(restored.kept)


def _restore_bundle(config_file: Path, file: Path, identity: str) -> None:
    from vmsd import console

    restored = wait_for(console.restore_bundle(load_settings(config_file), file.absolute(), identity))
    _tell_kept(restored.kept)
    click.echo(f"made at {restored.made_at}; this box now signs with the key {restored.box}")


def _tell_kept(kept: Path | None) -> None:
    if kept:
        click.echo(f"the database that was there is kept as {kept}")


def _read_identity(name: str) -> str:
    if name == "-":
        return sys.stdin.read(MOST_IDENTITY_BYTES)
    try:
        with Path(name).open(encoding="utf-8") as opened:
            return opened.read(MOST_IDENTITY_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"cannot read {name}", param_hint="--identity") from error
