"""`/api/v1/events` and `/api/v1/cameras/{id}/marks`: what was seen in the video, by the box or a program outside."""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from vmsd.api.bodies import Body, Moment, json_answer, ms_of, query_of, read_body
from vmsd.api.door import city_of, verb_of
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.api.timeline import MonthAtMost
from vmsd.errors import FieldProblem, Invalid, NotFound
from vmsd.model.camera import Camera
from vmsd.model.mark import MOST_MS, Box
from vmsd.model.shapes import Id
from vmsd.services.mark_answers import MarkAnswer, shown
from vmsd.services.marks import NewMark, is_own_type

TYPE = r"^[a-z][a-z0-9_-]{0,39}$"
Share = Annotated[float, Field(ge=0, le=1)]


class NewEvent(Body):
    """`time` is when it began; `box` the upper left corner, width and height, as shares of the picture."""

    camera_id: str = Field(max_length=36)
    type: str = Field(pattern=TYPE, examples=["person"])
    time: Moment
    end: Moment | None = None
    box: tuple[Share, Share, Share, Share] | None = Field(None, strict=False, examples=[[0.4, 0.3, 0.1, 0.25]])
    text: str = Field("", max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")
    score: Share | None = None
    alert: bool = Field(default=False, description="Somebody has to look at it: an alert is raised.")

    @field_validator("type")
    @classmethod
    def _not_ours(cls, type_: str) -> str:
        if is_own_type(type_):
            raise PydanticCustomError("type", "is what the box itself says")
        return type_

    @field_validator("end")
    @classmethod
    def _in_order(cls, end: Moment | None, info: Any) -> Moment | None:
        if end is not None and "time" in info.data and not 0 <= ms_of(end) - ms_of(info.data["time"]) <= MOST_MS:
            raise PydanticCustomError("period", "must be at time or up to 24 hours after it")
        return end

    @field_validator("box")
    @classmethod
    def _in_picture(cls, box: tuple[float, float, float, float] | None) -> tuple[float, float, float, float] | None:
        if box is not None and (box[0] + box[2] > 1 or box[1] + box[3] > 1):
            raise PydanticCustomError("box", "must lie within the picture")
        return box


class MarksOf(MonthAtMost):
    type: str | None = Field(None, pattern=TYPE)
    limit: int = Field(500, ge=1, le=5000, description="Where there are more, the strongest.")


class ReportedAnswer(MarkAnswer):
    """`alert_id` is that of the alert it raised, or joined."""

    alert_id: Id | None


class MarksAnswer(TypedDict):
    camera_id: Id
    items: list[MarkAnswer]


@operation(name="add_event", body=NewEvent, answer=ReportedAnswer, status=201, errors=(404,))
async def add_event(request: web.Request) -> web.Response:
    """Programs that look at video themselves report here what they saw; it is on the timeline at once."""
    body, city = await read_body(request, NewEvent), city_of(request)
    try:
        camera = await city.cameras.get(body.camera_id.lower(), verb_of(request))
    except NotFound:
        problem = FieldProblem("/camera_id", "there is no such camera")
        raise Invalid("some fields were refused", problem) from None
    mark, raised = await city.marks.add(_new(body, camera))
    alert_id = None if raised is None else raised.alert.public_id
    return json_answer({**shown(mark, camera), "alert_id": alert_id}, 201)


def _new(body: NewEvent, camera: Camera) -> NewMark:
    start_ms = ms_of(body.time)
    return NewMark(
        camera=camera,
        type=body.type,
        start_ms=start_ms,
        end_ms=start_ms if body.end is None else ms_of(body.end),
        score=body.score,
        box=None if body.box is None else Box(*body.box),
        text=body.text,
        alert=body.alert,
    )


@operation(answer=MarksAnswer)
async def list_marks(request: web.Request) -> web.Response:
    """Of a period of at most 35 days, by their beginning; also of a camera that has been removed."""
    asked, city = query_of(request, MarksOf), city_of(request)
    camera = await city.cameras.get(id_in_path(request, "camera_id", "camera"), verb_of(request), removed_too=True)
    found = await city.marks.between(camera, asked.start_ms, asked.end_ms, limit=asked.limit, type_=asked.type)
    return json_answer({"camera_id": camera.public_id, "items": [shown(mark, camera) for mark in found]})
