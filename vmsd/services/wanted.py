"""The plates a city looks for, and which of them a reading may be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmsd.clock import Clock, rfc3339
from vmsd.errors import Conflict, FieldProblem, Invalid
from vmsd.model.alert import Level
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.detection import WantedPlate
from vmsd.services.audit import AuditLog
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.wanted import NEWEST, Wanted, list_wanted
from vmsd.vendors.plates import Resemblance, fold, gaps, normalise, resemblance

MOST_PLATES = 10_000
"""Of one city."""
MANY = 100_000


@dataclass(frozen=True)
class Match:
    wanted: WantedPlate
    resemblance: Resemblance


class WantedIndex:
    """The plates of one city by what they look like: a reading is found without looking through all of them."""

    def __init__(self, plates: Sequence[WantedPlate]) -> None:
        self.alike: dict[str, WantedPlate] = {one.folded: one for one in plates}
        self.gaps: defaultdict[str, list[WantedPlate]] = defaultdict(list)
        for one in plates:
            for gap in gaps(one.folded):
                self.gaps[gap].append(one)

    def candidates(self, plate: str) -> Sequence[WantedPlate]:
        folded = fold(plate)
        exact = self.alike.get(folded)
        near = [one for gap in gaps(folded) for one in self.gaps.get(gap, ())]
        return near if exact is None else [exact, *near]

    def match(self, plate: str, now_ms: int) -> Match | None:
        """The one it resembles most; with two that it resembles as much, the one that was added last."""
        matches = [
            Match(one, found)
            for one in self.candidates(plate)
            if (one.until_ms is None or now_ms < one.until_ms) and (found := resemblance(one.plate, plate))
        ]
        return max(matches, key=lambda match: (match.resemblance.score, match.wanted.id), default=None)


class WantedPlates:
    """Of all cities, kept in memory: asked at every reading, and changed through the cities' views of it alone."""

    def __init__(self) -> None:
        self._cities: dict[int, WantedIndex] = {}

    def forget(self, city_id: int) -> None:
        """Something is being changed there: to be called in that transaction, before its end."""
        self._cities.pop(city_id, None)

    async def of_city(self, transaction: CityTransaction) -> WantedIndex:
        """As they are in this transaction."""
        index = self._cities.get(transaction.city_id)
        if index is None:
            index = self._cities[transaction.city_id] = WantedIndex(await list_wanted(transaction, MANY))
        return index


@dataclass(frozen=True)
class WantedFields:
    """What a person says of a plate that is looked for."""

    plate: str
    reason: str
    level: Level = "critical"
    until_ms: int | None = None


class CityWanted:
    """`by` is who asks, for the record; which plate it was stands in no record that cannot be cleared."""

    def __init__(self, plates: WantedPlates, scope: Scope, audit: AuditLog, clock: Clock, *, by: Who) -> None:
        self._plates = plates
        self._store = Wanted(scope)
        self._scope = scope
        self._audit = audit
        self._clock = clock
        self._by = by

    async def list(self, *, after: str | None = None, limit: int = 50) -> Sequence[WantedPlate]:
        """Newest first."""
        before = NEWEST if after is None else (await self._store.get(after)).id
        return await self._store.list(before=before, limit=limit)

    async def get(self, public_id: str) -> WantedPlate:
        return await self._store.get(public_id)

    async def add(self, fields: WantedFields) -> WantedPlate:
        """Raises `Conflict` for one that is looked for already, whatever it is written like."""
        plate, now_ms = normalise(fields.plate), self._clock.wall_ms()
        self._check_until(fields.until_ms, now_ms)
        async with self._scope.write() as transaction:
            await self._store.end_overdue(transaction, now_ms)
            if await self._store.count(transaction) >= MOST_PLATES:
                raise Conflict(f"a city looks for at most {MOST_PLATES} plates; remove some")
            if await self._store.is_wanted(transaction, fold(plate)):
                raise Conflict("this plate, or one a reader takes for it, is looked for already")
            wanted = await self._store.add(
                transaction,
                plate=plate,
                folded=fold(plate),
                reason=fields.reason,
                level=fields.level,
                until_ms=fields.until_ms,
                person=self._by.person,
                person_name=self._by.name,
                now_ms=now_ms,
            )
            await self._tell(transaction, Action.WANTED_ADDED, wanted, _facts(wanted))
        return wanted

    async def change(self, wanted: WantedPlate, *, reason: str, level: Level, until_ms: int | None) -> WantedPlate:
        """Another plate is another one that is looked for."""
        if until_ms != wanted.until_ms:
            self._check_until(until_ms, self._clock.wall_ms())
        async with self._scope.write() as transaction:
            changed = await self._store.change(transaction, wanted, reason=reason, level=level, until_ms=until_ms)
            fields = [
                name for name in ("reason", "level", "until_ms") if getattr(wanted, name) != getattr(changed, name)
            ]
            if fields:
                await self._tell(transaction, Action.WANTED_CHANGED, changed, {"fields": fields, **_facts(changed)})
        return changed

    async def remove(self, wanted: WantedPlate) -> None:
        async with self._scope.write() as transaction:
            await self._store.remove(transaction, wanted, self._clock.wall_ms())
            await self._tell(transaction, Action.WANTED_REMOVED, wanted, {})

    def _check_until(self, until_ms: int | None, now_ms: int) -> None:
        if until_ms is not None and until_ms <= now_ms:
            raise Invalid("the end was refused", FieldProblem("/until", "must be in the future"))

    async def _tell(
        self, transaction: CityTransaction, action: Action, wanted: WantedPlate, facts: Mapping[str, Fact]
    ) -> None:
        self._plates.forget(self._scope.city_id)
        entry = Entry(action, self._by, subject=Subject("wanted_plate", wanted.public_id), facts=facts)
        await self._audit.append(transaction, entry, self._clock.wall_ms())


def _facts(wanted: WantedPlate) -> dict[str, Fact]:
    return {"level": wanted.level, "until": None if wanted.until_ms is None else rfc3339(wanted.until_ms)}
