"""`/api/v1/cameras/{camera_id}/metrics`: what is measured of a camera's stream, now and over hours."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.bodies import Query, json_answer, query_of
from vmsd.api.cameras import camera_of
from vmsd.api.door import city_of
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.model.shapes import Id, Ratio, Time
from vmsd.services.answers import Bitrate, CameraFactsAnswer, Fps, Latency
from vmsd.services.stream_facts import KEPT_DAYS
from vmsd.store.stream_facts import StreamFactRow

HOUR_MS = 3_600_000


class Hours(Query):
    hours: int = Field(24, ge=1, le=KEPT_DAYS * 24)


class PointAnswer(TypedDict):
    """The means of five minutes, null for what was not measured."""

    at: Annotated[Time, Field(description="When they began.")]
    bitrate: Bitrate | None
    fps: Fps | None
    latency: Latency | None
    viewers: Annotated[int, Field(ge=0, description="The most at once.")]
    online: Annotated[Ratio, Field(description="Of the time it had a signal.")]


class CameraMetricsAnswer(TypedDict):
    camera_id: Id
    now: CameraFactsAnswer
    points: Annotated[list[PointAnswer], Field(description="In the order of time; none for when the box was off.")]


@operation(name="get_camera_metrics", answer=CameraMetricsAnswer)
async def camera_metrics(request: web.Request) -> web.Response:
    """Measured, never assumed: what nobody has measured is null."""
    site, camera = request.app[SITE], await camera_of(request)
    start_ms = site.clock.wall_ms() - query_of(request, Hours).hours * HOUR_MS
    rows = await city_of(request).stream_facts.list(camera.id, start_ms)
    answer: CameraMetricsAnswer = {
        "camera_id": camera.public_id,
        "now": site.overview.camera_facts(camera),
        "points": [_point(row) for row in rows],
    }
    return json_answer(answer)


def _point(row: StreamFactRow) -> PointAnswer:
    return {
        "at": rfc3339(row.at_ms),
        "bitrate": row.bitrate,
        "fps": row.fps,
        "latency": None if row.latency_ms is None else row.latency_ms / 1000,
        "viewers": row.viewers,
        "online": row.online_ratio,
    }
