"""Raises alerts about what is wrong with the box and its cameras, reminds of them, and ends them when it is over.

Reads: what reaches the disk, the notices of the box, what expires, the outbox, refused logins. Writes: alerts and
their steps. Keeps true: of everything that is wrong there is one open alert in each city it concerns, and none of what
is not; who put one on hold has it back when its time is up; what was closed long ago is dropped. A restart neither
forgets nor doubles one: those that are open are read from the store in every pass.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

import structlog

from vmsd.clock import Clock
from vmsd.config import Settings
from vmsd.model.alert import Alert, AlertKind
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.outage import Outage
from vmsd.services.accounts import Accounts
from vmsd.services.alert_conditions import (
    KINDS,
    LOGINS_WITHIN_S,
    MANY,
    CityFacts,
    Condition,
    Known,
    Silence,
    conditions,
)
from vmsd.services.alerts import AlertBook, NewAlert, Raised
from vmsd.services.answers import NoticeAnswer
from vmsd.services.city_alerts import return_held
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.desired import DesiredState
from vmsd.services.expiry import Soon
from vmsd.services.index import RecordingIndex
from vmsd.services.integrity import Integrity
from vmsd.services.live_states import LiveStates, key_of
from vmsd.services.outbox import Outbox
from vmsd.services.storage import DiskWatch
from vmsd.store.alerts import Alerts, drop_old
from vmsd.store.cities import Cities
from vmsd.store.database import Database
from vmsd.store.holds import Holds
from vmsd.store.scope import Scope

log = structlog.get_logger()

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
HOLDS_MS = 7 * DAY_MS
EXPIRING_EVERY_S = 900.0
"""How often it is asked anew what expires: that reads every camera's oldest recordings."""
EXPLAINING = frozenset({"breaker_open", "volume_missing", "volume_foreign", "disk_unreadable", "mediamtx_away"})
"""Notices that say why no camera can be recorded."""
UNKNOWN_S = 120.0
"""How long what was open at the start must not be seen before it is over: not everything has been looked at by then."""
TIDY_EVERY_S = 600.0
DROPPED_AT_ONCE = 1000
Key = tuple[int, AlertKind, str]


@dataclass(frozen=True)
class AlertSources:
    """Where the task looks. `soon` says what of a city expires within a day."""

    settings: Settings
    clock: Clock
    database: Database
    states: LiveStates
    index: RecordingIndex
    disk: DiskWatch
    desired: DesiredState
    keeper: Timekeeper
    outbox: Outbox
    accounts: Accounts
    integrity: Integrity
    notices: Callable[[], Sequence[NoticeAnswer]]
    maintenance: Callable[[], Awaitable[Outage | None]]
    soon: Callable[[City], Awaitable[Soon | None]]


@dataclass(frozen=True)
class Episode:
    """A condition since it was first seen to hold; `gone_s` is when it was first seen not to."""

    since_s: float
    raised: bool = False
    gone_s: float | None = None
    gone_ms: int = 0
    over_s: float = UNKNOWN_S


