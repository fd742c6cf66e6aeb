"""The aiohttp application: the table of routes behind the door, and what every request and answer passes."""

from __future__ import annotations

from aiohttp import hdrs, web

from vmsd.api.compression import compress_json
from vmsd.api.cors import allow_origins, answer_preflights
from vmsd.api.docs import DOCUMENT, tell
from vmsd.api.door import door
from vmsd.api.headers import before_answer
from vmsd.api.idempotency import OncePerKey
from vmsd.api.metrics import add_metrics
from vmsd.api.policy import Route
from vmsd.api.problems import answer_problems
from vmsd.api.rates import Buckets, limit_callers, limit_strangers
from vmsd.api.request_ids import bind_request_id
from vmsd.api.routes import ROUTES
from vmsd.api.site import SITE, Site
from vmsd.api.sockets import add_sockets
from vmsd.pages.render import RENDERER
from vmsd.pages.request import WALLS


def build_app(site: Site) -> web.Application:
    """The first of the middlewares is the outermost: what it lets through passes the next."""
    policies: dict[web.AbstractRoute, Route] = {}
    http, buckets = site.settings.http, Buckets(site.settings.rates, site.clock)
    app = web.Application(
        middlewares=[
            bind_request_id,
            answer_problems,
            limit_strangers(buckets, policies),
            answer_preflights(http.cors_origins),
            door(policies),
            limit_callers(buckets),
            compress_json,
            OncePerKey(site.kept_answers, site.clock),
        ],
        client_max_size=http.body_bytes,
    )
    app.on_response_prepare.append(before_answer)
    app.on_response_prepare.append(allow_origins(http.cors_origins))
    add_metrics(app)
    add_sockets(app, limit=site.settings.live.sockets, limit_each=site.settings.live.sockets_per_person)
    app[SITE] = site
    app[RENDERER] = site.renderer
    app[WALLS] = site.accounts.walls
    app[DOCUMENT] = lambda: tell(ROUTES)
    add_routes(app, policies)
    return app


def add_routes(app: web.Application, policies: dict[web.AbstractRoute, Route]) -> None:
    """Fills `policies`; raises `RuntimeError` when the application answers where no line of the table says for whom."""
    for route in ROUTES:
        for method in (hdrs.METH_GET, hdrs.METH_HEAD) if route.method == hdrs.METH_GET else (route.method,):
            policies[app.router.add_route(method, route.path, route.handler)] = route
    for added in app.router.routes():
        if added not in policies:
            place = added.resource.canonical if added.resource else "?"
            raise RuntimeError(f"{added.method} {place} says nowhere who may ask it")
