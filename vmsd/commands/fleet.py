"""`vmsd fleet`: what a central office asks of many sites, and what it needs to begin."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from vmsd.commands.base import wait_for
from vmsd.fleet.words import Language

SITES = click.Path(exists=True, dir_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
EXIT_LOOK = 1
"""Something to look at, from a camera without a recording to a forged signature; 0 when all is fine, 2 for a command
nobody understands, 78 for a file that is wrong."""


@click.group()
def fleet() -> None:
    """Many sites, seen from a central office; no server needed."""


@fleet.command()
@click.argument("sites_file", metavar="SITES.toml", type=SITES)
@click.option("--json", "as_json", is_flag=True, help="for programs, in place of the table")
@click.option("--html", "page_file", type=FILE, help="also write a page that opens without a server")
@click.option("--state", "state_file", type=FILE, help="what is remembered  [default: SITES.toml.state.json]")
@click.option("--lang", type=click.Choice(["pt", "en"]), default="pt", show_default=True)
@click.option("--quiet", is_flag=True, help="no table when all is fine: cron then sends no mail")
def status(
    sites_file: Path, as_json: bool, page_file: Path | None, state_file: Path | None, lang: Language, quiet: bool
) -> None:
    """Ask every site how it is, and check what its box has signed.

    Exit code 0: all fine. 1: something to look at. 2: not understood. 78: a file is wrong.

    Remembered are each box's key and the end of its audit log: a log that went back or was written anew is an alarm,
    and stays one until `vmsd fleet forget`.
    """
    import json

    from vmsd.clock import SystemClock
    from vmsd.fleet import memory, page, rounds, sites, table
    from vmsd.fleet.finding import Level

    found_sites = sites.read_sites(sites_file)
    if found_sites.readable_by_others:
        click.echo(f"vmsd: there are tokens in files that others can read: chmod 600 {sites_file}", err=True)
    state = state_file or memory.beside(sites_file)
    with memory.alone(state), table.progress(len(found_sites.items), lang, sys.stderr) as bar:
        known = memory.read_memory(state)
        advance = lambda: bar.advance(bar.task_ids[0])  # noqa: E731 - handed on once
        found = wait_for(rounds.ask_all(found_sites, known, SystemClock(), advance))
        memory.write_memory(state, known.with_sites(found.remembered))
    if as_json:
        click.echo(json.dumps(rounds.as_json(found, lang)))
    elif not (quiet and found.level is Level.GREEN):
        table.print_round(found, lang, sys.stdout)
    if page_file is not None:
        memory.write_whole(page_file, page.page_of(found, lang).encode())
    sys.exit(0 if found.level is Level.GREEN else EXIT_LOOK)


@fleet.command()
@click.argument("sites_file", metavar="SITES.toml", type=SITES)
@click.argument("name")
@click.option("--state", "state_file", type=FILE, help="what is remembered  [default: SITES.toml.state.json]")
def forget(sites_file: Path, name: str, state_file: Path | None) -> None:
    """Begin anew with a site whose box was replaced or restored: the next reading is its first."""
    from vmsd.fleet import memory

    state = state_file or memory.beside(sites_file)
    with memory.alone(state):
        known = memory.read_memory(state)
        if name not in known.sites:
            raise click.UsageError(f"nothing is remembered of {name}")
        memory.write_memory(state, known.without(name))
    click.echo(f"{name}: forgotten")


@fleet.command()
@click.argument("sites_file", metavar="SITES.toml", type=SITES)
def targets(sites_file: Path) -> None:
    """The same sites for Prometheus, as its file_sd reads them."""
    import json

    from vmsd.fleet.sites import as_targets, read_sites

    click.echo(json.dumps(as_targets(read_sites(sites_file)), indent=2, ensure_ascii=False))


@fleet.command()
def token() -> None:
    """Make a token for a site file; the box keeps its hash alone, so keep it in the office's own file."""
    from vmsd.services.tokens import new_secret

    click.echo(new_secret())


@fleet.command()
@click.argument("url")
@click.option("--out", type=FILE, help="also write the certificate, in PEM")
def certificate(url: str, out: Path | None) -> None:
    """What a site shows now: compare the fingerprint with the one on its own console, and write down the key."""
    from vmsd.fleet.certificate import shown_by, spelled

    shown = wait_for(shown_by(url))
    if out is not None:
        out.write_text(shown.pem, "ascii")
    click.echo(f"fingerprint {spelled(shown.fingerprint)}")
    click.echo(f"key {shown.key.hex()}")


@fleet.command()
@click.argument("sites_file", metavar="SITES.toml", type=SITES)
@click.option("--out", type=FILE, required=True, help="the file of certificates, for Prometheus")
def certificates(sites_file: Path, out: Path) -> None:
    """Fetch the certificates of all sites that are known by their key: boxes renew theirs every year.

    Exit code 1 when a site did not answer, or showed another key or a certificate that is good for other sites too;
    what the file had of it stays.
    """
    from vmsd.fleet.certificate import renew
    from vmsd.fleet.memory import write_whole
    from vmsd.fleet.sites import read_sites
    from vmsd.fleet.words import plain

    before = out.read_text("ascii", "replace") if out.exists() else ""
    renewed = wait_for(renew(read_sites(sites_file), before))
    write_whole(out, renewed.pem.encode())
    for name in renewed.left:
        click.echo(f"vmsd: {plain(name)}: no certificate of the key it is known by, for itself alone", err=True)
    sys.exit(EXIT_LOOK if renewed.left else 0)
