"""The acceptance reports of one city, as one caller may ask for them, watch them and take them away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from vmsd.clock import Clock
from vmsd.errors import Conflict, NotAllowed, NotFound
from vmsd.model.acceptance import OPEN, Acceptance, AcceptanceState, Progress
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.person import Rights, Verb
from vmsd.services.audit import AuditLog
from vmsd.store.acceptances import NEWEST, Acceptances
from vmsd.store.scope import CityTransaction, Scope

log = structlog.get_logger()

NOT_DONE = "this report is not done"


@dataclass
class AcceptanceBoard:
    """How far the report is that is being made, by its public id; written by whoever makes it, and in memory alone."""

    progress: dict[str, Progress] = field(default_factory=dict)
    nudge: Callable[[], None] = lambda: None


class CityAcceptances:
    """A report shows every camera: it is for who may manage them all."""

    def __init__(
        self,
        board: AcceptanceBoard,
        scope: Scope,
        audit: AuditLog,
        clock: Clock,
        *,
        rights: Rights,
        by: Who,
    ) -> None:
        self._board = board
        self._store = Acceptances(scope)
        self._scope = scope
        self._audit = audit
        self._clock = clock
        self._rights = rights
        self._by = by

    async def ask(self, *, installer: str, note: str, minutes: int) -> Acceptance:
        """Raises `Conflict` while one of the city is being made."""
        self._require()
        now_ms, by = self._clock.wall_ms(), self._by
        async with self._scope.write() as transaction:
            if await self._store.is_open(transaction):
                raise Conflict("a report of this city is being made already")
            said: dict[str, str | int | None] = {"installer": installer, "note": note, "minutes": minutes}
            whose = {"person": by.person, "person_name": by.name, "person_role": by.role}
            one = await self._store.add(transaction, **said, **whose, created_ms=now_ms)
            await self._tell(transaction, Action.ACCEPTANCE_ASKED, one, {"installer": installer, "minutes": minutes})
        log.info("acceptance.asked", acceptance_id=one.public_id, minutes=minutes)
        self._board.nudge()
        return one

    async def list(self, *, after: str | None = None, limit: int = 50) -> Sequence[Acceptance]:
        """Newest first; `after` is the public id the last page ended with."""
        self._require()
        before = NEWEST if after is None else (await self._store.get(after)).id
        return await self._store.list(before=before, limit=limit)

    async def get(self, public_id: str) -> Acceptance:
        self._require()
        return await self._store.get(public_id)

    def progress(self, one: Acceptance) -> Progress | None:
        """None for one that has ended, and before the first look."""
        return self._board.progress.get(one.public_id) if one.state in OPEN else None

    async def cancel(self, one: Acceptance) -> None:
        """Raises `Conflict` for one that has ended."""
        self._require()
        async with self._scope.write() as transaction:
            if not await self._store.cancel(transaction, one, self._clock.wall_ms()):
                raise Conflict("this report has ended")
            await self._tell(transaction, Action.ACCEPTANCE_CANCELLED, one)
        self._board.nudge()

    async def document(self, one: Acceptance) -> tuple[str, str]:
        """The certificate as it was signed, and the signature, both as JSON; `Conflict` before it is done."""
        self._require()
        if one.state is not AcceptanceState.DONE:
            raise Conflict(NOT_DONE)
        found = await self._store.document(one)
        if found is None:
            raise NotFound("there is no such report")
        return found

    async def print(self, one: Acceptance) -> bytes:
        """The report as a PDF; made in a thread, for it takes its time."""
        certificate, signature = await self.document(one)
        pictures = await self._store.pictures(one)
        return await asyncio.to_thread(_render, certificate, signature, pictures)

    def _require(self) -> None:
        if self._rights.groups_with({Verb.MANAGE}) is not None:
            raise NotAllowed("your account may not see a report about every camera")

    async def _tell(
        self,
        transaction: CityTransaction,
        action: Action,
        one: Acceptance,
        facts: Mapping[str, Fact] | None = None,
    ) -> None:
        entry = Entry(action, self._by, subject=Subject("acceptance", one.public_id), facts=facts or {})
        await self._audit.append(transaction, entry, self._clock.wall_ms())


def _render(certificate: str, signature: str, pictures: Mapping[str, bytes]) -> bytes:
    from vmsd.paper.acceptance import render  # the printing library is heavy, and most days nobody prints

    said: Mapping[str, Any] = json.loads(certificate)
    return render(said, json.loads(signature), pictures)
