"""Carries a city's news to its destinations: in order, at least once, and none held up by another that is away."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from vmsd.clock import Clock
from vmsd.config import OutboxRules
from vmsd.errors import BadSetting
from vmsd.host.keys import Vault
from vmsd.model.audit import Action, Entry, Subject
from vmsd.model.destination import Attempt, Destination, Item, Kind, Outcome
from vmsd.services.audit import AuditLog
from vmsd.services.senders import Sender, Target, opened
from vmsd.store.database import Database
from vmsd.store.deliveries import Deliveries, Open, find_items, note_arrived, note_failed, note_gone, note_passed
from vmsd.store.destinations import Destinations
from vmsd.store.scope import CityTransaction, Scope

log = structlog.get_logger()

NEVER = float("-inf")
LOOK_S = 1.0
"""How often the destinations are looked at when nobody says that there is something new."""
SOONEST_S = 0.05
"""Between two looks, however much is new."""
SLICE_S = 1.0
"""For so long one destination is served before another has its turn."""
SCAN_ITEMS = 200
PASSED_ITEMS = 1000
"""So many that are not for a destination are passed in memory before the store is told."""
REFUSED = range(400, 500)
PATIENT = {408, 425, 429}
"""Of these, those that say nothing against what was sent."""
REFUSED_FIRST_S = 60.0
"""A refusal does not get better within seconds; but it may have been mended, and order must hold."""
LONGEST_WISH_S = 3600.0
ARRIVALS_S = 10.0
"""What comes in is measured over so long at least."""


@dataclass
class Served:
    """What is known of a destination beyond the store. `cursor` is the last item that is done with."""

    open: Open
    cursor: int
    due_s: float = 0.0
    last_s: float = 0.0
    busy: bool = False
    catching_up: bool = False
    """It has been away, or the daemon has: what waits goes out slowly."""
    away_s: float = 0.0
    """When it was found to be away the last time, and `away_id` was the newest item then."""
    away_id: int = 0

    @property
    def waits(self) -> bool:
        return self.cursor < self.open.newest_id

    def is_away(self, now_s: float) -> None:
        self.catching_up, self.away_s, self.away_id = True, now_s, self.open.newest_id

    def new_per_s(self, now_s: float) -> float:
        """How fast news has come in since then."""
        return max(0, self.open.newest_id - self.away_id) / max(now_s - self.away_s, ARRIVALS_S)


@dataclass
class Round:
    """What came of one turn: `done` need not be tried again, `arrived` of these have arrived."""

    done: int = 0
    arrived: int = 0
    failure: Outcome | None = None
    attempts: list[Attempt] = field(default_factory=list)

    def take(self, outcome: Outcome, batch: Sequence[Item], now_ms: int, took_ms: int) -> None:
        last = batch[max(outcome.arrived - 1, 0)]
        about = (now_ms, last.topic, last.public_id)
        self.attempts.append(Attempt(*about, outcome.arrived, outcome.status, outcome.error, took_ms))
        self.arrived += outcome.arrived
        self.done += outcome.arrived + outcome.unsuitable
        if outcome.arrived < len(batch) and not outcome.unsuitable:
            self.failure = outcome


class Courier:
    """Knows every destination that is on; `senders` are the ways out, by the kind of destination."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        senders: Mapping[Kind, Sender],
        audit: AuditLog,
        clock: Clock,
        rules: OutboxRules,
    ) -> None:
        self._database = database
        self._deliveries = Deliveries(database)
        self._vault = vault
        self._senders = senders
        self._audit = audit
        self._clock = clock
        self._rules = rules
        self._served: dict[tuple[int, int], Served] = {}
        self._looked_s = NEVER
        self._news = False
        self._looking = False

    def expect(self) -> bool:
        """There is something new; True when nobody had said so since it was last looked."""
        first, self._news = not self._news, True
        return first

    async def look(self) -> None:
        """See what there is, unless it is too soon or somebody else is looking."""
        if self._looking or self._look_in_s() > 0:
            return
        self._looking, self._news, self._looked_s = True, False, self._clock.monotonic()
        try:
            self._take(await self._deliveries.open(), self._looked_s)
        finally:
            self._looking = False

    def _look_in_s(self) -> float:
        pause_s = SOONEST_S if self._news else LOOK_S
        return self._looked_s + pause_s - self._clock.monotonic()

    def _take(self, found: Sequence[Open], asked_s: float) -> None:
        """Of those that were served meanwhile the store may have told what is not so any more."""
        present = {(one.destination.city_id, one.destination.id): one for one in found}
        for key in self._served.keys() - present.keys():
            del self._served[key]
        for key, one in present.items():
            known = self._served.get(key)
            if known is None or known.open.destination.public_id != one.destination.public_id:
                self._served[key] = Served(one, one.destination.sent_id)
                if one.destination.sent_ms is not None or one.destination.failures:
                    self._served[key].is_away(self._clock.monotonic())
            elif known.busy or known.last_s >= asked_s:
                known.open = replace(known.open, newest_id=one.newest_id)
            else:
                known.cursor = max(known.cursor, one.destination.sent_id)
                known.open = one
            served = self._served[key]
            served.catching_up = served.catching_up and served.waits

    def pick(self) -> Served | None:
        """Whose turn it is: of those that something waits for and that are due, who has waited longest."""
        ready = [one for one in self._served.values() if self._due_in_s(one) <= 0]
        return min(ready, key=lambda one: one.last_s, default=None)

    def _due_in_s(self, one: Served) -> float:
        if one.busy or not one.waits:
            return float("inf")
        retry_ms, wait_s = one.open.destination.retry_ms, one.due_s - self._clock.monotonic()
        if retry_ms is not None:
            retry_s = (retry_ms - self._clock.wall_ms()) / 1000
            if retry_s <= max(self._rules.retry_most_s, LONGEST_WISH_S):  # else the clock has been set back
                wait_s = max(wait_s, retry_s)
        return wait_s

    @property
    def pause_s(self) -> float:
        """How long nothing is to be done."""
        if self._looked_s == NEVER:
            return LOOK_S
        due_s = min(map(self._due_in_s, self._served.values()), default=LOOK_S)
        return min(LOOK_S, max(0.0, min(due_s, self._look_in_s())))

    async def serve(self, one: Served) -> None:
        """Hand over some of what waits, and note what has become of it."""
        one.busy = True
        try:
            await self._serve(one)
        finally:
            one.busy, one.last_s = False, self._clock.monotonic()

    async def _serve(self, one: Served) -> None:
        destination = one.open.destination
        found = await find_items(Scope(self._database, destination.city_id), one.cursor, SCAN_ITEMS)
        served = destination.kind in self._senders
        wanted = [item for item in found if served and destination.wants(item.topic)]
        round_ = await self._hand_over(one, wanted) if wanted else Round()
        if round_.done < len(wanted):
            one.cursor = wanted[round_.done].id - 1
        else:
            one.cursor = found[-1].id if found else one.open.newest_id
        one.catching_up = one.catching_up and one.waits
        await self._note(one, round_)

    async def _hand_over(self, one: Served, wanted: Sequence[Item]) -> Round:
        """Until all have arrived, one has not, or the next destination's turn has come."""
        sender, round_ = self._senders[one.open.destination.kind], Round()
        ends_s = self._clock.monotonic() + SLICE_S
        try:
            target = self._opened(one)
        except BadSetting as error:
            round_.take(Outcome(0, None, str(error)), wanted[:1], self._clock.wall_ms(), 0)
            return round_
        while round_.done < len(wanted) and round_.failure is None:
            batch = wanted[round_.done : round_.done + sender.at_once]
            started_s = self._clock.monotonic()
            outcome = await sender.send(target, batch)
            now_s = self._clock.monotonic()
            round_.take(outcome, batch, self._clock.wall_ms(), round((now_s - started_s) * 1000))
            if one.catching_up and sender.at_once == 1:
                one.due_s = started_s + self._slow_s(one)
                break
            if now_s > ends_s:
                break
        return round_

    def _slow_s(self, one: Served) -> float:
        """Between two items for one that comes back: more than what is new, or it would never catch up."""
        slowly_per_s = self._rules.webhook_per_s / random.uniform(1.0, 1.4)  # noqa: S311 - jitter
        return 1 / (slowly_per_s + one.new_per_s(self._clock.monotonic()))

    def _opened(self, one: Served) -> Target:
        return opened(self._vault, one.open.destination, one.open.city)

    async def _note(self, one: Served, round_: Round) -> None:
        """One transaction; none at all when nothing was for it, until that is many."""
        destination, now_ms = one.open.destination, self._clock.wall_ms()
        if not round_.attempts and one.cursor - destination.sent_id < PASSED_ITEMS:
            return
        changed = self._after(destination, one, round_, now_ms)
        one.open = replace(one.open, destination=changed)
        scope = Scope(self._database, destination.city_id)
        async with scope.write() as transaction:
            if round_.arrived:
                there = await note_arrived(transaction, destination.id, one.cursor, now_ms)
            else:
                there = await note_passed(transaction, destination.id, one.cursor)
            if not there:
                return  # it was removed meanwhile
            await Destinations(scope).note(transaction, destination.id, round_.attempts)
            if round_.failure is not None:
                await self._note_failure(transaction, changed, round_.failure, now_ms)

    def _after(self, before: Destination, one: Served, round_: Round, now_ms: int) -> Destination:
        """What it is like now; whoever has failed or come back is told of once."""
        after = before
        if round_.arrived:
            if before.failures:
                log.info("destination.back", destination_id=before.public_id, after_failures=before.failures)
            after = replace(after, failures=0, retry_ms=None, broken_since_ms=None)
        if round_.failure is not None:
            if not after.failures:
                log.warning("destination.failing", destination_id=before.public_id, error=round_.failure.error)
            one.is_away(self._clock.monotonic())
            retry_ms = now_ms + round(self._wait_s(after.failures, round_.failure) * 1000)
            after = replace(after, failures=after.failures + 1, retry_ms=retry_ms)
        return replace(after, sent_id=one.cursor)

    def _wait_s(self, failures: int, failure: Outcome) -> float:
        """Twice as long each time, and not in step with others."""
        refused = failure.status in REFUSED and failure.status not in PATIENT
        first_s = REFUSED_FIRST_S if refused else self._rules.retry_first_s
        wait_s = min(self._rules.retry_most_s, first_s * 2.0 ** min(failures, 30))
        wish_s = min(failure.retry_after_s or 0.0, LONGEST_WISH_S)
        return max(wait_s * random.uniform(0.5, 1.0), wish_s)  # noqa: S311 - jitter

    async def _note_failure(
        self, transaction: CityTransaction, destination: Destination, failure: Outcome, now_ms: int
    ) -> None:
        await note_failed(transaction, destination.id, destination.retry_ms or now_ms, now_ms)
        if not failure.gone:
            return
        if destination.kind == "push":
            await Destinations(Scope(self._database, destination.city_id)).remove(transaction, destination)
        elif await note_gone(transaction, destination.id, now_ms):
            subject = Subject("destination", destination.public_id)
            entry = Entry(Action.DESTINATION_GONE, subject=subject, facts={"name": destination.name})
            await self._audit.append(transaction, entry, now_ms)
            log.warning("destination.gone", destination_id=destination.public_id)

    async def note_passed(self) -> None:
        """Tell the store how far those are that got nothing lately: what they hold up can go."""
        for one in list(self._served.values()):
            destination = one.open.destination
            if one.cursor > destination.sent_id and not one.busy:
                one.open = replace(one.open, destination=replace(destination, sent_id=one.cursor))
                async with Scope(self._database, destination.city_id).write() as transaction:
                    await note_passed(transaction, destination.id, one.cursor)

    @property
    def open_destinations(self) -> Sequence[Destination]:
        return [one.open.destination for one in self._served.values()]
