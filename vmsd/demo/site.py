"""`vmsd demo`: a whole site on one machine, from generated cameras to the dashboard."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import click

from vmsd.clock import Clock
from vmsd.config import Settings, load_settings
from vmsd.demo.children import child
from vmsd.demo.media_server import MediaServer, find_media_server
from vmsd.demo.plan import DemoCamera, cameras, free_ports, settings_text
from vmsd.errors import BadSetting

RunDaemon = Callable[[Settings, Callable[[str], None]], Awaitable[None]]
"""Runs the daemon until cancelled; calls back with its address once it listens."""

READY_S = 60.0
CAMERA_START_S = 15.0


@dataclass(frozen=True)
class Person:
    name: str
    password: str
    role: str

    def shown(self) -> dict[str, str]:
        return {"name": self.name, "password": self.password, "role": self.role}


@dataclass(frozen=True)
class Seeded:
    """What was put into the store before the daemon started."""

    people: tuple[Person, ...]
    token: str
    city_id: str
    camera_ids: tuple[str, ...]
    lpr_secret: str
    """What plates are reported with; see `POST /api/v1/webhooks/lpr`."""


Seed = Callable[[Settings, "list[tuple[DemoCamera, dict[str, Any]]]"], Awaitable[Seeded]]


def new_people() -> tuple[Person, ...]:
    """One of each role, with generated passwords."""
    names = (("admin", "SUPERADMIN"), ("gestor", "GESTOR"), ("guarda", "USER"))
    return tuple(Person(name, secrets.token_urlsafe(9), role) for name, role in names)


async def run_site(data: Path, *, port: int | None, count: int, clock: Clock, seed: Seed, run: RunDaemon) -> None:
    """Everything, until interrupted; `prepare` has made `data` ready."""
    settings_file = data / "vmsd.toml"
    settings_file.write_text(settings_text(data, free_ports(port)), "utf-8")
    settings = load_settings(settings_file)
    server = find_media_server()
    _announce(server, data)
    async with AsyncExitStack() as stack:
        click.echo(f"[1/4] starting {count} cameras ...")
        running = await _start_cameras(stack, data, cameras(count))
        click.echo("[2/4] preparing the city, its people and its cameras ...")
        seeded = await seed(settings, running)
        click.echo("[3/4] starting MediaMTX ...")
        await stack.enter_async_context(_media_server(server, settings, data))
        click.echo("[4/4] starting vmsd ...")
        await _run_daemon(run, settings, seeded, server, data, clock)


def prepare(data: Path, *, fresh: bool) -> None:
    """The demo's folder: the one of an earlier demo is used again unless `fresh`, which empties it."""
    if fresh and data.exists():
        if not (data / "vmsd.toml").exists() and any(data.iterdir()):
            raise BadSetting(f"{data} is not a demo's folder; --fresh will not empty it")
        shutil.rmtree(data)
    (data / "recordings").mkdir(parents=True, exist_ok=True)
    (data / "demo.json").unlink(missing_ok=True)


def _announce(server: MediaServer, data: Path) -> None:
    click.echo(f"vmsd demo in {data}")
    if server.kind == "standin":
        click.secho(
            "!! No MediaMTX on this machine: a STAND-IN takes its place. It is for trying and testing only.",
            fg="yellow",
            bold=True,
        )


async def _start_cameras(
    stack: AsyncExitStack, data: Path, plan: list[DemoCamera]
) -> list[tuple[DemoCamera, dict[str, Any]]]:
    ports_file = data / "camera-ports.json"
    known = json.loads(ports_file.read_text("utf-8")) if ports_file.exists() else {}
    started = [await _start_camera(stack, data, camera, known.get(camera.name, 0)) for camera in plan]
    ports = {camera.name: address["port"] for camera, address in started}
    ports_file.write_text(json.dumps(ports), "utf-8")
    return started


async def _start_camera(
    stack: AsyncExitStack, data: Path, camera: DemoCamera, port: int
) -> tuple[DemoCamera, dict[str, Any]]:
    login = ("--username", camera.username, "--password", camera.password) if camera.username else ()
    ready = data / f"camera-{camera.name}.log".replace(" ", "-")
    ready.write_bytes(b"")
    command = (sys.executable, "-m", "vmsd.demo.camera", "--port", str(port), "--name", camera.name)
    process = await stack.enter_async_context(child((*command, *login, *camera.arguments), log=ready))
    async with asyncio.timeout(CAMERA_START_S):
        while b"}\n" not in ready.read_bytes():
            if process.returncode is not None:
                raise BadSetting(f"the camera {camera.name} did not start; see {ready}")
            await asyncio.sleep(0.05)
    address = json.loads(ready.read_text("utf-8").splitlines()[0])
    return camera, address | {"port": int(address["url"].rpartition(":")[2].partition("/")[0])}


def _media_server(server: MediaServer, settings: Settings, data: Path) -> Any:
    env = os.environ | {"TZ": "UTC"}
    return child((*server.command, str(settings.mediamtx_file)), log=data / "mediamtx.log", env=env)


async def _run_daemon(
    run: RunDaemon, settings: Settings, seeded: Seeded, server: MediaServer, data: Path, clock: Clock
) -> None:
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def report() -> None:
        url = await listening
        await _wait_healthy(url, clock)
        summary = _summary(url, seeded, server)
        temporary = data / ".demo.json.new"
        temporary.write_text(json.dumps(summary, indent=2, ensure_ascii=False), "utf-8")
        temporary.rename(data / "demo.json")
        _print_summary(summary, data)

    await asyncio.gather(run(settings, listening.set_result), report())


async def _wait_healthy(url: str, clock: Clock) -> None:
    began_s = clock.monotonic()
    async with aiohttp.ClientSession() as session:
        while clock.monotonic() - began_s < READY_S:
            async with session.get(f"{url}/health") as answer:
                if (await answer.json())["status"] == "healthy":
                    return
            await asyncio.sleep(0.2)
    raise BadSetting(f"the site did not become healthy within {READY_S:.0f} s; see the logs beside demo.json")


def _summary(url: str, seeded: Seeded, server: MediaServer) -> dict[str, Any]:
    return {
        "url": url,
        "users": [person.shown() for person in seeded.people],
        "token": seeded.token,
        "city_id": seeded.city_id,
        "camera_ids": list(seeded.camera_ids),
        "lpr_secret": seeded.lpr_secret,
        "mediamtx": server.kind,
    }


def _print_summary(summary: dict[str, Any], data: Path) -> None:
    click.echo("")
    click.secho(f"  {summary['url']}", bold=True)
    for user in summary["users"]:
        click.echo(f"  {user['name']:8} {user['password']:14} {user['role']}")
    click.echo(f"  token    {summary['token']}")
    click.echo(f"  the same in {data / 'demo.json'}; recordings in {data / 'recordings'}; Ctrl+C ends it")
