"""`/api/v1/cameras/{id}/motion`: how much moves now, and when that raises an alert."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from vmsd.api.bodies import Body, json_answer, read_body
from vmsd.api.door import city_of, verb_of
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.model.camera import Camera
from vmsd.model.mark import MotionRule, MotionWindow
from vmsd.model.shapes import Id, Ratio, Time, Yes
from vmsd.services.motion import Moved

CORNERS = range(3, 33)
Share = Annotated[float, Field(ge=0, le=1)]
Corner = Annotated[list[Share], Field(min_length=2, max_length=2, examples=[[0.2, 0.4]])]
Minute = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["22:00"])]
Weekday = Annotated[int, Field(ge=0, le=6, description="0 is Monday.")]


class Window(Body):
    """By the site's time; where `to` is not later than `from` it ends on the next day."""

    days: list[Weekday] = Field(min_length=1, max_length=7)
    start: Minute = Field(alias="from")
    end: Minute = Field(alias="to")


class MotionBody(Body):
    """`area` is a polygon in shares of the picture, empty for all of it; no windows: always."""

    area: list[Corner] = Field(default_factory=list, max_length=CORNERS.stop - 1, examples=[[[0, 0], [1, 0], [1, 1]]])
    threshold: float = Field(0.02, ge=0.002, le=1, description="The share of the area that must have changed.")
    alert: bool = False
    windows: list[Window] = Field(default_factory=list, max_length=20)

    @field_validator("area")
    @classmethod
    def _is_polygon(cls, area: list[Corner]) -> list[Corner]:
        if area and len(area) not in CORNERS:
            raise PydanticCustomError("area", "must have 3 to 32 corners, or none")
        return area


WindowAnswer = TypedDict("WindowAnswer", {"days": list[int], "from": str, "to": str})
WindowAnswer.__doc__ = "Weekdays from 0, Monday, and times of the site."


class MovedAnswer(TypedDict):
    """What the newest still said, against the one before."""

    time: Time
    score: Annotated[Ratio, Field(description="The share of the picture that changed.")]
    in_area: Annotated[Ratio, Field(description="The share of the area that changed.")]


class MotionAnswer(TypedDict):
    camera_id: Id
    area: list[Corner]
    threshold: Ratio
    alert: Yes
    windows: list[WindowAnswer]
    now: MovedAnswer | None


@operation(answer=MotionAnswer)
async def get_motion(request: web.Request) -> web.Response:
    """How much moves now, and what it takes to raise an alert."""
    camera = await _camera(request)
    return json_answer(_shown(request, camera, await city_of(request).marks.rule(camera)))


@operation(body=MotionBody, answer=MotionAnswer)
async def set_motion(request: web.Request) -> web.Response:
    """From now on motion in this area, this strong and in these hours raises an alert, if `alert`."""
    camera = await _camera(request)
    body = await read_body(request, MotionBody)
    windows = tuple(MotionWindow(frozenset(one.days), _minutes(one.start), _minutes(one.end)) for one in body.windows)
    area = tuple((x, y) for x, y in body.area)
    rule = MotionRule(camera.id, area, body.threshold, body.alert, windows)
    await city_of(request).marks.set_rule(camera, rule)
    return json_answer(_shown(request, camera, rule))


@operation()
async def drop_motion(request: web.Request) -> web.Response:
    """Motion is marked on the timeline as usual, and raises no alert."""
    camera = await _camera(request)
    await city_of(request).marks.drop_rule(camera)
    return web.Response(status=204)


async def _camera(request: web.Request) -> Camera:
    return await city_of(request).cameras.get(id_in_path(request, "camera_id", "camera"), verb_of(request))


def _shown(request: web.Request, camera: Camera, rule: MotionRule) -> MotionAnswer:
    return {
        "camera_id": camera.public_id,
        "area": [list(corner) for corner in rule.area],
        "threshold": rule.threshold,
        "alert": rule.alert,
        "windows": [_window(one) for one in rule.windows],
        "now": _moved(request.app[SITE].motion.moved(camera)),
    }


def _window(window: MotionWindow) -> WindowAnswer:
    return {"days": sorted(window.days), "from": _clock_time(window.from_min), "to": _clock_time(window.to_min)}


def _moved(moved: Moved | None) -> MovedAnswer | None:
    if moved is None:
        return None
    return {"time": rfc3339(moved.at_ms), "score": moved.score, "in_area": moved.in_area}


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def _clock_time(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
