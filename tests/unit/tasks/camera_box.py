"""What the tests of the tasks that watch cameras stand on: a real store, a hand-moved clock, a control API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.support.broken_api import BrokenApi, broken_api
from tests.unit.tasks.recording_box import HandClock, settings_in
from vmsd import app
from vmsd.base import CONSOLE
from vmsd.config import CameraRules, Settings
from vmsd.mediamtx.client import MediaMtxClient
from vmsd.mediamtx.names import PathName
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.state import LiveState, StateChange
from vmsd.services.cameras import CameraFields
from vmsd.services.live_states import LiveStates
from vmsd.store.scope import Scope
from vmsd.store.states import States
from vmsd.tasks.base import Runner
from vmsd.tasks.observer import Observer

DEADLINE_S = 0.5
STALL_S = 5.0


@dataclass
class CameraBox:
    settings: Settings
    base: app.Base
    clock: HandClock
    api: BrokenApi
    client: MediaMtxClient
    city: City

    def __post_init__(self) -> None:
        self.states = LiveStates(self.clock.wall)
        base = self.base
        self.observer = Observer(self.client, base.database, base.rows, self.states, base.desired, self.clock, STALL_S)
        self.runner = Runner(self.observer, self.clock)

    async def add(self, name: str = "Portaria", url: str = "rtsp://127.0.0.9:9/live", **fields: object) -> Camera:
        protocol = url.partition(":")[0] or "rtmp"
        fields = {"name": name, "protocol": protocol, "source_url": url} | fields
        return await self.base.cameras(self.city).add(CameraFields(**fields))

    def path_of(self, camera: Camera) -> str:
        return str(PathName(self.city.public_id, camera.public_id))

    async def look(self, seconds: float = 1.0) -> None:
        """One look of the observer, `seconds` after the last."""
        self.clock.pass_s(seconds)
        await self.runner.run_once()

    def state(self, camera: Camera) -> LiveState:
        return self.states.of(camera)

    async def history(self, camera: Camera) -> list[StateChange]:
        states = States(Scope(self.base.database, self.city.id))
        return list(await states.between(camera.id, 0, self.clock.wall + 1))


@asynccontextmanager
async def open_camera_box(folder: Path) -> AsyncIterator[CameraBox]:
    rules = CameraRules(networks=["127.0.0.0/8"], interfaces=["lo"])
    settings = settings_in(folder).model_copy(update={"cameras": rules})
    clock = HandClock()
    async with (
        broken_api() as api,
        app.open_base(settings, clock) as base,
        aiohttp.ClientSession() as session,
    ):
        client = MediaMtxClient(
            session,
            url=f"http://127.0.0.1:{api.port}",
            user="vmsd",
            password="x",
            deadline_s=DEADLINE_S,
            answer_bytes=1024 * 1024,
        )
        city = await base.cities.add(name="Cidade", plan="basic", by=CONSOLE)
        yield CameraBox(settings, base, clock, api, client, city)


def ended(state: LiveState) -> tuple[str, str | None]:
    return str(state.state), None if state.cause is None else str(state.cause)
