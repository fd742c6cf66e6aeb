"""Updates: checked, put in place, proven or taken back."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vmsd.commands.base import config_option, wait_for
from vmsd.config import Settings, load_settings

if TYPE_CHECKING:
    from vmsd.host.systemd import Notifier
    from vmsd.update.applying import Updater
    from vmsd.update.journal import Plan

EXIT_UNHEALTHY = 1
"""vmsd-update-health.service ends so, and systemd then starts the way back."""
BASELINE_S = 12
"""What is recorded reaches the disk every few seconds."""
FORMER_S, FORMER_EVERY_S = 600, 2
"""How long the version that came back is waited for, which may have its database to put back first."""
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class NotRoot(click.ClickException):
    """EX_NOPERM of sysexits.h."""

    exit_code = 77


@click.group()
def update() -> None:
    """New versions: signed files, put in place with recording running, and taken back by themselves if need be."""


def _require_root() -> None:
    if os.geteuid() != 0:
        raise NotRoot("only root may do this: sudo vmsd update ...")


def _updater() -> Updater:
    from vmsd.clock import SystemClock
    from vmsd.update.applying import Updater
    from vmsd.update.places import Places

    _require_root()
    os.umask(0o022)  # the daemon's user reads how far it has come, and dpkg-deb wants its folders readable
    return Updater(Places(), SystemClock())


@update.command()
@click.argument("file", type=FILE)
def check(file: Path) -> None:
    """Read every byte of an update and say whether it is for this box, now; nothing is changed."""
    manifest = _updater().check(file)
    click.echo(f"{file.name}: version {manifest.version} of {manifest.created}, signed; it may be installed")


@update.command()
@config_option
@click.argument("file", type=FILE)
def apply(config_file: Path, file: Path) -> None:
    """Install an update. Recording goes on; a new version that is not well goes away again by itself."""
    _apply(_updater(), load_settings(config_file), file, by_hand=True)


@update.command(hidden=True)
@config_option
@click.argument("device", type=click.Path(exists=True, path_type=Path))
def usb(config_file: Path, device: Path) -> None:
    """What systemd runs when a stick labelled VMSD-UPDATE is put in."""
    from vmsd.update.package import architecture
    from vmsd.update.stick import mounted, newest_update, replaced_keys

    updater, settings = _updater(), load_settings(config_file)
    with mounted(device) as folder:
        for file in replaced_keys(folder):
            _offer_keys(updater, file)
        found = newest_update(folder, updater.running_version(), architecture())
        if found is None:
            click.echo(f"there is no newer version on {device.name}")
            return
        plan = _stage(updater, settings, found, by_hand=False)
    _start(plan)


def _apply(updater: Updater, settings: Settings, file: Path, *, by_hand: bool) -> None:
    _start(_stage(updater, settings, file, by_hand=by_hand))


def _stage(updater: Updater, settings: Settings, file: Path, *, by_hand: bool) -> Plan:
    import asyncio

    from vmsd.update.applying import Order
    from vmsd.update.health import Watcher, refuse_unaskable

    refuse_unaskable(settings.http.host)
    updater.check(file)
    watcher = Watcher(settings)
    wait_for(asyncio.sleep(BASELINE_S))
    before = watcher.look().as_before()
    click.echo(f"{file.name} is being made ready; before: {before.recording} cameras recorded")
    return updater.stage(Order(file, settings.update.confirm_minutes * 60, settings.database, before, by_hand))


def _start(plan: Plan) -> None:
    """From here on systemd does it: this very program is about to be replaced."""
    click.echo(f"from {plan.old} to {plan.new}: `vmsd update status` says how it goes")
    sys.stdout.flush()
    if plan.kind == "root":
        os.execvp("systemctl", ["systemctl", "reboot"])  # noqa: S606, S607 - root's own path
    os.execvp("systemctl", ["systemctl", "start", "--no-block", "vmsd-update-install.service"])  # noqa: S606, S607


@update.command()
@click.option("--json", "as_json", is_flag=True, help="for programs")
def status(as_json: bool) -> None:
    """How far an update has come, or how the one before ended."""
    from vmsd.clock import SystemClock, rfc3339
    from vmsd.update.places import Places
    from vmsd.update.status import describe

    told = describe(Places(), rfc3339(SystemClock().wall_ms()))
    click.echo(json.dumps(told, indent=1) if as_json else "\n".join(_words(told)))


def _words(told: dict[str, Any]) -> list[str]:
    lines = []
    if told["state"] != "idle":
        lines.append(f"{told['state']}: from {told['old']} to {told['new']} since {told['began']}")
    if told.get("reason"):
        lines.append(told["reason"])
    last = told["last"]
    if last:
        why = f" ({last['reason']})" if last["reason"] else ""
        lines.append(f"last: from {last['old']} to {last['new']}, {last['result']} {last['ended']}{why}")
    return lines or ["no update is under way"]


@update.command()
def confirm() -> None:
    """Keep the new version now, without waiting for its minutes to pass."""
    _updater().confirm()
    click.echo("confirmed")


@update.command()
def rollback() -> None:
    """Go back to the version before, while the new one is on trial."""
    from vmsd.errors import Conflict
    from vmsd.update.journal import Phase

    updater = _updater()
    if updater.journal.phase() not in (Phase.TRIAL, Phase.INSTALLED):
        raise Conflict("no version is on trial: what was confirmed stays")
    updater.give_up("an operator wanted the version before")
    os.execvp("systemctl", ["systemctl", "start", "vmsd-update-return.service"])  # noqa: S606, S607 - root's own path


@update.command()
@click.argument("file", type=FILE)
def keys(file: Path) -> None:
    """Take the release keys that a root key has signed in the place of those at hand."""
    click.echo(_take_keys(_updater(), file))


def _offer_keys(updater: Updater, file: Path) -> None:
    """Those of a stick, which may be older than the box's, or another's: what lies beside them is judged by itself."""
    from vmsd.errors import Invalid

    try:
        click.echo(_take_keys(updater, file))
    except Invalid as error:
        click.echo(f"{file.name!r}: {error}", err=True)


def _take_keys(updater: Updater, file: Path) -> str:
    found = updater.take_keys(file)
    return f"{len(found.release)} release keys, serial {found.serial}"


@update.command(hidden=True)
@config_option
def settle(config_file: Path) -> None:
    """What vmsd.service and vmsd-render.service begin with: nobody may have the database open."""
    from vmsd.update.places import Places
    from vmsd.update.settle import settle as settled

    settings = load_settings(config_file)

    def restore(copy: Path) -> None:
        from vmsd import console  # late: it brings the whole program, and is hardly ever needed

        wait_for(console.restore(settings, copy))

    click.echo(settled(Places(), settings.database, restore))


@update.command(hidden=True)
@click.option("--return", "go_back", is_flag=True)
def boot(go_back: bool) -> None:
    """Run by vmsd-update-resume.service and vmsd-update-return.service, on an appliance."""
    from vmsd.update.journal import Phase

    updater = _updater()
    if go_back:
        again = updater.leave_slot(updater.journal.verdict() or "the new version could not even be asked how it does")
    else:
        phase = updater.after_boot()
        click.echo(phase or "no update is under way")
        again = phase is Phase.RETURNING
    if again:
        os.execvp("systemctl", ["systemctl", "reboot"])  # noqa: S606, S607 - root's own path


@update.command(hidden=True)
@config_option
def watch(config_file: Path) -> None:
    """Run by vmsd-update-health.service until the new version is confirmed, or found wanting."""
    from vmsd.host.systemd import notifier_of
    from vmsd.update.journal import Phase

    updater, settings, notifier = _updater(), load_settings(config_file), notifier_of(os.environ)
    notifier.ready("watching the new version")
    if updater.journal.phase() is Phase.RETURNED and not _runs_again(updater, settings, notifier):
        return
    if updater.journal.phase() is not Phase.TRIAL:
        updater.finish()
        return
    sys.exit(_watch(updater, settings, notifier))


def _runs_again(updater: Updater, settings: Settings, notifier: Notifier) -> bool:
    """Whether the version that came back answers: till then the copy of its database, named in the journal, is needed.

    Where it does not, the journal stays as it is, and the next boot asks again.
    """
    import asyncio

    from vmsd.clock import SystemClock
    from vmsd.update.health import ask_health
    from vmsd.update.journal import Phase

    clock = SystemClock()
    until_s = clock.monotonic() + FORMER_S
    updater.tell(0, ())
    while updater.journal.phase() is Phase.RETURNED and clock.monotonic() < until_s:
        notifier.alive()
        if ask_health(settings.http.host, settings.http.port) is not None:
            return True
        wait_for(asyncio.sleep(FORMER_EVERY_S))
    return updater.journal.phase() is not Phase.RETURNED


def _watch(updater: Updater, settings: Settings, notifier: Notifier) -> int:
    from vmsd.clock import SystemClock
    from vmsd.update.health import Watcher
    from vmsd.update.service import main_pid
    from vmsd.update.trial import Trial
    from vmsd.update.trial import watch as watched

    clock, plan = SystemClock(), updater.journal.plan()
    trial = Trial(plan.before, plan.confirm_s, clock.monotonic())

    def say(trial: Trial) -> None:
        notifier.alive()
        updater.tell(trial.healthy_s(clock.monotonic()), trial.faults)

    find_pid: Callable[[], int] = main_pid

    def on_trial() -> bool:
        return updater.journal.is_on_trial(plan)

    verdict = wait_for(watched(trial, Watcher(settings).look, find_pid, clock, say, on_trial=on_trial))
    if verdict is None:
        updater.finish()
        return 0
    if verdict.healthy:
        updater.confirm()
        return 0
    updater.give_up(verdict.reason)
    return EXIT_UNHEALTHY
