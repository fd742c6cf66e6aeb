"""`/api/v1/system/integrity`: whether disk and database say the same, and recordings are what they were."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.bodies import json_answer
from vmsd.api.door import caller_of
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import rfc3339
from vmsd.model.shapes import Bytes, Count, Time
from vmsd.services.integrity import Counts, Integrity
from vmsd.store.integrity import CheckRow


class CheckAnswer(TypedDict):
    """What a check has found; nothing is ever deleted by one."""

    started_at: Time
    ended_at: Time | None
    by: Annotated[str | None, Field(description="Who asked for it; null for a nightly one.")]
    files: Count
    bytes: Bytes
    hashed: Annotated[Count, Field(description="Recordings read again and compared with their hash.")]
    missing: Annotated[Count, Field(description="In the index, not on the disk.")]
    unknown: Annotated[Count, Field(description="On the disk, not in the index.")]
    altered: Annotated[Count, Field(description="Not the bytes any more that were hashed when they were closed.")]
    quarantined: Annotated[Count, Field(description="Files that are no recordings, moved out of the way.")]
    unreadable: Count
    stopped: Annotated[bool, Field(description="Too much was wrong: nothing was moved or marked any more.")]


class IntegrityAnswer(TypedDict):
    running: bool
    now: Annotated[CheckAnswer | None, Field(description="The check that runs, as far as it has come.")]
    last: Annotated[CheckAnswer | None, Field(description="The last one that has ended.")]


@operation(answer=IntegrityAnswer)
async def get_integrity(request: web.Request) -> web.Response:
    """The check that runs, and the result of the last one; a nightly one goes on where the one before ended."""
    integrity = request.app[SITE].integrity
    await integrity.load()
    return json_answer(shown(integrity))


@operation(answer=IntegrityAnswer, status=202)
async def check_integrity(request: web.Request) -> web.Response:
    """Start a check now; while one runs, that one is the answer."""
    integrity = request.app[SITE].integrity
    await integrity.ask(caller_of(request).who)
    return json_answer(shown(integrity), status=202)


def shown(integrity: Integrity) -> IntegrityAnswer:
    running, last = integrity.running, integrity.last
    return {
        "running": running is not None,
        "now": None if running is None else _check(running, integrity.counts),
        "last": None if last is None else _check(last, counts_of(last)),
    }


def counts_of(check: CheckRow) -> Counts:
    return Counts(**{name: value for name, value in check.result.items() if name != "cursor"})


def _check(check: CheckRow, counts: Counts) -> CheckAnswer:
    return {
        "started_at": rfc3339(check.started_ms),
        "ended_at": None if check.ended_ms is None else rfc3339(check.ended_ms),
        "by": check.person_name,
        "files": counts.files,
        "bytes": counts.bytes,
        "hashed": counts.hashed,
        "missing": counts.missing,
        "unknown": counts.unknown,
        "altered": counts.altered,
        "quarantined": counts.quarantined,
        "unreadable": counts.unreadable,
        "stopped": counts.stopped,
    }
