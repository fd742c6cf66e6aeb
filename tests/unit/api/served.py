"""A daemon in this process: real store, real HTTP over a real socket, nobody at MediaMTX's address."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
from aiohttp import web

from tests.unit.api.documented import refuse_undocumented
from tests.unit.tasks.recording_box import HandClock
from vmsd import daemon as composition
from vmsd.api.application import build_app
from vmsd.api.server import Runner
from vmsd.base import CONSOLE, Base, open_base, open_volume
from vmsd.config import Settings
from vmsd.model.city import City
from vmsd.model.person import ALL_VERBS, GUARD_VERBS, Person, Role, Verb
from vmsd.services.accounts import TOKEN_PREFIX, hash_token
from vmsd.services.passwords import Passwords
from vmsd.services.probe import Prober
from vmsd.services.storage import BreakerState
from vmsd.store.groups import Groups
from vmsd.store.people import People
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.sessions import Sessions
from vmsd.video.worker import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PASSWORD = "uma senha de teste"
NOWHERE = {"interfaces": ["lo"], "search_s": 0.1}
"""No test asks the machine's networks for cameras."""
CAMERA = {"name": "Portaria", "source_url": "rtsp://198.51.100.10/live"}


@cache
def password_hash() -> str:
    return Passwords()._hasher.hash(PASSWORD)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    raw: bytes
    content_type: str

    @property
    def body(self) -> Any:
        return json.loads(self.raw) if self.raw else None

    @property
    def pointers(self) -> set[str]:
        return {one["pointer"] for one in self.body.get("errors", ())}


@dataclass
class Served:
    """Ask it as somebody: `who` is a token or a cookie made by `token` or `session`."""

    daemon: composition.Daemon
    base: Base
    clock: HandClock
    url: str
    http: aiohttp.ClientSession
    site_app: web.Application
    people: dict[str, Person] = field(default_factory=dict)

    @property
    def site(self) -> Any:
        return self.daemon.site

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def city(self, name: str, **facts: Any) -> City:
        return await self.base.cities.add(name=name, by=CONSOLE, **facts)

    async def person(
        self, name: str, role: Role, city: City | None = None, rights: dict[int, frozenset[Verb]] | None = None
    ) -> Person:
        """With the one password of all tests, whose hash is made once; `rights` are by the number of the group."""
        new = Person(0, str(uuid4()), city.id if city else None, name, role, password_hash())
        async with self.base.database.write() as transaction:
            number = await People(self.base.database).add(transaction, new, self.clock.wall_ms())
            if city is not None and role is Role.USER:
                groups = Groups(Scope(self.base.database, city.id))
                held = {0: GUARD_VERBS} if rights is None else rights
                await groups.set_rights(CityTransaction(transaction, city.id), number, held)
        self.people[name] = await self.base.people.get_named(name)
        return self.people[name]

    async def token(self, name: str, scope: frozenset[Verb] = ALL_VERBS) -> dict[str, str]:
        made = await self.base.tokens.add(self.people[name], "test", scope, CONSOLE)
        return {"Authorization": f"Bearer {made.secret}"}

    async def session(self, name: str) -> dict[str, str]:
        """A login without its password's 0.1 s."""
        secret = uuid4().hex
        async with self.base.database.write() as transaction:
            sessions = Sessions(self.base.database)
            who, now_ms = self.people[name], self.clock.wall_ms()
            await sessions.add(transaction, hash_token(secret), str(uuid4()), who, "127.0.0.1", now_ms)
        return {"Cookie": f"vmsd={secret}"}

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        who: dict[str, str] | None = None,
        city: City | None = None,
        raw: bytes | None = None,
        **headers: str,
    ) -> Answer:
        sent = dict(who or {}) | {name.replace("_", "-"): value for name, value in headers.items()}
        if city is not None:
            sent["X-City-ID"] = city.public_id
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            sent.setdefault("Content-Type", "application/json")
        call = self.http.request(method, self.url + path, data=raw, headers=sent, allow_redirects=False)
        async with call as answer:
            found = Answer(answer.status, answer.headers, await answer.read(), answer.content_type)
        refuse_undocumented(method, path, found.status, found.content_type, found.raw)
        return found

    async def camera(self, who: dict[str, str], city: City, **fields: Any) -> dict[str, Any]:
        answer = await self.ask("POST", "/api/v1/cameras", CAMERA | fields, who=who, city=city)
        assert answer.status == 201, answer.raw
        return answer.body

    def close_breaker(self) -> None:
        """As after a look at a disk with room."""
        self.daemon._volume.watch.breaker = BreakerState(open=False, reason=None, since_ms=0)


def settings_in(folder: Path, **sections: Any) -> Settings:
    for name in ("data", "video", "run"):
        (folder / name).mkdir(exist_ok=True)
    disk = {"ballast_bytes": 0, "headroom_bytes": 0, "headroom_hours": 0}
    cameras = NOWHERE | sections.pop("cameras", {})
    return Settings(
        data_dir=folder / "data",
        recordings_dir=folder / "video",
        runtime_dir=folder / "run",
        disk=disk,
        cameras=cameras,
        **sections,
    )


@asynccontextmanager
async def serve(folder: Path, **sections: Any) -> AsyncIterator[Served]:
    """Its MediaMTX is known to be away, so that no change waits for it; its tasks do not run."""
    settings, clock = settings_in(folder, **sections), HandClock()
    async with AsyncExitStack() as stack:
        base = await stack.enter_async_context(open_base(settings, clock))
        http = await stack.enter_async_context(
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=20))
        )
        workers = composition.Workers(Worker(), Prober(2))
        stack.push_async_callback(workers.close)
        daemon = composition.Daemon(base, open_volume(base), http, workers)
        daemon.states.mediamtx_alive = False
        site_app = build_app(daemon.site)
        runner = Runner(site_app, settings.http)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = "http://{}:{}".format(*runner.addresses[0][:2])
        yield Served(daemon, base, clock, url, http, site_app)


def viewing_token(stream: dict[str, Any]) -> str:
    return str(stream["hls_url"]).rpartition("token=")[2]


def is_token(text: str) -> bool:
    return text.startswith(TOKEN_PREFIX)
