"""`/api/v1/system/maintenance`: announced maintenance, so that what is missing then is not called unknown."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.bodies import Body, json_answer, read_body
from vmsd.api.door import caller_of
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.errors import NotFound
from vmsd.model.outage import Outage
from vmsd.model.shapes import Time


class NewMaintenance(Body):
    minutes: int = Field(ge=1, le=24 * 60, examples=[60])
    reason: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["a new disk"])


class MaintenanceAnswer(TypedDict):
    start: Time
    end: Annotated[Time, Field(description="When it ends by itself.")]
    reason: str


def _shown(outage: Outage) -> MaintenanceAnswer:
    end_ms = outage.start_ms if outage.end_ms is None else outage.end_ms
    return {"start": rfc3339(outage.start_ms), "end": rfc3339(end_ms), "reason": str(outage.facts.get("reason", ""))}


@operation(answer=MaintenanceAnswer, errors=(404,))
async def get_maintenance(request: web.Request) -> web.Response:
    """The one that is announced for now."""
    found = await request.app[SITE].maintenance.find()
    if found is None:
        raise NotFound("no maintenance is announced")
    return json_answer(_shown(found))


@operation(body=NewMaintenance, answer=MaintenanceAnswer)
async def begin_maintenance(request: web.Request) -> web.Response:
    """From now on, for so many minutes; announced again, it ends so many minutes from then."""
    body = await read_body(request, NewMaintenance)
    by = caller_of(request).who
    return json_answer(_shown(await request.app[SITE].maintenance.begin(body.minutes, body.reason, by)))


@operation(errors=(404,))
async def end_maintenance(request: web.Request) -> web.Response:
    """Now."""
    await request.app[SITE].maintenance.end(caller_of(request).who)
    return web.Response(status=204)
