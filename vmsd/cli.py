"""The commands an operator types."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from vmsd import __version__
from vmsd.camera_file import read_camera_file
from vmsd.commands.archive import archive
from vmsd.commands.backup import backup, restore
from vmsd.commands.base import Commands, config_option, wait_for
from vmsd.commands.decommission import decommission
from vmsd.commands.discovery import discover, find, inspect, set_time
from vmsd.commands.doctor import doctor
from vmsd.commands.fleet import fleet
from vmsd.commands.site import site
from vmsd.commands.update import update
from vmsd.config import load_settings
from vmsd.model.person import ALL_VERBS, GUARD_VERBS, Role, ScopeWord, Verb


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vmsd")
def main() -> None:
    """Records, shows and proves the cameras of one site."""
    from vmsd import logs  # late, here and below, so that --help and mistakes answer at once

    logs.set_up_logs("warning", sys.stderr)  # what a command answers stands alone on standard output


@main.command()
@config_option
def run(config_file: Path) -> None:
    """The daemon: runs until it is told to stop."""
    import faulthandler
    import gc

    gc.disable()  # modules are no garbage: looking for some takes a tenth of the start
    from vmsd import app, logs

    gc.freeze()
    gc.enable()
    settings = load_settings(config_file)
    logs.set_up_logs(settings.log_level)
    faulthandler.enable()  # a watchdog's SIGABRT then says where the program hung
    wait_for(app.run_until_stopped(settings))


@main.command("check-config")
@config_option
def check_config(config_file: Path) -> None:
    """Say what is wrong with a configuration (exit code 78), or that nothing is."""
    settings = load_settings(config_file)
    click.echo(f"{config_file}: fine; recordings in {settings.recordings_dir}")


@main.command("render-mediamtx")
@config_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="where to write it")
def render_mediamtx(config_file: Path, out: Path) -> None:
    """Write MediaMTX's configuration from the store, without the daemon."""
    from vmsd import console

    paths = wait_for(console.render_mediamtx(load_settings(config_file), out))
    click.echo(f"{out}: {paths} paths")


@main.command()
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), default=Path("demo-data"), show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="of the dashboard")
@click.option("--cameras", "count", type=click.IntRange(1, 64), default=4, show_default=True)
@click.option("--fresh", is_flag=True, help="empty the demo's folder first")
def demo(data: Path, port: int, count: int, fresh: bool) -> None:
    """A whole site on this machine, with generated cameras."""
    from vmsd import console, logs
    from vmsd.demo.site import prepare

    data = data.absolute()
    prepare(data, fresh=fresh)
    with (data / "vmsd.log").open("a", encoding="utf-8") as log:
        logs.set_up_logs("info", log)
        wait_for(console.run_demo(data, port=port, count=count))


@main.group()
def user() -> None:
    """Accounts, from the box's own console."""


@user.command("add")
@config_option
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), default="SUPERADMIN", show_default=True)
@click.option("--city", default=None, help="the city's id; needed for everybody but a SUPERADMIN")
@click.option("--group", "groups", multiple=True, help="of a USER: a camera group or *; or GROUP=view,export")
@click.password_option()
def user_add(config_file: Path, name: str, role: str, city: str | None, groups: Sequence[str], password: str) -> None:
    """Add an account."""
    from vmsd import console

    rights = dict(_right(text) for text in groups) if groups else None
    wait_for(console.add_person(load_settings(config_file), name, password, Role(role), city, rights))
    click.echo(f"{name} may log in now")


def _right(text: str) -> tuple[str, frozenset[Verb]]:
    group, equals, verbs = text.rpartition("=")
    return (group, _verbs(verbs)) if equals else (verbs, GUARD_VERBS)


def _verbs(text: str) -> frozenset[Verb]:
    """Raises `UsageError` for a word that is none; an empty text is no verb at all."""
    words = text.replace(",", " ").split()
    wrong = [word for word in words if word not in ALL_VERBS]
    if wrong:
        raise click.UsageError(f"{wrong[0]} is none of the verbs {', '.join(Verb)}")
    return frozenset(Verb(word) for word in words)


@user.command("reset")
@config_option
@click.argument("name")
@click.option("--without-totp", is_flag=True, help="take the second factor away too")
@click.password_option()
def user_reset(config_file: Path, name: str, without_totp: bool, password: str) -> None:
    """Give an account a new password; its sessions and tokens end."""
    from vmsd import console

    wait_for(console.reset_password(load_settings(config_file), name, password, without_totp=without_totp))
    click.echo(f"{name} has a new password")


@user.command("disable")
@config_option
@click.argument("name")
def user_disable(config_file: Path, name: str) -> None:
    """Keep an account out until it is enabled again; its sessions end, its tokens count for nothing."""
    from vmsd import console

    wait_for(console.set_status(load_settings(config_file), name, "disabled"))
    click.echo(f"{name} may not log in any more")