class AlertWatch:
    name: ClassVar[str] = "alerts"
    every_s: ClassVar[float] = 5.0
    deadline_s: ClassVar[float] = 30.0

    def __init__(self, sources: AlertSources, book: AlertBook) -> None:
        self._from = sources
        self._book = book
        self._zone = ZoneInfo(sources.settings.site.time_zone)
        self._episodes: dict[Key, Episode] = {}
        self._explained_s = sources.clock.monotonic()
        """When it was last known why nothing is recorded; the daemon's own start is such a reason."""
        self._soon: dict[int, tuple[float, Soon | None]] = {}
        self._tidied_s: float | None = None

    async def once(self) -> None:
        explained = await self._explained()
        cities = await Cities(self._from.database).list()
        for city in cities:
            if city.status == "active":
                await self._watch(city, explained=explained)
        await self._tidy(cities)

    async def _tidy(self, cities: Sequence[City]) -> None:
        """What was closed long ago goes, as long as the clock can be believed."""
        now_s, trusted_ms = self._from.clock.monotonic(), self._from.keeper.trusted_ms()
        if trusted_ms is None or (self._tidied_s is not None and now_s - self._tidied_s < TIDY_EVERY_S):
            return
        before_ms = trusted_ms - self._from.settings.alerts.kept_days * DAY_MS
        for city in cities:
            async with Scope(self._from.database, city.id).write() as transaction:
                dropped = await drop_old(transaction, before_ms, DROPPED_AT_ONCE)
            if dropped:
                log.info("alerts.dropped", city_id=city.public_id, alerts=dropped)
        self._tidied_s = now_s

    async def _explained(self) -> bool:
        """Why no camera can be recorded now is told of already, or was announced."""
        codes = {notice["code"] for notice in self._from.notices()}
        explained = bool(codes & EXPLAINING) or await self._from.maintenance() is not None
        if explained or self._from.disk.checked_ms is None:
            self._explained_s = self._from.clock.monotonic()
        return explained

    async def _watch(self, city: City, *, explained: bool) -> None:
        scope, now_ms = Scope(self._from.database, city.id), self._from.clock.wall_ms()
        for raised in await return_held(scope, self._book, now_ms):
            self._book.announce(raised)
        open_now = {(one.kind, one.subject): one for one in await Alerts(scope).open_of(KINDS)}
        known = self._known(await self._city_facts(city, scope, open_now), explained=explained)
        found = {(one.kind, one.subject): one for one in conditions(known)}
        for condition in found.values():
            await self._holds(scope, condition, open_now.get((condition.kind, condition.subject)))
        for key, alert in open_now.items():
            if key not in found:
                await self._is_gone(scope, alert)
        self._forget(city, found.keys() | open_now.keys())

    def _known(self, city: CityFacts, *, explained: bool) -> Known:
        sources, now_ms = self._from, self._from.clock.wall_ms()
        last = sources.integrity.last
        return Known(
            settings=sources.settings,
            now_ms=now_ms,
            day=datetime.fromtimestamp(now_ms / 1000, self._zone).date().isoformat(),
            notices=sources.notices(),
            usage=sources.disk.usage,
            bytes_per_s=sources.index.total_bytes_per_s(),
            refused_logins=sources.accounts.refused_within(LOGINS_WITHIN_S),
            under_attack=sources.accounts.alarm,
            altered=sources.integrity.altered,
            checked=last.id if last else 0,
            explained=explained,
            city=city,
        )

    async def _city_facts(self, city: City, scope: Scope, open_now: Mapping[tuple[AlertKind, str], Alert]) -> CityFacts:
        now_ms = self._from.clock.wall_ms()
        silent = {subject for kind, subject in open_now if kind is AlertKind.NOT_RECORDING}
        return CityFacts(
            silences=[
                self._silence(one) for own, one in self._from.states.watched if own.id == city.id and self._is_due(one)
            ],
            holds=await Holds(scope).ending(now_ms + HOLDS_MS),
            soon=await self._expiring(city),
            backlog_ms=(await self._from.outbox.backlog(city.id)).oldest_ms,
            alone=frozenset(silent - {MANY}),
            folded=MANY in silent,
        )

    def _is_due(self, camera: Camera) -> bool:
        return camera.recording_enabled and key_of(camera) not in self._from.desired.rationed

    def _silence(self, camera: Camera) -> Silence:
        clock, index = self._from.clock, self._from.index
        now_s, now_ms = clock.monotonic(), clock.wall_ms()
        written_s = index.written_age_s(key_of(camera))
        blamed_s = now_s - self._explained_s
        if camera.recording_since_ms <= now_ms:  # else it was switched on by a clock that was ahead
            blamed_s = min(blamed_s, (now_ms - camera.recording_since_ms) / 1000)
        if written_s is not None:
            blamed_s = min(blamed_s, written_s)
        return Silence(camera, written_s, blamed_s, self._from.states.of(camera).cause)

    async def _expiring(self, city: City) -> Soon | None:
        now_s = self._from.clock.monotonic()
        asked = self._soon.get(city.id)
        if asked is None or now_s - asked[0] >= EXPIRING_EVERY_S:
            asked = self._soon[city.id] = (now_s, await self._from.soon(city))
        return asked[1]

    async def _holds(self, scope: Scope, condition: Condition, alert: Alert | None) -> None:
        """It is so: raise it when it has been so for long enough, remind of it when that is long ago."""
        key, now_s = (scope.city_id, condition.kind, condition.subject), self._from.clock.monotonic()
        episode = self._episodes.get(key) or Episode(now_s, raised=alert is not None)
        self._episodes[key] = episode = replace(episode, gone_s=None, over_s=condition.over_s)
        if alert is not None and alert.ended_ms is None:
            await self._keep_up(scope, condition, alert)
        elif not episode.raised and now_s - episode.since_s >= condition.after_s:
            if not condition.once or not await Alerts(scope).ever(condition.kind, condition.subject):
                await self._raise(scope, condition)
            self._episodes[key] = replace(episode, raised=True)

    async def _raise(self, scope: Scope, condition: Condition) -> None:
        new = NewAlert(
            condition.kind,
            condition.subject,
            condition.level,
            condition.since_ms,
            camera=condition.camera,
            facts=condition.facts,
            audience=condition.audience,
        )
        async with scope.write() as transaction:
            raised = await self._book.raise_alert(transaction, new, self._from.clock.wall_ms())
        self._book.announce(raised)

    async def _keep_up(self, scope: Scope, condition: Condition, alert: Alert) -> None:
        """Say what has changed of it, and remind of it: after an hour, and every day from then on."""
        now_ms = self._from.clock.wall_ms()
        if {**alert.facts, **condition.facts} != alert.facts:
            async with scope.write() as transaction:
                changed = await self._book.follow(transaction, alert, condition.facts, now_ms)
            self._book.announce(changed)
        last_ms, pause_ms = (alert.raised_ms, HOUR_MS) if alert.reminded_ms is None else (alert.reminded_ms, DAY_MS)
        if alert.level == "info" or 0 <= now_ms - last_ms < pause_ms:  # what is of tomorrow was told by a wrong clock
            return
        async with scope.write() as transaction:
            raised = await self._book.remind(transaction, alert, now_ms)
        self._book.announce(raised)

    async def _is_gone(self, scope: Scope, alert: Alert) -> None:
        """It is not so any more: over when it has not been for long enough, and since when that began."""
        key, clock = (scope.city_id, alert.kind, alert.subject), self._from.clock
        episode = self._episodes.get(key) or Episode(clock.monotonic(), raised=True)
        if episode.gone_s is None:
            episode = replace(episode, gone_s=clock.monotonic(), gone_ms=clock.wall_ms(), raised=False)
        self._episodes[key] = episode
        if alert.ended_ms is None and clock.monotonic() - (episode.gone_s or 0.0) >= episode.over_s:
            await self._end(scope, alert, episode.gone_ms)

    async def _end(self, scope: Scope, alert: Alert, ended_ms: int) -> None:
        raised: Raised | None
        async with scope.write() as transaction:
            raised = await self._book.end_condition(
                transaction, scope.city_id, alert.kind, alert.subject, self._from.clock.wall_ms(), ended_ms=ended_ms
            )
        if raised is not None:
            self._book.announce(raised)

    def _forget(self, city: City, here: set[tuple[AlertKind, str]]) -> None:
        """What is neither so nor told of."""
        for key in [one for one in self._episodes if one[0] == city.id and one[1:] not in here]:
            del self._episodes[key]
