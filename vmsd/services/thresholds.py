"""When a figure of the health board turns amber and red: as it usually does, or where a manager has moved it to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import structlog

from vmsd.clock import Clock
from vmsd.config import Disk
from vmsd.errors import FieldProblem, Invalid
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.city import City
from vmsd.services.audit import AuditLog
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.thresholds import Thresholds

log = structlog.get_logger()

DIGITS = 4


class Level(StrEnum):
    GREEN = "green"
    AMBER = "amber"
    RED = "red"


class Figure(StrEnum):
    """What has thresholds. Those of a `camera_` say when one camera that is on air counts as degraded."""

    CAMERAS_OFFLINE = "cameras_offline"
    CAMERAS_NOT_RECORDING = "cameras_not_recording"
    CAMERAS_DEGRADED = "cameras_degraded"
    CAMERA_FPS = "camera_fps"
    CAMERA_FRAME_AGE = "camera_frame_age"
    CAMERA_DROPS = "camera_drops"
    DISK_USED = "disk_used"
    PROMISE = "promise"
    DISK_WEAR = "disk_wear"
    TASKS_LATE = "tasks_late"


@dataclass(frozen=True)
class Limits:
    """From `amber` on a figure is amber, from `red` on red: upwards when `red` is the greater, else downwards."""

    amber: float
    red: float

    def level(self, value: float) -> Level:
        sign = 1 if self.red > self.amber else -1
        if sign * value >= sign * self.red:
            return Level.RED
        return Level.AMBER if sign * value >= sign * self.amber else Level.GREEN


@dataclass(frozen=True)
class Rule:
    """`least` and `most` are the values a limit of this figure may have."""

    usual: Limits
    least: float
    most: float
    whole: bool = False

    @property
    def rises(self) -> bool:
        """Whether more is worse."""
        return self.usual.red > self.usual.amber


def rules_of(disk: Disk) -> Mapping[Figure, Rule]:
    """The usual limits; the recording disk is full by design at `sweep_used`, and stops recording at `breaker_used`."""
    between = round((disk.sweep_used + disk.breaker_used) / 2, DIGITS)
    return {
        Figure.CAMERAS_OFFLINE: Rule(Limits(1, 3), 1, 10_000, whole=True),
        Figure.CAMERAS_NOT_RECORDING: Rule(Limits(1, 2), 1, 10_000, whole=True),
        Figure.CAMERAS_DEGRADED: Rule(Limits(1, 5), 1, 10_000, whole=True),
        Figure.CAMERA_FPS: Rule(Limits(0.6, 0.3), 0, 1),
        Figure.CAMERA_FRAME_AGE: Rule(Limits(3, 5), 1, 60),
        Figure.CAMERA_DROPS: Rule(Limits(3, 8), 1, 1000, whole=True),
        Figure.DISK_USED: Rule(Limits(between, disk.breaker_used), 0.01, 1),
        Figure.PROMISE: Rule(Limits(1.1, 1.0), 0, 10),
        Figure.DISK_WEAR: Rule(Limits(0.7, 0.9), 0.01, 2),
        Figure.TASKS_LATE: Rule(Limits(1, 3), 1, 100, whole=True),
    }


class CityThresholds:
    """Handed out for the one city a request is about; `by` is who moves them."""

    def __init__(self, scope: Scope, city: City, disk: Disk, audit: AuditLog, clock: Clock, *, by: Who) -> None:
        self._store = Thresholds(scope)
        self._scope = scope
        self._city = city
        self._audit = audit
        self._clock = clock
        self._by = by
        self.rules = rules_of(disk)

    async def get(self, transaction: CityTransaction | None = None) -> Mapping[Figure, Limits]:
        """Of every figure."""
        moved = await self._store.list(transaction)
        return {figure: Limits(*moved.get(figure, _pair(rule.usual))) for figure, rule in self.rules.items()}

    async def put(self, wanted: Mapping[Figure, Limits]) -> Mapping[Figure, Limits]:
        """What is not named has its usual limits again. Raises `Invalid`."""
        self._refuse(wanted)
        moved = {figure: limits for figure, limits in wanted.items() if limits != self.rules[figure].usual}
        async with self._scope.write() as transaction:
            before = await self.get(transaction)
            await self._store.replace(transaction, {figure: _pair(limits) for figure, limits in moved.items()})
            after = await self.get(transaction)
            facts: dict[str, Fact] = {
                figure.value: f"{_words(before[figure])} -> {_words(after[figure])}"
                for figure in self.rules
                if before[figure] != after[figure]
            }
            if facts:
                entry = Entry(
                    Action.THRESHOLDS_CHANGED, self._by, subject=Subject("city", self._city.public_id), facts=facts
                )
                await self._audit.append(transaction, entry, self._clock.wall_ms())
        log.info("thresholds.changed", city_id=self._city.public_id, figures=sorted(facts))
        return after

    def _refuse(self, wanted: Mapping[Figure, Limits]) -> None:
        problems = [
            problem for figure, limits in wanted.items() for problem in _wrong(figure, self.rules[figure], limits)
        ]
        if problems:
            raise Invalid("some limits were refused", *problems)


def _wrong(figure: Figure, rule: Rule, limits: Limits) -> list[FieldProblem]:
    found = []
    for name, value in (("amber", limits.amber), ("red", limits.red)):
        if not rule.least <= value <= rule.most:
            found.append(FieldProblem(f"/{figure}/{name}", f"must be from {rule.least:g} to {rule.most:g}"))
        elif rule.whole and value != int(value):
            found.append(FieldProblem(f"/{figure}/{name}", "must be a whole number"))
    if not found and not (limits.red > limits.amber if rule.rises else limits.red < limits.amber):
        than = "more" if rule.rises else "less"
        found.append(FieldProblem(f"/{figure}/red", f"must be {than} than amber"))
    return found


def _pair(limits: Limits) -> tuple[float, float]:
    return limits.amber, limits.red


def _words(limits: Limits) -> str:
    return f"{limits.amber:g} / {limits.red:g}"