@user.command("enable")
@config_option
@click.argument("name")
def user_enable(config_file: Path, name: str) -> None:
    """Let an account in again."""
    from vmsd import console

    wait_for(console.set_status(load_settings(config_file), name, "active"))
    click.echo(f"{name} may log in again")


@main.group()
def token() -> None:
    """Tokens for programs."""


@token.command("add")
@config_option
@click.argument("person")
@click.option("--name", default="console", show_default=True, help="what the token is for")
@click.option(
    "--days", type=click.IntRange(1, 3653), default=90, show_default=True, help="a year at most, status:read ten"
)
@click.option(
    "--scope",
    default=None,
    help="verbs, such as view,replay; or status:read, for a central office; all its owner may do if not given",
)
def token_add(config_file: Path, person: str, name: str, days: int, scope: str | None) -> None:
    """A new API token of a person; it is shown this once."""
    from vmsd import console

    status_only = scope == ScopeWord.STATUS_READ
    verbs = None if scope is None or status_only else _verbs(scope)
    work = console.add_token(load_settings(config_file), person, name, days, verbs, status_only=status_only)
    click.echo(wait_for(work))


@main.group()
def city() -> None:
    """Cities, from the box's own console."""


@city.command("add")
@config_option
@click.argument("name")
@click.option("--plan", type=click.Choice(["basic", "pro", "premium"]), default="basic", show_default=True)
def city_add(config_file: Path, name: str, plan: Any) -> None:
    """Add a city; prints its id."""
    from vmsd import console

    click.echo(wait_for(console.add_city(load_settings(config_file), name, plan)))


@main.group()
def camera() -> None:
    """Cameras: what a source sends, and many at once."""


@camera.command("probe")
@click.argument("url")
def camera_probe(url: str) -> None:
    """Open a source and say what it really sends.

    Every user of this machine sees the words of a running command: give - for an address with a password in it,
    and the address on standard input, where nobody else reads it.
    """
    from vmsd import console

    address = sys.stdin.readline().strip() if url == "-" else url
    click.echo(json.dumps(wait_for(console.probe(address)), indent=2))


@camera.command("import")
@config_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--city", "city_id", required=True, help="the city's id")
@click.option("--dry-run", is_flag=True, help="check everything, add nothing")
def camera_import(config_file: Path, file: Path, city_id: str, dry_run: bool) -> None:
    """Add the cameras of a TOML ([[camera]]) or CSV file."""
    from vmsd import console

    found = read_camera_file(file)
    work = console.import_cameras(
        load_settings(config_file), city_id, found.rows, dry_run=dry_run, as_text=found.as_text
    )
    results = wait_for(work)
    refused = sum(_say_result(number, result) for number, result in enumerate(results, 1))
    click.echo(f"{len(results) - refused} {'would be added' if dry_run else 'added'}, {refused} refused")
    sys.exit(1 if refused else 0)


def _say_result(number: int, result: Mapping[str, Any]) -> bool:
    """One line about one camera; True when it was refused."""
    words = [f"{one['pointer'].strip('/')}: {one['detail']}" for one in result.get("errors", ())]
    outcome = f"refused: {'; '.join(words)}" if words else "fine"
    click.echo(f"{number:4} {result['name'] or '(no name)'}: {outcome}")
    return bool(words)


@main.command("rebuild-index")
@config_option
def rebuild_index(config_file: Path) -> None:
    """Make the index of recordings again from the files alone; deletes nothing."""
    from vmsd import console

    def progress(folders_left: int, files: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{files} files, {folders_left} folders to go ", nl=False, err=True)

    count = wait_for(console.rebuild_index(load_settings(config_file), progress))
    click.echo(f"{count} recordings in the index")


@main.command()
@click.argument("package", type=click.Path(exists=True))
@click.option("--fingerprint", metavar="HEX", help="of the box's key, as the municipality published it")
@click.option("--lang", type=click.Choice(["pt", "en"]), default="pt", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="for programs")
def verify(package: str, fingerprint: str | None, lang: str, as_json: bool) -> None:
    """Check an evidence package (ZIP or folder) or a certificate offline; exit code 1 when anything is wrong."""
    from vmsd.verifier import verificar

    try:
        key = fingerprint and verificar.read_fingerprint(fingerprint)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--fingerprint") from error
    sys.exit(verificar.report(package, key, lang=lang, as_json=as_json))


@main.command(hidden=True)
def decode() -> None:
    """Decode pictures for the daemon, which starts it, on standard input and output."""
    from vmsd.video import worker_main

    worker_main.main()


@main.command(hidden=True)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def relay(file: Path) -> None:
    """Bring MediaMTX a camera it cannot pull itself; started by MediaMTX."""
    from vmsd.video.relay import run_relay

    run_relay(file)


main.add_command(archive)
main.add_command(backup)
main.add_command(restore)
main.add_command(update)
main.add_command(fleet)
main.add_command(site)
main.add_command(doctor)
main.add_command(decommission)
for installing in (discover, inspect, set_time, find):
    camera.add_command(installing)
