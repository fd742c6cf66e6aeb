"""`/api/v1/thresholds`: when the figures of the health board turn amber and red."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.bodies import Body, json_answer, read_body
from vmsd.api.door import city_of
from vmsd.api.etags import etag_of, refuse_outdated
from vmsd.api.operation import operation
from vmsd.services.thresholds import Figure, Limits

Finite = Annotated[float, Field(allow_inf_nan=False, examples=[1])]


class NewLimits(Body):
    """Amber is what comes first on the way to red."""

    amber: Finite
    red: Finite


class NewThresholds(Body):
    """A figure that is not named has its usual thresholds again."""

    cameras_offline: NewLimits | None = Field(None, description="How many cameras have no signal.")
    cameras_not_recording: NewLimits | None = Field(None, description="How many cameras on air are not recorded.")
    cameras_degraded: NewLimits | None = Field(None, description="How many cameras on air are degraded.")
    camera_fps: NewLimits | None = Field(
        None,
        description="A camera counts as degraded below this share of its usual frame rate, 0 to 1.",
        examples=[{"amber": 0.6, "red": 0.3}],
    )
    camera_frame_age: NewLimits | None = Field(
        None,
        description="And from this age of its newest frame, in seconds.",
        examples=[{"amber": 3, "red": 5}],
    )
    camera_drops: NewLimits | None = Field(
        None, description="And from so many losses of signal within an hour.", examples=[{"amber": 3, "red": 8}]
    )
    disk_used: NewLimits | None = Field(
        None, description="Used share of the recording disk.", examples=[{"amber": 0.92, "red": 0.95}]
    )
    promise: NewLimits | None = Field(
        None,
        description="Days the disk holds for each day that was promised.",
        examples=[{"amber": 1.1, "red": 1}],
    )
    disk_wear: NewLimits | None = Field(
        None, description="Used share of the disk's expected life.", examples=[{"amber": 0.7, "red": 0.9}]
    )
    tasks_late: NewLimits | None = Field(None, description="How many tasks of the box stand still.")


class LimitsAnswer(TypedDict):
    amber: float
    red: float


class ThresholdAnswer(LimitsAnswer):
    usual: LimitsAnswer
    least: Annotated[float, Field(description="The values it may be moved between.")]
    most: float
    whole: Annotated[bool, Field(description="Only whole numbers.")]


class ThresholdsAnswer(TypedDict):
    """Where red is the smaller, less is worse."""

    cameras_offline: ThresholdAnswer
    cameras_not_recording: ThresholdAnswer
    cameras_degraded: ThresholdAnswer
    camera_fps: ThresholdAnswer
    camera_frame_age: ThresholdAnswer
    camera_drops: ThresholdAnswer
    disk_used: ThresholdAnswer
    promise: ThresholdAnswer
    disk_wear: ThresholdAnswer
    tasks_late: ThresholdAnswer


def tag(limits: Mapping[Figure, Limits]) -> str:
    return etag_of(*(f"{figure} {one.amber!r} {one.red!r}" for figure, one in sorted(limits.items())))


@operation(answer=ThresholdsAnswer, etag=True)
async def get_thresholds(request: web.Request) -> web.Response:
    """Of every figure, with the values it usually has."""
    return _answer(request, await city_of(request).thresholds.get())


@operation(body=NewThresholds, answer=ThresholdsAnswer, etag=True)
async def change_thresholds(request: web.Request) -> web.Response:
    """All of them at once."""
    body, city = await read_body(request, NewThresholds), city_of(request)
    refuse_outdated(request, tag(await city.thresholds.get()))
    named = {figure: getattr(body, figure.value) for figure in Figure}
    wanted = {figure: Limits(one.amber, one.red) for figure, one in named.items() if one is not None}
    return _answer(request, await city.thresholds.put(wanted))


def _answer(request: web.Request, limits: Mapping[Figure, Limits]) -> web.Response:
    rules = city_of(request).thresholds.rules
    shown = {
        figure.value: {
            "amber": one.amber,
            "red": one.red,
            "usual": {"amber": rules[figure].usual.amber, "red": rules[figure].usual.red},
            "least": rules[figure].least,
            "most": rules[figure].most,
            "whole": rules[figure].whole,
        }
        for figure, one in limits.items()
    }
    return json_answer(shown, headers={"ETag": tag(limits)})
