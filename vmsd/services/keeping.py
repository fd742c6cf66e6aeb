"""Keeping recordings of one city for good, and letting them go: who may, what for, and what it costs.

A kept period keeps every file that has something of it whole. What was purged before does not come back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from vmsd.clock import Clock, rfc3339
from vmsd.errors import Conflict, FieldProblem, Invalid, NotAllowed, NotFound
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.camera import Camera
from vmsd.model.keeping import Keeping, KeptPeriod
from vmsd.model.person import Verb
from vmsd.services.audit import AuditLog
from vmsd.services.cameras import CityCameras
from vmsd.services.keeping_costs import Cost, Costs, still_kept
from vmsd.services.storage import DiskWatch
from vmsd.store.holds import Holds
from vmsd.store.incidents import Incidents
from vmsd.store.kept_periods import NEWEST, KeptPeriods
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.segments import Segments

log = structlog.get_logger()

DAY_MS = 86_400_000
MOST_DAYS = 31
AHEAD_DAYS = 366
MOST_PERIODS = 50
"""Of one incident, and of one hold."""
SETTLED_MS = 60_000
"""What was recorded a moment ago may not be in the index yet."""
NONE_SUCH = "there is no such preserved period"


@dataclass(frozen=True)
class Part:
    """What of a camera is to be kept, the end not included."""

    camera: Camera
    start_ms: int
    end_ms: int

    @property
    def stretch(self) -> tuple[int, int, int]:
        return (self.camera.id, self.start_ms, self.end_ms)


@dataclass(frozen=True)
class Kept:
    """A period as the caller sees it; its incident or hold is named only to who may see all of that."""

    period: KeptPeriod
    camera_public_id: str
    cost: Cost
    incident_public_id: str | None = None
    hold_public_id: str | None = None


class CityKeeping:
    """Handed out for the one city a request is about, and for one caller, who is `by`; `cameras` are theirs."""

    def __init__(
        self, scope: Scope, cameras: CityCameras, audit: AuditLog, clock: Clock, watch: DiskWatch, *, by: Who
    ) -> None:
        self._scope = scope
        self._store = KeptPeriods(scope)
        self._segments = Segments(scope)
        self._incidents = Incidents(scope)
        self._holds = Holds(scope)
        self._cameras = cameras
        self._audit = audit
        self._clock = clock
        self._by = by
        self.costs = Costs(scope, watch)

    async def cameras(self, verb: Verb) -> Mapping[int, Camera]:
        """Those with which the caller may do this, by their number; removed ones too."""
        found = await self._cameras.list(verbs=frozenset({verb}), removed_too=True)
        return {camera.id: camera for camera in found}

    async def camera_ids(self) -> Mapping[int, str]:
        """Public ids by number, of all cameras there ever were: for what is shown to who may see it."""
        return await self._segments.camera_ids()

    async def require(self, numbers: Collection[int], verb: Verb, none_such: str) -> Mapping[int, Camera]:
        """The caller's cameras, if these are all among them; else what names them does not exist, or is not theirs."""
        held = await self.cameras(verb)
        if held.keys() >= set(numbers):
            return held
        if verb is not Verb.REPLAY and (await self.cameras(Verb.REPLAY)).keys() >= set(numbers):
            raise NotAllowed("your account may not do this with all of its cameras")
        raise NotFound(none_such)

    async def check(self, parts: Sequence[Part], pointer: str = "") -> None:
        """Raises `Invalid` for a period that cannot be, `Conflict` for one of which there is and will be nothing."""
        for number, part in enumerate(parts):
            place = f"{pointer}/{number}" if pointer else ""
            if part.start_ms >= part.end_ms:
                raise _refused(f"{place}/end", "must be after start")
            if part.end_ms - part.start_ms > MOST_DAYS * DAY_MS:
                raise _refused(f"{place}/end", f"a period has at most {MOST_DAYS} days")
            now_ms = self._clock.wall_ms()
            if part.end_ms > now_ms - SETTLED_MS and part.end_ms <= now_ms + AHEAD_DAYS * DAY_MS:
                continue
            if not await self._segments.list(part.camera.id, part.start_ms * 1000, part.end_ms * 1000, limit=1):
                if part.end_ms > now_ms:
                    raise _refused(f"{place}/end", f"must be within the next {AHEAD_DAYS} days")
                raise Conflict("there is no recording of this camera in the period, and there will be none")

    async def add(
        self,
        transaction: CityTransaction,
        part: Part,
        now_ms: int,
        *,
        reason: str = "",
        incident_id: int | None = None,
        hold_id: int | None = None,
    ) -> KeptPeriod:
        """In a transaction of the caller's, who has checked it and writes it down."""
        return await self._store.add(
            transaction,
            part.camera.id,
            part.start_ms,
            part.end_ms,
            reason=reason,
            person=self._by.person,
            person_name=self._by.name,
            now_ms=now_ms,
            incident_id=incident_id,
            hold_id=hold_id,
        )

    async def keep(self, part: Part, reason: str) -> Kept:
        await self.check([part])
        (cost,) = await self.costs.of([[part.stretch]])
        now_ms = self._clock.wall_ms()
        async with self._scope.write() as transaction:
            period = await self.add(transaction, part, now_ms, reason=reason)
            await self.tell(transaction, Action.RECORDING_PRESERVED, part, cost.bytes, reason)
        return Kept(period, part.camera.public_id, cost)

    async def cost(self, part: Part) -> Cost:
        """Of what there is now: no more than that is asked of the period."""
        (cost,) = await self.costs.of([[part.stretch]])
        return cost

    async def list(
        self,
        *,
        camera: Camera | None = None,
        keeping: Keeping | None = None,
        released: bool = False,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[Kept]:
        """Newest first, of the cameras whose recordings the caller may see; `after` is the id of the last one seen."""
        before = NEWEST if after is None else (await self.get(after)).period.id
        cameras = await self.cameras(Verb.REPLAY)
        wanted = cameras.keys() & ({camera.id} if camera else cameras.keys())
        found = await self._store.list(before=before, limit=limit, cameras=wanted, keeping=keeping, released=released)
        return await self._shown(found, cameras)

    async def get(self, public_id: str, verb: Verb = Verb.REPLAY) -> Kept:
        period = await self._store.get(public_id)
        cameras = await self.require({period.camera_id}, verb, NONE_SUCH)
        (kept,) = await self._shown([period], cameras)
        return kept

    async def _shown(self, periods: Sequence[KeptPeriod], cameras: Mapping[int, Camera]) -> Sequence[Kept]:
        costs = await self.costs.of([still_kept([period]) for period in periods])
        seen = cameras.keys()
        incidents = await self._incidents.seen({one.incident_id for one in periods if one.incident_id}, seen)
        holds = await self._holds.seen({one.hold_id for one in periods if one.hold_id}, seen)
        return [
            Kept(
                period,
                cameras[period.camera_id].public_id,
                cost,
                incidents.get(period.incident_id or 0),
                holds.get(period.hold_id or 0),
            )
            for period, cost in zip(periods, costs, strict=True)
        ]

    async def release(self, public_id: str, reason: str = "") -> None:
        """What somebody preserved; what belongs to an incident, a hold or an export ends with that (`Conflict`)."""
        kept = await self.get(public_id, Verb.PRESERVE)
        period = kept.period
        if period.keeping is not Keeping.PRESERVED:
            raise Conflict(f"this period is kept for its {period.keeping}, and as long as that lasts")
        camera = (await self.cameras(Verb.PRESERVE))[period.camera_id]
        part = Part(camera, period.start_ms, period.end_ms)
        async with self._scope.write() as transaction:
            if await self._store.release(transaction, period, self._clock.wall_ms()):
                await self.tell(transaction, Action.RECORDING_RELEASED, part, kept.cost.bytes, reason)

    async def tell(
        self, transaction: CityTransaction, action: Action, part: Part, size_bytes: int, reason: str
    ) -> None:
        """Write it down, in the transaction that makes it so."""
        facts: dict[str, Fact] = {"start": rfc3339(part.start_ms), "end": rfc3339(part.end_ms), "bytes": size_bytes}
        camera_id = part.camera.public_id
        entry = Entry(action, self._by, subject=Subject("camera", camera_id), reason=reason or None, facts=facts)
        await self._audit.append(transaction, entry, self._clock.wall_ms())
        log.info(action.value, camera_id=camera_id, start=facts["start"], end=facts["end"], by=self._by.person)


def refuse_too_many(count: int) -> None:
    if count > MOST_PERIODS:
        raise _refused("/periods", f"it would have more than {MOST_PERIODS} periods")


def told_parts(parts: Iterable[Part]) -> list[str]:
    """As the audit log tells of them."""
    return [f"{part.camera.public_id} {rfc3339(part.start_ms)} {rfc3339(part.end_ms)}" for part in parts]


def _refused(pointer: str, detail: str) -> Invalid:
    return Invalid("the period was refused", FieldProblem(pointer, detail))
