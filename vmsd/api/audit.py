"""`/api/v1/audit`: what was done here, and whether the record of it is whole."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from aiohttp import web
from pydantic import AwareDatetime, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from vmsd.api.bodies import Page, Query, json_answer, naming_cursor, query_of
from vmsd.api.door import caller_of
from vmsd.clock import rfc3339
from vmsd.errors import NotAllowed
from vmsd.model.audit import Action, AuditSearch, Entry, Record, Who
from vmsd.model.city import City
from vmsd.model.person import Role
from vmsd.services.audit import AuditLog

AUDIT: web.AppKey[AuditLog] = web.AppKey("audit")


class Filter(Query):
    """`action` is the beginning of one: `login` finds `login.done` and `login.refused`."""

    action: str | None = Field(None, min_length=1, max_length=64)
    person: UUID | None = None
    subject: str | None = Field(None, min_length=1, max_length=200)
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None
    q: str | None = Field(None, min_length=1, max_length=100)

    @field_validator("end")
    @classmethod
    def _after_start(cls, end: AwareDatetime | None, info: ValidationInfo) -> AwareDatetime | None:
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


def who_of(request: web.Request) -> Who:
    """The caller, as the log names them."""
    person = caller_of(request).person
    return Who(person.public_id, person.name, person.role, request.remote)


def shown(record: Record, *, whole: bool) -> dict[str, Any]:
    """`row`, `previous` and `hash` only to who sees every city: numbers with gaps would tell of the others."""
    subject = None if record.subject is None else {"kind": record.subject_kind, "id": record.subject}
    person = {"id": record.person, "name": record.person_name, "role": record.role}
    chain = {"row": record.seq, "previous": record.previous.hex(), "hash": record.hash.hex()}
    entry = {
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
    return _readable(entry | chain if whole else entry)


def _facts(text: str) -> Any:
    """A row somebody has damaged is shown as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _readable(entry: dict[str, Any]) -> dict[str, Any]:
    """Bytes that were no text become question marks."""
    text = json.dumps(entry, ensure_ascii=False).encode("utf-8", "replace")
    readable: dict[str, Any] = json.loads(text)
    return readable


def _city(request: web.Request) -> City | None:
    """The city of the request; None, for superadmins alone, when it names none."""
    opened = request.get("city")
    if opened is not None:
        city: City = opened.city
        return city
    if caller_of(request).role != Role.SUPERADMIN:
        raise NotAllowed("only a superadmin may see every city")
    return None


async def list_entries(request: web.Request) -> web.Response:
    query, city = query_of(request, FilterPage), _city(request)
    with naming_cursor():
        page = await request.app[AUDIT].list(city, query.search, cursor=query.cursor, limit=query.limit)
    items = [shown(record, whole=city is None) for record in page.items]
    return json_answer({"items": items, "next": page.next})


async def verify(request: web.Request) -> web.Response:
    """Of the whole box: its length would tell a city of the others."""
    verdict = await request.app[AUDIT].verify()
    fault = verdict.fault
    return json_answer(
        {
            "valid": verdict.valid,
            "length": verdict.length,
            "head": verdict.head.hex(),
            "first_bad": fault.seq if fault else None,
            "why": fault.flaw if fault else None,
        }
    )


async def export_csv(request: web.Request) -> web.StreamResponse:
    """The same filters as the list; that somebody took the log away is itself a row of it."""
    query, city, log = query_of(request, Filter), _city(request), request.app[AUDIT]
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": 'attachment; filename="audit.csv"',
        "Cache-Control": "no-store",
    }
    response = web.StreamResponse(headers=headers)
    if request.method == "HEAD":
        return response
    await log.record(Entry(Action.AUDIT_EXPORTED, who_of(request), city.id if city else None))
    await response.prepare(request)
    async for part in log.csv(city, query.search):
        await response.write(part)
    await response.write_eof()
    return response
