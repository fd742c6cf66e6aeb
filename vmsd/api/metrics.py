"""`/metrics`: everything the daemon measures, as Prometheus reads it; for whoever may see the whole box."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.api.sockets import SOCKETS
from vmsd.services.metrics import counter, gauge, plain
from vmsd.services.site_figures import Figures

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
"""Stands for every method the box has no use for."""
NOWHERE = "none"
"""Stands for every address at which there is nothing."""


class Requests:
    """How many requests were answered; there are no more figures than lines in the table of routes allow."""

    def __init__(self) -> None:
        self._answered: Counter[tuple[str, str, str]] = Counter()

    async def note(self, request: web.Request, response: web.StreamResponse) -> None:
        """Called by aiohttp just before an answer's first byte."""
        resource = request.match_info.route.resource
        route = resource.canonical if resource else NOWHERE
        method = request.method if request.method in METHODS else OTHER
        self._answered[route, method, f"{response.status // 100}xx"] += 1

    def family(self) -> Metric:
        answered = self._answered.items()
        values = [({"route": one[0], "method": one[1], "status": one[2]}, count) for one, count in answered]
        return counter("vmsd_http_requests", "Requests answered.", *values)


REQUESTS: web.AppKey[Requests] = web.AppKey("requests")
TURN: web.AppKey[asyncio.Lock] = web.AppKey("turn")
"""One scrape at a time; all others wait without a thread of their own."""


def add_metrics(app: web.Application) -> None:
    """Once per application, before it starts."""
    app[REQUESTS] = Requests()
    app[TURN] = asyncio.Lock()
    app.on_response_prepare.append(app[REQUESTS].note)


class Gathered(Collector):
    """Families that were gathered already."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families


@operation(name="get_metrics", media=("text/plain", "application/openmetrics-text"))
async def metrics(request: web.Request) -> web.Response:
    """Everything the box measures, for Prometheus; in the OpenMetrics format for whoever accepts it.

    Cameras and cities stand there by their ids alone.
    """
    is_open = "application/openmetrics-text" in request.headers.get(hdrs.ACCEPT, "")
    async with request.app[TURN]:
        figures = await request.app[SITE].figures.get()
        body = await asyncio.to_thread(render, _gather(request.app, figures), is_open=is_open)
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: OPEN if is_open else PLAIN})


def _gather(app: web.Application, figures: Figures) -> Sequence[Metric]:
    """At one go: nothing changes in between."""
    sockets, site = gauge("vmsd_websockets", "Open WebSockets.", plain(len(app[SOCKETS]))), app[SITE]
    return [*site.metrics.families(), *site.site_metrics.families(figures), app[REQUESTS].family(), sockets]


def render(families: Sequence[Metric], *, is_open: bool) -> bytes:
    """With what the kernel says of the process. Takes 50 ms for 640 cameras: not for the loop."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Gathered(families))
    registry.register(ProcessCollector(registry=None))
    encode: Callable[[CollectorRegistry], bytes] = openmetrics.generate_latest if is_open else generate_latest
    return encode(registry)
