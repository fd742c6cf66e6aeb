"""`/api/v1/health-board`: what a city's health board shows, judged."""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.bodies import json_answer
from vmsd.api.door import city_of
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.model.shapes import Count, Id, Time
from vmsd.model.state import State
from vmsd.services.answers import Age, Fps
from vmsd.services.degraded import Trouble
from vmsd.services.health_board import ORDER, CameraHealth, Judged
from vmsd.services.thresholds import Figure, Level

MOST_TROUBLED = 200


class CameraCounts(TypedDict):
    """Of the cameras the caller may see."""

    all: Count
    online: Count
    offline: Count
    stalled: Count
    starting: Count
    disabled: Count
    recording: Annotated[Count, Field(description="Their bytes reach the disk.")]
    not_recording: Annotated[Count, Field(description="They send, and should be recorded, and are not.")]
    degraded: Annotated[Count, Field(description="They are on air, and worse than they usually are.")]


class TroubleAnswer(TypedDict):
    what: Trouble
    level: Level


class TroubledCamera(TypedDict):
    """Figures are null where nothing was measured."""

    id: Id
    name: str
    state: State
    troubles: list[TroubleAnswer]
    fps: Fps | None
    usual_fps: Annotated[Fps | None, Field(description="Of the last day; null before half an hour was measured.")]
    last_frame_age: Age | None
    drops: Annotated[Count, Field(description="How often its signal went within the last hour.")]


class FigureAnswer(TypedDict):
    """Null where nothing was measured."""

    value: Annotated[float | None, Field(examples=[1])]
    level: Level | None
    amber: float
    red: float


class FiguresAnswer(TypedDict):
    cameras_offline: FigureAnswer
    cameras_not_recording: FigureAnswer
    cameras_degraded: FigureAnswer
    disk_used: FigureAnswer
    promise: FigureAnswer
    disk_wear: FigureAnswer
    tasks_late: FigureAnswer


class PartsAnswer(TypedDict):
    """What has no figure that could be moved."""

    mediamtx: Level
    volume: Level
    recording: Annotated[Level, Field(description="Whether anything may be recorded.")]
    clock: Level
    database: Level
    disk_health: Annotated[Level, Field(description="Red when the disk itself says that it is failing.")]


class WearAnswer(TypedDict):
    """Of the most worn disk the recordings are on, as far as it says so."""

    kind: Literal["emmc", "nvme", "ssd", "rotating", "unknown"]
    used_ratio: Annotated[
        float | None, Field(ge=0, description="Of its expected life; more than 1 when it lasts longer.", examples=[0.2])
    ]
    failing: bool | None
    source: Literal["life_time", "smart"] | None


class BoardAnswer(TypedDict):
    now: Time
    level: Annotated[Level, Field(description="The worst of all.")]
    cameras: CameraCounts
    troubled: Annotated[list[TroubledCamera], Field(description="The worst first; 200 at most.")]
    viewers: Annotated[Count, Field(description="Viewing sessions of these cameras.")]
    detections: Annotated[
        Count | None, Field(description="Plates read within 24 hours; null for who may not see plates.")
    ]
    wear: WearAnswer | None
    figures: FiguresAnswer
    parts: PartsAnswer


@operation(name="get_health_board", answer=BoardAnswer)
async def board(request: web.Request) -> web.Response:
    """Cheap enough to be asked every second; what a figure means follows the city's thresholds."""
    site, city = request.app[SITE], city_of(request)
    found = await site.health.of(city)
    worst = sorted((one for one in found.cameras if one.troubles), key=_order)
    wear = site.health.wear.last
    answer = {
        "now": site.overview.now(),
        "level": found.level,
        "cameras": found.counts(),
        "troubled": [_troubled(one) for one in worst[:MOST_TROUBLED]],
        "viewers": found.viewers,
        "detections": found.detections,
        "wear": wear and {name: getattr(wear, name) for name in ("kind", "used_ratio", "failing", "source")},
        "figures": {figure.value: _figure(one) for figure, one in found.figures.items() if figure in SHOWN},
        "parts": found.parts,
    }
    return json_answer(answer)


SHOWN = frozenset(Figure(name) for name in FiguresAnswer.__annotations__)


def _order(one: CameraHealth) -> tuple[int, str]:
    return -max(ORDER.index(level) for level in one.troubles.values()), one.seen.camera.name


def _troubled(one: CameraHealth) -> TroubledCamera:
    seen = one.seen
    return {
        "id": seen.camera.public_id,
        "name": seen.camera.name,
        "state": seen.state,
        "troubles": [{"what": what, "level": level} for what, level in one.troubles.items()],
        "fps": seen.fps,
        "usual_fps": None if seen.usual_fps is None else round(seen.usual_fps, 1),
        "last_frame_age": None if seen.frame_age_s is None else round(seen.frame_age_s, 1),
        "drops": seen.drops,
    }


def _figure(one: Judged) -> FigureAnswer:
    return {"value": one.value, "level": one.level, "amber": one.limits.amber, "red": one.limits.red}
