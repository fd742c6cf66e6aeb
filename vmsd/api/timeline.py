"""`/api/v1/cameras/{id}/timeline` and `.../calendar`: what there is of a camera, what is missing, and why."""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from vmsd.api.bodies import Moment, Period, Query, json_answer, query_of
from vmsd.api.door import city_of, verb_of
from vmsd.api.ids import id_in_path
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.model.camera import Camera
from vmsd.model.shapes import Id, Ratio, Seconds, Time, Yes
from vmsd.model.timeline import CalendarDay, Gap, GapCause, Timeline, TimelineEvent, TimelineSpan

DAY_MS = 86_400_000
MOST_DAYS = 35
"""More than a month, with what a change of the clocks adds."""
YEARS = range(1970, 3000)
"""Times that can be told in every zone."""


class MonthAtMost(Period):
    """A period that one answer can tell of."""

    @field_validator("start", "end")
    @classmethod
    def _in_reach(cls, moment: Moment) -> Moment:
        if moment.year not in YEARS:
            raise PydanticCustomError("period", "must be after 1969 and before 3000")
        return moment

    @field_validator("end")
    @classmethod
    def _near_start(cls, end: Moment, info: Any) -> Moment:
        if "start" in info.data and (end - info.data["start"]).total_seconds() > MOST_DAYS * DAY_MS / 1000:
            raise PydanticCustomError("period", "must be at most 35 days after start")
        return end


class Month(Query):
    month: str = Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", examples=["2026-11"])

    @property
    def year_and_month(self) -> tuple[int, int]:
        year, _, month = self.month.partition("-")
        return int(year), int(month)


class SpanAnswer(TypedDict):
    """Video without a gap of more than 1.5 s."""

    start: Time
    end: Time
    preserved: Annotated[bool, Field(description="Somebody asked to keep it: it is never purged.")]
    clock_trusted: Annotated[Yes, Field(description="Whether the box's clock was right when it was recorded.")]
    running: Annotated[bool, Field(description="It is still growing.")]


class GapAnswer(TypedDict):
    """`cause` is `unknown` unless something proves another."""

    start: Time
    end: Time
    cause: GapCause
    detail: Annotated[str | None, Field(description="More of the cause: a camera's own, the rule of a purge.")]
    purged_at: Annotated[Time | None, Field(description="When it was deleted, at the latest.")]


class EventAnswer(TypedDict):
    kind: Annotated[
        str,
        Field(
            description="`outage.`, `camera.` or `kept.` and what of it, or `clock.stepped`.",
            examples=["camera.offline"],
        ),
    ]
    start: Time
    end: Time | None
    open: Annotated[bool, Field(description="It goes on.")]
    facts: dict[str, Any]


TimelineAnswer = TypedDict(
    "TimelineAnswer",
    {
        "camera_id": Id,
        "start": Time,
        "end": Time,
        "from": Annotated[Time, Field(description="Since when the camera could have recorded, in this period.")],
        "to": Annotated[Time, Field(description="Until when it is known what was recorded, in this period.")],
        "now": Time,
        "time_zone": Annotated[str, Field(examples=["America/Sao_Paulo"])],
        "spans": list[SpanAnswer],
        "gaps": list[GapAnswer],
        "events": list[EventAnswer],
        "coverage": Annotated[Ratio, Field(description="The share of `from` to `to` that was recorded.")],
    },
)
TimelineAnswer.__doc__ = "Gaps and spans lie in order and touch each other; neither is before `from` or after `to`."


class DayAnswer(TypedDict):
    """A day of the site's zone: 23, 24 or 25 hours."""

    date: Annotated[str, Field(json_schema_extra={"format": "date"}, examples=["2026-11-20"])]
    start: Time
    end: Time
    seconds: Annotated[Seconds, Field(description="Recorded.")]
    coverage: Ratio
    preserved: bool


class CalendarAnswer(TypedDict):
    """The days on which the camera could have recorded something."""

    camera_id: Id
    month: Annotated[str, Field(examples=["2026-11"])]
    time_zone: Annotated[str, Field(examples=["America/Sao_Paulo"])]
    days: list[DayAnswer]


@operation(name="get_timeline", answer=TimelineAnswer)
async def timeline(request: web.Request) -> web.Response:
    """In wall-clock time, at most 35 days; also of a camera that has been removed."""
    period, camera = query_of(request, MonthAtMost), await _camera(request)
    found = await city_of(request).timeline.get(camera, period.start_ms, period.end_ms)
    return json_answer(_shown(found, camera, request))


@operation(name="get_calendar", answer=CalendarAnswer)
async def calendar(request: web.Request) -> web.Response:
    """The days of a month with how much of each was recorded; also of a camera that has been removed."""
    asked, camera, city = query_of(request, Month), await _camera(request), city_of(request)
    days = await city.timeline.days(camera, *asked.year_and_month)
    answer: CalendarAnswer = {
        "camera_id": camera.public_id,
        "month": asked.month,
        "time_zone": str(city.timeline.zone),
        "days": [_day(day) for day in days],
    }
    return json_answer(answer)


async def _camera(request: web.Request) -> Camera:
    public_id = id_in_path(request, "camera_id", "camera")
    return await city_of(request).cameras.get(public_id, verb_of(request), removed_too=True)


def _shown(found: Timeline, camera: Camera, request: web.Request) -> TimelineAnswer:
    return {
        "camera_id": camera.public_id,
        "start": rfc3339(found.start_ms),
        "end": rfc3339(found.end_ms),
        "from": rfc3339(found.from_ms),
        "to": rfc3339(found.to_ms),
        "now": rfc3339(request.app[SITE].clock.wall_ms()),
        "time_zone": str(city_of(request).timeline.zone),
        "spans": [_span(span) for span in found.spans],
        "gaps": [_gap(gap) for gap in found.gaps],
        "events": [_event(event) for event in found.events],
        "coverage": found.coverage,
    }


def _span(span: TimelineSpan) -> SpanAnswer:
    return {
        "start": rfc3339(span.start_ms),
        "end": rfc3339(span.end_ms),
        "preserved": span.preserved,
        "clock_trusted": span.clock_trusted,
        "running": span.running,
    }


def _gap(gap: Gap) -> GapAnswer:
    return {
        "start": rfc3339(gap.start_ms),
        "end": rfc3339(gap.end_ms),
        "cause": gap.cause,
        "detail": gap.detail,
        "purged_at": _time(gap.purged_ms),
    }


def _event(event: TimelineEvent) -> EventAnswer:
    return {
        "kind": event.kind,
        "start": rfc3339(event.start_ms),
        "end": _time(event.end_ms),
        "open": event.open,
        "facts": dict(event.facts),
    }


def _day(day: CalendarDay) -> DayAnswer:
    return {
        "date": day.date,
        "start": rfc3339(day.start_ms),
        "end": rfc3339(day.end_ms),
        "seconds": day.recorded_ms / 1000,
        "coverage": day.coverage,
        "preserved": day.preserved,
    }


def _time(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)
