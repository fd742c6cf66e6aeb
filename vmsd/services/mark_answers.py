"""Marks as they are shown: in answers, on the feed, and to programs outside."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from vmsd.clock import rfc3339
from vmsd.model.camera import Camera
from vmsd.model.mark import Mark
from vmsd.model.shapes import Id, Ratio, Time


class MarkAnswer(TypedDict):
    """`source` is the token or person it came from, empty for what the box itself saw."""

    id: Id
    camera_id: Id
    type: Annotated[str, Field(examples=["motion"])]
    time: Time
    end: Time
    score: Ratio | None
    box: Annotated[list[float] | None, Field(description="x, y, width, height: shares of the picture.")]
    text: str
    source: str


def shown(mark: Mark, camera: Camera) -> MarkAnswer:
    return {
        "id": mark.public_id,
        "camera_id": camera.public_id,
        "type": mark.type,
        "time": rfc3339(mark.start_ms),
        "end": rfc3339(mark.end_ms),
        "score": mark.score,
        "box": None if mark.box is None else list(mark.box),
        "text": mark.text,
        "source": mark.source,
    }
