"""`vmsd camera discover`, `inspect`, `set-time`, `find`: an installer's tools, from the box's own console."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vmsd.commands.base import config_option, wait_for
from vmsd.config import Settings, load_settings

if TYPE_CHECKING:  # what these need is imported late, so that --help answers at once
    from vmsd.base import Base
    from vmsd.services.devices import CityDevices, ClockSet
    from vmsd.services.discovery import Discovery, Inspection, Search, StreamOffer
    from vmsd.services.moved_cameras import Move

as_json_option = click.option("--json", "as_json", is_flag=True, help="for programs")
city_option = click.option("--city", "city_id", required=True, help="the city's id")


@click.command("discover")
@config_option
@as_json_option
def discover(config_file: Path, as_json: bool) -> None:
    """Search the camera network for ONVIF devices; takes three seconds and changes nothing."""
    found = wait_for(_discovery(load_settings(config_file)).search())
    if as_json:
        click.echo(json.dumps([asdict(one.match) | {"mac": one.mac} for one in found.found], indent=2))
        return
    _say_search(found)


def _say_search(found: Search) -> None:
    for one in found.found:
        click.echo(f"{one.address:15}  {one.mac or '-':17}  {one.match.name or '-'}  {one.match.hardware}")
    where = ", ".join(f"{one.interface} ({one.network})" for one in found.networks)
    if not found.networks:
        raise click.ClickException("the camera network has no address on this box: see [cameras] interfaces")
    click.echo(f"{len(found.found)} found on {where}", err=True)
    if found.refused:
        click.echo(f"{found.refused} left out, at addresses this box may not call", err=True)


@click.command("inspect")
@config_option
@as_json_option
@click.argument("address")
@click.option("--user", "username", default="", help="its password is asked for, or read from standard input")
def inspect(config_file: Path, as_json: bool, address: str, username: str) -> None:
    """Ask the ONVIF device at ADDRESS (IP, IP:port or URL) what it is and which streams it has."""
    from vmsd.video.rtsp_auth import Credentials

    login = Credentials(username, _password()) if username else None
    found = wait_for(_discovery(load_settings(config_file)).inspect(address, login))
    facts = _facts(found)
    if as_json:
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    for name, value in facts.items():
        lines = value if isinstance(value, list) else [value]
        for line in lines:
            click.echo(f"{name:12}  {'-' if line in (None, '') else line}")


def _password() -> str:
    """Every user of this machine sees the words of a running command: it is never one of them."""
    if sys.stdin.isatty():
        return str(click.prompt("Password of the camera", hide_input=True))
    return sys.stdin.readline().rstrip("\r\n")


def _facts(found: Inspection) -> dict[str, Any]:
    said = found.information
    return {
        "device": f"{said.manufacturer} {said.model}".strip(),
        "firmware": said.firmware,
        "serial": said.serial,
        "mac": found.mac,
        "service": found.service_url,
        "clock": None if found.offset_ms is None else f"{found.offset_ms / 1000:+.1f} s",
        "streams": [_stream(one) for one in found.streams],
        "record": found.main.url.join() if found.main else None,
        "live": found.sub.url.join() if found.sub else None,
        "warnings": list(found.warnings),
    }


def _stream(offer: StreamOffer) -> str:
    one = offer.profile
    return f"{offer.url.join()}  {one.codec} {one.width}x{one.height} {one.fps or '?'} fps"


@click.command("set-time")
@config_option
@city_option
@click.argument("camera_id")
@click.option("--force", is_flag=True, help="also of a camera that takes its time from a time server")
def set_time(config_file: Path, city_id: str, camera_id: str, force: bool) -> None:
    """Set the clock of the camera with this id to the box's time."""
    done = wait_for(_set_time(load_settings(config_file), city_id, camera_id, force=force))
    click.echo(f"it was {_said(done.before_ms)}, now it is {_said(done.after_ms)}")


def _said(offset_ms: int | None) -> str:
    return "unknown" if offset_ms is None else f"{offset_ms / 1000:+.1f} s"


async def _set_time(settings: Settings, city_id: str, camera_id: str, *, force: bool) -> ClockSet:
    async with _opened(settings, city_id) as (base, devices):
        camera = await base.cameras(await base.cities.get(city_id)).get(camera_id)
        return await devices.set_clock(camera, force=force)


@click.command("find")
@config_option
@city_option
@click.option("--apply", "follow", is_flag=True, help="give those that are surely the same their new addresses")
def find(config_file: Path, city_id: str, follow: bool) -> None:
    """Search the network for cameras of the city that have got another address."""
    moves = wait_for(_find(load_settings(config_file), city_id, follow=follow))
    for one in moves:
        sure = "the same one" if one.confirmed else "not confirmed: it does not take the camera's password"
        done = " (followed)" if follow and one.confirmed else ""
        signs = ", ".join(one.by)
        click.echo(f"{one.camera.name}: {one.address} -> {one.found.address}, by {signs}: {sure}{done}")
    click.echo(f"{len(moves)} at another address", err=True)


async def _find(settings: Settings, city_id: str, *, follow: bool) -> Sequence[Move]:
    async with _opened(settings, city_id) as (_, devices):
        moves = await devices.find_moved()
        for one in moves:
            if follow and one.confirmed:
                await devices.follow(one)
        return moves


@asynccontextmanager
async def _opened(settings: Settings, city_id: str) -> AsyncIterator[tuple[Base, CityDevices]]:
    from vmsd.base import device_parts, devices_in, open_base

    async with open_base(settings, beside_daemon=True) as base:
        yield base, devices_in(base, device_parts(base), await base.cities.get(city_id))


def _discovery(settings: Settings) -> Discovery:
    """Without the store: nothing is known of any camera, and nothing written."""
    from vmsd.clock import SystemClock
    from vmsd.host.camera_http import CameraHttp
    from vmsd.host.clocksync import read_kernel_clock
    from vmsd.services.camera_hosts import CameraHosts, networks_of
    from vmsd.services.discovery import Discovery

    hosts = CameraHosts(partial(networks_of, settings))
    http = CameraHttp(settings.cameras.probe_deadline_s)
    return Discovery(http, hosts, settings.cameras, SystemClock(), lambda: read_kernel_clock().synchronised is True)
