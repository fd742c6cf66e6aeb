"""The layers between a connection and its handler, around made-up routes: real HTTP over a real socket."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from tests.unit.tasks.recording_box import HandClock
from vmsd.api.compression import compress_json
from vmsd.api.cors import allow_origins, answer_preflights
from vmsd.api.door import ROUTE
from vmsd.api.headers import before_answer
from vmsd.api.idempotency import OncePerKey
from vmsd.api.policy import Route, Tenant
from vmsd.api.problems import answer_problems
from vmsd.api.rates import Buckets, limit_callers, limit_strangers
from vmsd.api.request_ids import bind_request_id
from vmsd.api.server import Runner
from vmsd.api.site import SITE
from vmsd.config import Settings
from vmsd.errors import NotLoggedIn
from vmsd.host.keys import Vault
from vmsd.model.city import City
from vmsd.model.person import Caller, Person, Role
from vmsd.pages.request import CALLER
from vmsd.store.database import Database, open_database
from vmsd.store.idempotency import KeptAnswers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

KEY = bytes(32)
ADD_PERSON = """INSERT INTO person (id, public_id, name, role, password_hash, created_ms)
    VALUES (:id, 'person-' || :id, 'Pessoa ' || :id, 'SUPERADMIN', 'x', 0) ON CONFLICT DO NOTHING"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    raw: bytes
    """As it came over the wire, gzipped or not."""

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


@dataclass
class Layers:
    """People are numbers here: `who=7` is let in as that person, nobody else is."""

    url: str
    http: aiohttp.ClientSession
    database: Database
    clock: HandClock
    once: OncePerKey
    settings: Settings
    made: list[Any] = field(default_factory=list)
    """Whatever the handlers of a test made."""
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    """For a handler that waits in the middle."""

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        who: int | None = 7,
        token: str = "",
        city: str = "",
        raw: bytes | None = None,
        headers: Any = (),
        **more: str,
    ) -> Answer:
        sent = [*dict(headers).items()] if isinstance(headers, dict) else [*headers]
        sent += [(name.replace("_", "-"), value) for name, value in more.items()]
        sent += [("X-Person", str(who))] if who is not None else []
        sent += [("X-Token", token)] if token else []
        sent += [("X-City", city)] if city else []
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            sent.append(("Content-Type", "application/json"))
        skipped = ("Accept-Encoding", "Content-Type")
        call = self.http.request(method, self.url + path, data=raw, headers=sent, skip_auto_headers=skipped)
        async with call as answer:
            return Answer(answer.status, answer.headers, await answer.read())


POLICIES: web.AppKey[dict[web.AbstractRoute, Route]] = web.AppKey("policies")
LAYERS: web.AppKey[Layers] = web.AppKey("layers")


@web.middleware
async def _admit(request: web.Request, handler: Callable[..., Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """Says what the real door says of a request."""
    route = request.app[POLICIES].get(request.match_info.route)
    if route is not None:
        request[ROUTE] = route
    if route is not None and route.tenant != Tenant.PUBLIC:
        if "X-Person" not in request.headers:
            raise NotLoggedIn("log in first")
        number = int(request.headers["X-Person"])
        person = Person(number, f"person-{number}", None, f"Pessoa {number}", Role.SUPERADMIN, "x")
        token, city = request.headers.get("X-Token", ""), request.headers.get("X-City", "")
        request[CALLER] = Caller(
            person,
            "token" if token else "session",
            token_hash=token.encode() or None,
            city=City(1, city, city, "active", "basic", 0, 0) if city else None,
        )
    return await handler(request)


def layers_of(
    settings: Settings, clock: HandClock, once: OncePerKey, policies: dict[web.AbstractRoute, Route]
) -> web.Application:
    """In the order they have in the daemon."""
    buckets = Buckets(settings.rates, clock)
    app = web.Application(
        middlewares=[
            bind_request_id,
            answer_problems,
            limit_strangers(buckets, policies),
            answer_preflights(settings.http.cors_origins),
            _admit,
            limit_callers(buckets),
            compress_json,
            once,
        ],
        client_max_size=settings.http.body_bytes,
    )
    app.on_response_prepare.append(before_answer)
    app.on_response_prepare.append(allow_origins(settings.http.cors_origins))
    app[SITE] = SimpleNamespace(settings=settings, clock=clock)
    app[POLICIES] = policies
    return app


@asynccontextmanager
async def serve_layers(
    folder: Path, *routes: Route, key: bytes = KEY, clock: HandClock | None = None, **sections: Any
) -> AsyncIterator[Layers]:
    """On a database in `folder`, which stays there for the next one."""
    clock = clock or HandClock()
    settings = Settings(data_dir=folder, recordings_dir=folder, runtime_dir=folder, **sections)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(folder / "vmsd.db"))
        async with database.write() as transaction:
            await transaction.execute_many(ADD_PERSON, [{"id": 7}, {"id": 8}])
        once = OncePerKey(KeptAnswers(database, Vault(key)), clock)
        policies: dict[web.AbstractRoute, Route] = {}
        app = layers_of(settings, clock, once, policies)
        for route in routes:
            for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
                policies[app.router.add_route(method, route.path, route.handler)] = route
        session = aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=20))
        http = await stack.enter_async_context(session)
        layers = app[LAYERS] = Layers("", http, database, clock, once, settings)
        runner = Runner(app, settings.http)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        layers.url = "http://{}:{}".format(*runner.addresses[0][:2])
        yield layers
