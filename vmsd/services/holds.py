"""The holds of one city: what an authority has asked to be kept. A hold ends at its deadline unless confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from vmsd.clock import Clock, rfc3339
from vmsd.errors import Conflict, FieldProblem, Invalid
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.keeping import Hold, KeptPeriod
from vmsd.model.person import Verb
from vmsd.services.audit import AuditLog
from vmsd.services.keeping import CityKeeping, Part, refuse_too_many, told_parts
from vmsd.services.keeping_whole import Whole, gather
from vmsd.store.holds import TOO_LATE, Holds
from vmsd.store.kept_periods import NEWEST, KeptPeriods
from vmsd.store.scope import CityTransaction, Scope

log = structlog.get_logger()

DAY_MS = 86_400_000
LONGEST_DAYS = 3653
"""Ten years: a deadline further away is a slip of the finger."""
NONE_SUCH = "there is no such hold"


@dataclass(frozen=True)
class Request:
    """The official paper a hold answers."""

    number: str
    authority: str
    purpose: str


WholeHold = Whole[Hold]


class CityHolds:
    """For one caller, who is `by`: a hold is seen by who may replay all of its cameras, no matter who made it."""

    def __init__(self, scope: Scope, keeping: CityKeeping, audit: AuditLog, clock: Clock, *, by: Who) -> None:
        self._scope = scope
        self._store = Holds(scope)
        self._periods = KeptPeriods(scope)
        self._keeping = keeping
        self._audit = audit
        self._clock = clock
        self._by = by

    async def list(
        self, *, ended: bool | None = None, after: str | None = None, limit: int = 50
    ) -> Sequence[WholeHold]:
        """Newest first; active or ended ones alone, unless that is None."""
        before = NEWEST if after is None else (await self.get(after)).thing.id
        seen = await self._keeping.cameras(Verb.REPLAY)
        return await self._whole(await self._store.list(seen.keys(), before=before, limit=limit, ended=ended))

    async def ending(self, within_ms: int) -> Sequence[Hold]:
        """Active ones that will end within this time and that the caller may confirm, the first to end first."""
        kept = await self._keeping.cameras(Verb.PRESERVE)
        return await self._store.ending(self._clock.wall_ms() + within_ms, cameras=kept.keys())

    async def get(self, public_id: str, verb: Verb = Verb.REPLAY) -> WholeHold:
        """`NotAllowed` for who may see it and not do `verb` with all of its cameras."""
        (whole,) = await self._whole([await self._store.get(public_id)])
        await self._keeping.require(whole.camera_ids.keys(), verb, NONE_SUCH)
        return whole

    async def _whole(self, holds: Sequence[Hold]) -> Sequence[WholeHold]:
        periods: dict[int, list[KeptPeriod]] = {one.id: [] for one in holds}
        for period in await self._periods.of_holds(periods.keys()):
            periods[period.hold_id or 0].append(period)
        return await gather(self._keeping, [(one, periods[one.id]) for one in holds])

    async def add(self, request: Request, deadline_ms: int, parts: Sequence[Part]) -> WholeHold:
        self._check_deadline(deadline_ms)
        await self._keeping.check(parts, "/periods")
        refuse_too_many(len(parts))
        async with self._scope.write() as transaction:
            now_ms = self._clock.wall_ms()
            hold = await self._store.add(
                transaction,
                number=request.number,
                authority=request.authority,
                purpose=request.purpose,
                deadline_ms=deadline_ms,
                person=self._by.person,
                person_name=self._by.name,
                now_ms=now_ms,
            )
            await self._keep(transaction, hold, parts, now_ms)
            facts: dict[str, Fact] = {"deadline": rfc3339(deadline_ms), "periods": told_parts(parts)}
            await self._tell(transaction, Action.HOLD_ADDED, hold, facts, reason=request.purpose)
        return await self._again(hold)

    def _check_deadline(self, deadline_ms: int, later_than_ms: int = 0) -> None:
        now_ms = self._clock.wall_ms()
        if deadline_ms <= max(now_ms, later_than_ms):
            raise _refused("must be in the future" if deadline_ms <= now_ms else "must be later than it is")
        if deadline_ms > now_ms + LONGEST_DAYS * DAY_MS:
            raise _refused("must be within ten years: a hold can be confirmed then")

    async def change(self, whole: WholeHold, request: Request) -> WholeHold:
        """Raises `Conflict` when it has ended, or somebody else has changed it since it was read."""
        before, now_ms = whole.thing, self._clock.wall_ms()
        said = {"number": request.number, "authority": request.authority, "purpose": request.purpose}
        async with self._scope.write() as transaction:
            after = await self._store.change(transaction, before, now_ms=now_ms, **said)
            fields = [field for field in said if getattr(before, field) != getattr(after, field)]
            if fields:
                await self._tell(transaction, Action.HOLD_CHANGED, after, {"fields": fields})
        return await self._again(after)

    async def extend(self, whole: WholeHold, parts: Sequence[Part]) -> WholeHold:
        """More periods; raises as `change` does."""
        await self._keeping.check(parts, "/periods")
        hold, now_ms = whole.thing, self._clock.wall_ms()
        async with self._scope.write() as transaction:
            refuse_too_many(len(await self._periods.of_holds([hold.id], transaction)) + len(parts))
            same = {"number": hold.number, "authority": hold.authority, "purpose": hold.purpose}
            hold = await self._store.change(transaction, hold, now_ms=now_ms, **same)
            await self._keep(transaction, hold, parts, now_ms)
            await self._tell(transaction, Action.HOLD_CHANGED, hold, {"periods": told_parts(parts)})
        return await self._again(hold)

    async def confirm(self, whole: WholeHold, deadline_ms: int) -> WholeHold:
        """It is still needed, until then; raises as `change` does."""
        hold, now_ms = whole.thing, self._clock.wall_ms()
        self._check_deadline(deadline_ms, later_than_ms=hold.deadline_ms)
        facts: dict[str, Fact] = {"from": rfc3339(hold.deadline_ms), "to": rfc3339(deadline_ms)}
        async with self._scope.write() as transaction:
            hold = await self._store.confirm(transaction, hold, deadline_ms, now_ms)
            await self._tell(transaction, Action.HOLD_CONFIRMED, hold, facts)
        return await self._again(hold)

    async def end(self, whole: WholeHold, reason: str = "") -> None:
        """Its periods are kept no longer, unless by something else; raises as `change` does."""
        hold, now_ms = whole.thing, self._clock.wall_ms()
        if hold.ended_ms is not None:
            raise Conflict("this hold has ended")
        async with self._scope.write() as transaction:
            if not await self._store.end(transaction, hold, "released", now_ms):
                raise Conflict(TOO_LATE)
            released = await self._periods.release_hold(transaction, hold.id, now_ms)
            facts: dict[str, Fact] = {"why": "released", "released": released, "bytes": whole.cost.bytes}
            await self._tell(transaction, Action.HOLD_ENDED, hold, facts, reason=reason)

    async def _keep(self, transaction: CityTransaction, hold: Hold, parts: Sequence[Part], now_ms: int) -> None:
        for part in parts:
            await self._keeping.add(transaction, part, now_ms, hold_id=hold.id)

    async def _again(self, hold: Hold) -> WholeHold:
        (whole,) = await self._whole([await self._store.get(hold.public_id)])
        return whole

    async def _tell(
        self, transaction: CityTransaction, action: Action, hold: Hold, facts: Mapping[str, Fact], reason: str = ""
    ) -> None:
        entry = told(action, hold, self._by, facts, reason)
        await self._audit.append(transaction, entry, self._clock.wall_ms())
        log.info(action.value, hold_id=hold.public_id, by=self._by.person)


async def end_overdue(scope: Scope, audit: AuditLog, now_ms: int) -> int:
    """End the holds of a city whose deadline has passed, as the box itself; how many those were. Deletes nothing."""
    store, periods, ended = Holds(scope), KeptPeriods(scope), 0
    for hold in await store.ending(now_ms):
        async with scope.write() as transaction:
            if await store.end(transaction, hold, "deadline", now_ms):
                released = await periods.release_hold(transaction, hold.id, now_ms)
                facts: dict[str, Fact] = {"why": "deadline", "released": released}
                await audit.append(transaction, told(Action.HOLD_ENDED, hold, Who(), facts), now_ms)
                ended += 1
    return ended


def told(action: Action, hold: Hold, by: Who, facts: Mapping[str, Fact], reason: str = "") -> Entry:
    named: dict[str, Fact] = {"number": hold.number, "authority": hold.authority}
    return Entry(action, by, subject=Subject("hold", hold.public_id), reason=reason or None, facts=named | dict(facts))


def _refused(detail: str) -> Invalid:
    return Invalid("the deadline was refused", FieldProblem("/deadline", detail))
