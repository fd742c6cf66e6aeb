"""`/api/v1/alerts`: what somebody has to answer; found, taken, held, closed and printed."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from aiohttp import web
from pydantic import Field, StringConstraints

from vmsd.api.bodies import (
    Body,
    Moment,
    Page,
    json_answer,
    ms_of,
    naming_cursor,
    page_of,
    parse,
    query_of,
    read_body,
    read_patch,
)
from vmsd.api.door import caller_of, city_of
from vmsd.api.ids import id_in_path
from vmsd.api.keeping import PLAIN
from vmsd.api.operation import operation
from vmsd.model.alert import Alert, AlertKind, AlertState, Level
from vmsd.model.shapes import Listing
from vmsd.services.alert_answers import AlertAnswer
from vmsd.services.city_alerts import Change, CountsAnswer, TakenAnswer
from vmsd.store.alerts import AlertSearch

PDF = "application/pdf"
OPEN = frozenset({AlertState.NEW, AlertState.ACKNOWLEDGED, AlertState.ON_HOLD})
MOST_AT_ONCE = 500
Note = Annotated[str, StringConstraints(max_length=1000, pattern=PLAIN)]


class AlertsQuery(Page):
    """All of it together; a period finds what happened or went on in it."""

    state: AlertState | Literal["open"] | None = Field(None, description="`open`: all that are not closed.")
    kind: AlertKind | None = None
    level: Level | None = None
    camera_id: UUID | None = None
    mine: bool = Field(False, description="Those alone that the caller has taken.")
    start: Moment | None = None
    end: Moment | None = Field(None, description="Not included.")


class AlertChange(Body):
    """The next step, a note, or both."""

    state: AlertState | None = Field(
        None, strict=False, description="What it is to be: `acknowledged`, `on_hold` or `closed`."
    )
    note: Note | None = Field(None, examples=["Viatura 12 a caminho"])
    until: Moment | None = Field(None, description="On hold until then; without it for an hour.")
    take_over: bool = Field(False, description="Also from somebody else who has taken it.")


class Several(Body):
    ids: list[Annotated[UUID, Field(strict=False)]] = Field(min_length=1, max_length=MOST_AT_ONCE)


@operation(answer=Listing[AlertAnswer])
async def list_alerts(request: web.Request) -> web.Response:
    """Those of cameras the caller may view, and of the box as far as it concerns their role; newest first."""
    query, alerts = query_of(request, AlertsQuery), city_of(request).alerts
    with naming_cursor():
        found = await alerts.list(_search(request, query), after=query.cursor, limit=query.limit + 1)
    items, following = page_of(found, query.limit, lambda alert: alert.public_id)
    return json_answer({"items": [alerts.shown(alert) for alert in items], "next": following})


def _search(request: web.Request, query: AlertsQuery) -> AlertSearch:
    states = OPEN if query.state == "open" else None if query.state is None else {AlertState(query.state)}
    return AlertSearch(
        states=states,
        kind=query.kind,
        level=query.level,
        camera=None if query.camera_id is None else str(query.camera_id),
        person=caller_of(request).person.public_id if query.mine else None,
        start_ms=None if query.start is None else ms_of(query.start),
        end_ms=None if query.end is None else ms_of(query.end),
    )


@operation(answer=CountsAnswer)
async def count_alerts(request: web.Request) -> web.Response:
    """How many wait for an answer."""
    return json_answer(await city_of(request).alerts.counts())


@operation(name="acknowledge_alerts", body=Several, answer=TakenAnswer)
async def acknowledge(request: web.Request) -> web.Response:
    """Takes all of them at once; those of somebody else stay theirs."""
    body = await read_body(request, Several)
    return json_answer(await city_of(request).alerts.acknowledge([str(one) for one in body.ids]))


@operation(answer=AlertAnswer)
async def get_alert(request: web.Request) -> web.Response:
    """With everything that was done about it."""
    return await _answer(request, await _alert(request))


@operation(patch=AlertChange, answer=AlertAnswer, errors=(409,))
async def change_alert(request: web.Request) -> web.Response:
    """Takes it, puts it on hold, closes it, or notes something. Whoever takes the next step has taken it.

    409 for one that somebody else has taken (the detail names them), that is closed, or whose trouble lasts and must
    be put right first (`must_be_resolved`, at `place`).
    """
    alert = await _alert(request)
    body = parse(AlertChange, await read_patch(request, AlertChange))
    until_ms = None if body.until is None else ms_of(body.until)
    change = Change(body.state, body.note, until_ms, body.take_over)
    return await _answer(request, await city_of(request).alerts.change(alert.public_id, change))


@operation(media=PDF)
async def print_alert(request: web.Request) -> web.Response:
    """The record of it on paper, in Portuguese."""
    alert = await _alert(request)
    body = await city_of(request).alerts.print(alert)
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'inline; filename="alerta-{alert.public_id}.pdf"',
    }
    return web.Response(body=body, content_type=PDF, headers=headers)


async def _alert(request: web.Request) -> Alert:
    return await city_of(request).alerts.get(id_in_path(request, "alert_id", "alert"))


async def _answer(request: web.Request, alert: Alert) -> web.Response:
    return json_answer(await city_of(request).alerts.whole(alert))
