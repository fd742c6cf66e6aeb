"""Alerts as they are shown: in answers, on the feed, on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from vmsd.clock import rfc3339
from vmsd.model.alert import Alert, AlertKind, AlertState, AlertStep, Level, Step
from vmsd.model.shapes import Id, Seconds, Time, Yes
from vmsd.services.feed import News

REPLAY_BEFORE_MS = 10_000
"""So much is seen of what led to it."""
PLATE_KINDS = frozenset({AlertKind.WANTED_PLATE})
"""Of these nobody is told any fact who may not read plates."""

Event = Literal["raised", "again", "reminded", "changed", "closed"]


class OwnerAnswer(TypedDict):
    id: Id | None
    name: str | None


class StepAnswer(TypedDict):
    at: Time
    step: Step
    note: str
    by: Annotated[OwnerAnswer | None, Field(description="Null for the box itself.")]


class AlertAnswer(TypedDict):
    """Something somebody has to answer."""

    id: Id
    kind: AlertKind
    level: Annotated[Level, Field(description="How loud it is.")]
    state: AlertState
    camera_id: Id | None
    camera_name: str | None
    time: Annotated[Time, Field(description="When what it tells of happened, or began.")]
    raised_at: Time
    last_at: Annotated[Time, Field(description="When it was last seen to happen.")]
    times: Annotated[int, Field(ge=1, description="How often it has happened while this was not closed.")]
    ended_at: Annotated[Time | None, Field(description="When what it tells of was over.")]
    closed_at: Time | None
    duration: Annotated[Seconds | None, Field(description="How long what it tells of lasted; null while it does.")]
    held_until: Annotated[Time | None, Field(description="On hold: when it comes back to its owner.")]
    owner: Annotated[OwnerAnswer | None, Field(description="Who has taken it.")]
    note: Annotated[str, Field(description="The last one.")]
    facts: Annotated[dict[str, Any], Field(description="What there is to say of this kind; a plate in `plate`.")]
    detection_id: Id | None
    image_url: Annotated[str | None, Field(description="The crop of the plate.")]
    replay_url: Annotated[str | None, Field(description="The page that shows the 10 s before.")]
    must_be_resolved: Annotated[Yes, Field(description="Cannot be closed as long as what it tells of lasts.")]
    place: Annotated[str | None, Field(description="The page where it is put right.")]
    steps: NotRequired[Annotated[list[StepAnswer], Field(description="What was done; of a single alert alone.")]]


def shown(alert: Alert, *, plates: bool) -> AlertAnswer:
    """`plates`: for somebody who may read them."""
    told = plates or alert.kind not in PLATE_KINDS
    detection = alert.detection if told else None
    return {
        "id": alert.public_id,
        "kind": alert.kind,
        "level": alert.level,
        "state": alert.state,
        "camera_id": alert.camera.public_id if alert.camera else None,
        "camera_name": alert.camera.name if alert.camera else None,
        "time": rfc3339(alert.at_ms),
        "raised_at": rfc3339(alert.raised_ms),
        "last_at": rfc3339(alert.last_ms),
        "times": alert.times,
        "ended_at": _time(alert.ended_ms),
        "closed_at": _time(alert.closed_ms),
        "duration": None if alert.ended_ms is None else max(0, alert.ended_ms - alert.at_ms) / 1000,
        "held_until": _time(alert.held_until_ms),
        "owner": None if alert.person is None else {"id": alert.person, "name": alert.person_name},
        "note": alert.note,
        "facts": _facts(alert) if told else {},
        "detection_id": detection.public_id if detection else None,
        "image_url": _image_url(detection.public_id) if detection and detection.pictured else None,
        "replay_url": _replay_url(alert),
        "must_be_resolved": alert.manner.must_be_resolved,
        "place": alert.place,
    }


def _facts(alert: Alert) -> dict[str, Any]:
    """The plate stands with what was read alone: where that is forgotten, so it is here."""
    if alert.detection is None:
        return dict(alert.facts)
    return {**alert.facts, "plate": alert.detection.plate}


def _image_url(detection: str) -> str:
    return f"/api/v1/detections/{detection}/image.jpg"


def _replay_url(alert: Alert) -> str | None:
    """Of the box as a whole there is nothing to be seen."""
    if alert.camera is None:
        return None
    return f"/replay?camera={alert.camera.public_id}&at={rfc3339(alert.at_ms - REPLAY_BEFORE_MS)}"


def shown_step(step: AlertStep) -> StepAnswer:
    by: OwnerAnswer | None = None if step.person_name is None else {"id": step.person, "name": step.person_name}
    return {"at": rfc3339(step.at_ms), "step": step.step, "note": step.note, "by": by}


def shown_whole(alert: Alert, steps: Sequence[AlertStep], *, plates: bool) -> AlertAnswer:
    answer = shown(alert, plates=plates)
    answer["steps"] = [shown_step(step) for step in steps]
    return answer


def news_of(alert: Alert, event: Event) -> News:
    """For everybody who may see the alert."""
    body = _message(alert, event, plates=True)
    masked = _message(alert, event, plates=False) if alert.kind in PLATE_KINDS else None
    return News(alert.city_id, body, alert.camera, masked, alert.audience)


def _message(alert: Alert, event: Event, *, plates: bool) -> Mapping[str, Any]:
    return {"type": "alert", "event": event, **shown(alert, plates=plates)}


def _time(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)
