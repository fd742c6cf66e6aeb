"""The peer of the door's figures: the same handlers on the same store, with nobody asking who is calling."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import aiohttp
from aiohttp import web

from vmsd import daemon as composition
from vmsd.api.bodies import QUERY, read_query
from vmsd.api.door import ROUTE
from vmsd.api.policy import Handler, Route
from vmsd.api.routes import ROUTES
from vmsd.api.site import SITE
from vmsd.base import open_base, open_volume
from vmsd.config import load_settings
from vmsd.model.person import Caller
from vmsd.pages.request import CALLER, CITY
from vmsd.services.probe import Prober
from vmsd.video.worker import Worker


async def serve(config: Path, port: int) -> None:
    async with open_base(load_settings(config), beside_daemon=True) as base, aiohttp.ClientSession() as session:
        workers = composition.Workers(Worker(composition.worker_command()), Prober(2))
        site = composition.Daemon(base, open_volume(base), session, workers).site
        (city,) = await base.cities.list()
        (person,) = await site.people.list(None)
        caller = Caller(person, "token")
        opened = site.open_city(city, caller)
        routes: dict[web.AbstractRoute, Route] = {}

        @web.middleware
        async def wave_through(request: web.Request, handler: Handler) -> web.StreamResponse:
            request[ROUTE] = route = routes[request.match_info.route]
            request[CALLER], request[CITY] = caller, opened
            if route.query is not None:
                request[QUERY] = read_query(request, route.query)
            return await handler(request)

        app = web.Application(middlewares=[wave_through])
        app[SITE] = site
        for route in ROUTES:
            if route.method == "GET" and not route.page:
                routes[app.router.add_get(route.path, route.handler, allow_head=False)] = route
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
