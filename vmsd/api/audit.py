"""`/api/v1/audit`: what was done here, and whether the record of it is whole."""

from __future__ import annotations

import json
from typing import Annotated, Any, NotRequired
from uuid import UUID

from aiohttp import web
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from vmsd.api.bodies import Moment, Page, Query, json_answer, naming_cursor, query_of
from vmsd.api.door import caller_of
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.model.audit import Action, AuditSearch, Entry, Record
from vmsd.model.city import City
from vmsd.model.shapes import Count, Id, Listing, Time, Yes
from vmsd.pages.request import CITY


class Filter(Query):
    """`action` is the beginning of one: `login` finds `login.done` and `login.refused`."""

    action: str | None = Field(None, min_length=1, max_length=64)
    person: UUID | None = None
    subject: str | None = Field(None, min_length=1, max_length=200)
    start: Moment | None = None
    end: Moment | None = None
    q: str | None = Field(None, min_length=1, max_length=100)

    @field_validator("end")
    @classmethod
    def _after_start(cls, end: Moment | None, info: ValidationInfo) -> Moment | None:
        start = info.data.get("start")
        if start and end and end <= start:
            raise PydanticCustomError("period", "must be after start")
        return end

    @property
    def search(self) -> AuditSearch:
        return AuditSearch(
            action=self.action,
            person=str(self.person) if self.person else None,
            subject=self.subject,
            start_ms=round(self.start.timestamp() * 1000) if self.start else None,
            end_ms=round(self.end.timestamp() * 1000) if self.end else None,
            text=self.q,
        )


class FilterPage(Filter, Page):
    cursor: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")


class AuditPerson(TypedDict):
    """As they were called then."""

    id: str | None
    name: str | None
    role: str | None


class AuditSubject(TypedDict):
    kind: Annotated[str | None, Field(examples=["camera"])]
    id: str


class EntryAnswer(TypedDict):
    """One row of the log; `row`, `previous` and `hash` only to who sees every city."""

    id: Annotated[str, Field(description="SHA-256 of the row and the one before it, in hex.")]
    time: Time
    clock_trusted: Yes
    city_id: Id | None
    person: Annotated[AuditPerson | None, Field(description="Null for what the box did by itself.")]
    address: str | None
    action: Annotated[str, Field(examples=["camera.added"])]
    subject: AuditSubject | None
    reason: str | None
    facts: Annotated[Any, Field(description="More about it, by name.", examples=[{}])]
    row: NotRequired[int]
    previous: NotRequired[str]
    hash: NotRequired[str]


class VerdictAnswer(TypedDict):
    valid: Yes
    length: Count
    head: Annotated[str, Field(description="Hash of the last row, in hex.")]
    first_bad: Annotated[int | None, Field(description="The first row that is not as it was written.")]
    why: str | None


def shown(record: Record, *, whole: bool) -> EntryAnswer:
    """`row`, `previous` and `hash` only to who sees every city: numbers with gaps would tell of the others."""
    about = record.subject
    subject: AuditSubject | None = None if about is None else {"kind": record.subject_kind, "id": about}
    person: AuditPerson = {"id": record.person, "name": record.person_name, "role": record.role}
    entry: EntryAnswer = {
        "id": record.id,
        "time": rfc3339(record.at_ms),
        "clock_trusted": bool(record.clock_trusted),
        "city_id": record.city,
        "person": person if any(person.values()) else None,
        "address": record.address,
        "action": record.action,
        "subject": subject,
        "reason": record.reason,
        "facts": _facts(record.facts),
    }
    if whole:
        entry |= {"row": record.seq, "previous": record.previous.hex(), "hash": record.hash.hex()}
    return _readable(entry)


def _facts(text: str) -> Any:
    """A row somebody has damaged is shown as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _readable(entry: EntryAnswer) -> EntryAnswer:
    """Bytes that were no text become question marks."""
    text = json.dumps(entry, ensure_ascii=False).encode("utf-8", "replace")
    readable: EntryAnswer = json.loads(text)
    return readable


def _city(request: web.Request) -> City | None:
    """The city of the request; None, for superadmins alone, when it names none."""
    return request[CITY].city if CITY in request else None


@operation(name="list_audit_entries", answer=Listing[EntryAnswer])
async def list_entries(request: web.Request) -> web.Response:
    query, city = query_of(request, FilterPage), _city(request)
    with naming_cursor():
        page = await request.app[SITE].audit.list(city, query.search, cursor=query.cursor, limit=query.limit)
    items = [shown(record, whole=city is None) for record in page.items]
    return json_answer({"items": items, "next": page.next})


@operation(name="verify_audit", answer=VerdictAnswer)
async def verify(request: web.Request) -> web.Response:
    """Of the whole box: its length would tell a city of the others."""
    verdict = await request.app[SITE].audit.verify()
    fault = verdict.fault
    answer: VerdictAnswer = {
        "valid": verdict.valid,
        "length": verdict.length,
        "head": verdict.head.hex(),
        "first_bad": fault.seq if fault else None,
        "why": fault.flaw if fault else None,
    }
    return json_answer(answer)


@operation(name="export_audit", media="text/csv", errors=(507,))
async def export_csv(request: web.Request) -> web.StreamResponse:
    """The same filters as the list; that somebody took the log away is itself a row of it."""
    query, city, log = query_of(request, Filter), _city(request), request.app[SITE].audit
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": 'attachment; filename="audit.csv"',
        "Cache-Control": "no-store",
    }
    response = web.StreamResponse(headers=headers)
    if request.method == "HEAD":
        return response
    await log.record(Entry(Action.AUDIT_EXPORTED, caller_of(request).who, city.id if city else None))
    await response.prepare(request)
    async for part in log.csv(city, query.search):
        await response.write(part)
    await response.write_eof()
    return response
