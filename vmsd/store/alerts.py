"""The alerts of one city, and what was done about each."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from vmsd.errors import NotFound
from vmsd.model.alert import Alert, AlertCamera, AlertDetection, AlertKind, AlertState, AlertStep, Level, Step
from vmsd.model.person import Rights, Role, Verb
from vmsd.store.database import Row
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

NEWEST = 1 << 62
_COLUMNS = """alert.city_id, alert.id, alert.public_id, alert.kind, alert.level, alert.state, alert.subject,
    alert.audience, alert.at_ms, alert.raised_ms, alert.last_ms, alert.times, alert.ended_ms, alert.reminded_ms,
    alert.held_until_ms, alert.closed_ms, alert.person, alert.person_name, alert.note, alert.facts,
    alert.camera_id, camera.public_id AS camera, camera.name AS camera_name, camera.group_id AS camera_group,
    detection.public_id AS detection, detection.plate AS plate,
    detection.image IS NOT NULL OR detection.image_url IS NOT NULL AS pictured"""
_JOINED = """LEFT JOIN camera ON camera.city_id = alert.city_id AND camera.id = alert.camera_id
    LEFT JOIN detection ON detection.city_id = alert.city_id AND detection.id = alert.detection_id
    WHERE alert.city_id = :city_id"""
_SELECT = f"SELECT {_COLUMNS} FROM alert {_JOINED}"
_SELECT_OPEN = f"SELECT {_COLUMNS} FROM alert INDEXED BY alert_open {_JOINED} AND alert.state <> 'closed'"
"""Few are open, however many there ever were."""
_SEEN = """(:gestor OR audience = 'USER')
    AND (alert.camera_id IS NULL
        OR (:cameras IS NULL OR alert.camera_id IN (SELECT value FROM json_each(:cameras)))
        AND (:groups IS NULL OR camera.group_id IN (SELECT value FROM json_each(:groups))))"""
"""Names `:gestor`, `:cameras` and `:groups`."""
_WANTED = """(:states IS NULL OR alert.state IN (SELECT value FROM json_each(:states)))
    AND (:kind IS NULL OR alert.kind = :kind) AND (:level IS NULL OR alert.level = :level)
    AND (:camera IS NULL OR camera.public_id = :camera) AND (:person IS NULL OR alert.person = :person)
    AND (:start_ms IS NULL OR alert.last_ms >= :start_ms) AND (:end_ms IS NULL OR alert.at_ms < :end_ms)"""

GET = CitySql(f"{_SELECT} AND alert.public_id = :public_id")
SEE = CitySql(f"{_SELECT} AND alert.public_id = :public_id AND {_SEEN}")
OPEN = CitySql(f"{_SELECT_OPEN} AND alert.kind = :kind AND alert.subject = :subject")
OPEN_OF = CitySql(f"{_SELECT_OPEN} AND alert.kind IN (SELECT value FROM json_each(:kinds)) ORDER BY alert.id")
EVER = CitySql("SELECT 1 AS found FROM alert WHERE city_id = :city_id AND kind = :kind AND subject = :subject LIMIT 1")
LIST = CitySql(f"{_SELECT} AND alert.id < :before AND {_SEEN} AND {_WANTED} ORDER BY alert.id DESC LIMIT :limit")
LIST_OPEN = CitySql(
    f"{_SELECT_OPEN} AND alert.id < :before AND {_SEEN} AND {_WANTED} ORDER BY alert.id DESC LIMIT :limit"
)
COUNTS = CitySql(
    f"""SELECT alert.state, alert.level, alert.person IS :person AS mine, count(*) AS alerts
    FROM alert INDEXED BY alert_state LEFT JOIN camera ON camera.city_id = alert.city_id AND camera.id = alert.camera_id
    WHERE alert.city_id = :city_id AND alert.state IN ('new', 'acknowledged', 'on_hold') AND {_SEEN} GROUP BY 1, 2, 3"""
)
DUE = CitySql(
    f"""{_SELECT_OPEN} AND alert.state = 'on_hold'
    AND (alert.held_until_ms <= :now_ms OR alert.held_until_ms > :latest_ms) ORDER BY alert.id"""
)
INSERT = CitySql(
    """INSERT INTO alert (city_id, id, public_id, kind, level, state, subject, audience, camera_id, detection_id, at_ms,
    raised_ms, last_ms, times, note, facts) VALUES (:city_id, (SELECT coalesce(max(id), 0) + 1 FROM alert
    WHERE city_id = :city_id), :public_id, :kind, :level, 'new', :subject, :audience, :camera_id, :detection_id, :at_ms,
    :now_ms, :at_ms, 1, '', :facts)"""
)
COUNT_ON = CitySql(
    """UPDATE alert SET times = times + 1, last_ms = max(last_ms, :at_ms), level = :level, facts = :facts,
    detection_id = coalesce(:detection_id, detection_id), ended_ms = NULL
    WHERE city_id = :city_id AND id = :id"""
)
MOVE = CitySql(
    """UPDATE alert SET state = :next_state, person = :person, person_name = :person_name, note = :note,
    held_until_ms = :held_until_ms, closed_ms = :closed_ms
    WHERE city_id = :city_id AND id = :id AND state = :seen_state AND person IS :seen_person"""
)
END = CitySql("UPDATE alert SET ended_ms = :ended_ms, facts = :facts WHERE city_id = :city_id AND id = :id")
CLOSE = CitySql("UPDATE alert SET state = 'closed', closed_ms = :now_ms WHERE city_id = :city_id AND id = :id")
REMIND = CitySql("UPDATE alert SET reminded_ms = :now_ms, facts = :facts WHERE city_id = :city_id AND id = :id")
SET_FACTS = CitySql("UPDATE alert SET facts = :facts WHERE city_id = :city_id AND id = :id")
ADD_STEP = CitySql(
    """INSERT INTO alert_step (city_id, alert_id, number, at_ms, step, note, person, person_name)
    VALUES (:city_id, :alert_id, (SELECT coalesce(max(number), 0) + 1 FROM alert_step
    WHERE city_id = :city_id AND alert_id = :alert_id), :at_ms, :step, :note, :person, :person_name)"""
)
STEPS = CitySql(
    """SELECT number, at_ms, step, note, person, person_name FROM alert_step
    WHERE city_id = :city_id AND alert_id = :id ORDER BY number"""
)

OLD = CitySql(
    """SELECT id FROM alert INDEXED BY alert_state WHERE city_id = :city_id AND state = 'closed'
    AND raised_ms < :before_ms AND closed_ms < :before_ms ORDER BY raised_ms LIMIT :limit"""
)
_THESE = "city_id = :city_id AND {} IN (SELECT value FROM json_each(:ids))"
DROP_STEPS = CitySql(f"DELETE FROM alert_step WHERE {_THESE.format('alert_id')}")
DROP = CitySql(f"DELETE FROM alert WHERE {_THESE.format('id')} AND state = 'closed'")


@dataclass(frozen=True)
class Sight:
    """What of a city's alerts somebody may see: those of these cameras, and up to their role. None: of all."""

    groups: frozenset[int] | None
    cameras: frozenset[int] | None
    role: Role

    @classmethod
    def of(cls, rights: Rights, role: Role) -> Sight:
        """What they may VIEW."""
        return cls(replace(rights, cameras=None).groups_with({Verb.VIEW}), rights.cameras, role)

    @property
    def params(self) -> dict[str, Any]:
        groups, cameras = (None if one is None else json.dumps(sorted(one)) for one in (self.groups, self.cameras))
        return {"groups": groups, "cameras": cameras, "gestor": int(self.role.reaches(Role.GESTOR))}


@dataclass(frozen=True)
class AlertSearch:
    """All of it, where it is not None. `person` is who has taken it."""

    states: Collection[AlertState] | None = None
    kind: AlertKind | None = None
    level: Level | None = None
    camera: str | None = None
    person: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None

    @property
    def params(self) -> dict[str, Any]:
        return {
            "states": None if self.states is None else json.dumps(sorted(self.states)),
            "kind": self.kind,
            "level": self.level,
            "camera": self.camera,
            "person": self.person,
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
        }


@dataclass(frozen=True)
class Tally:
    """So many alerts in a state and of a level; `mine` of the one who asks."""

    state: AlertState
    level: Level
    mine: bool
    alerts: int


@dataclass(frozen=True)
class Move:
    """From one state to the next: `person` has it from then on."""

    state: AlertState
    person: str | None
    person_name: str | None
    note: str
    held_until_ms: int | None = None
    closed_ms: int | None = None


class Alerts:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def list(self, sight: Sight, search: AlertSearch, *, before: int, limit: int) -> Sequence[Alert]:
        """Newest first."""
        statement = LIST_OPEN if search.states and AlertState.CLOSED not in search.states else LIST
        rows = await self._scope.fetch(statement, before=before, limit=limit, **sight.params, **search.params)
        return [alert_of(row) for row in rows]

    async def get(self, sight: Sight, public_id: str, transaction: CityTransaction | None = None) -> Alert:
        """`NotFound` for what may not be seen, too."""
        rows = await (transaction or self._scope).fetch(SEE, public_id=public_id, **sight.params)
        if not rows:
            raise NotFound("there is no such alert")
        return alert_of(rows[0])

    async def counts(self, sight: Sight, person: str | None) -> Sequence[Tally]:
        rows = await self._scope.fetch(COUNTS, person=person, **sight.params)
        return [Tally(AlertState(row["state"]), row["level"], bool(row["mine"]), row["alerts"]) for row in rows]

    async def steps(self, alert: Alert) -> Sequence[AlertStep]:
        return [_step_of(row) for row in await self._scope.fetch(STEPS, id=alert.id)]

    async def open_of(self, kinds: Collection[AlertKind]) -> Sequence[Alert]:
        """Those of these kinds that are not closed, the oldest first."""
        return [alert_of(row) for row in await self._scope.fetch(OPEN_OF, kinds=json.dumps(sorted(kinds)))]

    async def ever(self, kind: AlertKind, subject: str) -> bool:
        """Whether there has been one of it, closed or not."""
        return bool(await self._scope.fetch(EVER, kind=kind, subject=subject))

    async def due(self, now_ms: int, latest_ms: int) -> Sequence[Alert]:
        """Those on hold whose time is up, or is later than anybody can have said: the clock has been set back."""
        return [alert_of(row) for row in await self._scope.fetch(DUE, now_ms=now_ms, latest_ms=latest_ms)]


async def drop_old(transaction: CityTransaction, before_ms: int, limit: int) -> int:
    """Those that were closed before then, with what was done about them: how many."""
    ids = json.dumps([row["id"] for row in await transaction.fetch(OLD, before_ms=before_ms, limit=limit)])
    await transaction.execute(DROP_STEPS, ids=ids)
    return await transaction.execute(DROP, ids=ids)


async def find_open(transaction: CityTransaction, kind: AlertKind, subject: str) -> Alert | None:
    """The one of this kind and subject that is not closed: there is never more than one."""
    rows = await transaction.fetch(OPEN, kind=kind, subject=subject)
    return alert_of(rows[0]) if rows else None


async def get(transaction: CityTransaction, public_id: str) -> Alert:
    """For the box itself, which may see everything."""
    (row,) = await transaction.fetch(GET, public_id=public_id)
    return alert_of(row)


async def insert(
    transaction: CityTransaction,
    *,
    kind: AlertKind,
    level: Level,
    subject: str,
    audience: Role,
    camera_id: int | None,
    detection_id: int | None,
    at_ms: int,
    facts: Mapping[str, Any],
    now_ms: int,
) -> Alert:
    public_id = str(uuid4())
    named = {"kind": kind, "level": level, "subject": subject, "audience": audience, "at_ms": at_ms}
    numbers = {"camera_id": camera_id, "detection_id": detection_id, "now_ms": now_ms}
    await transaction.execute(INSERT, public_id=public_id, facts=json.dumps(dict(facts)), **named, **numbers)
    return await get(transaction, public_id)


async def count_on(
    transaction: CityTransaction,
    alert: Alert,
    *,
    at_ms: int,
    level: Level,
    detection_id: int | None,
    facts: Mapping[str, Any],
) -> Alert:
    """The same once more."""
    params = {"at_ms": at_ms, "level": level, "detection_id": detection_id, "facts": json.dumps(dict(facts))}
    await transaction.execute(COUNT_ON, id=alert.id, **params)
    return await get(transaction, alert.public_id)


async def move(transaction: CityTransaction, alert: Alert, to: Move) -> bool:
    """False, and nothing changed, when somebody else was quicker."""
    seen = {"id": alert.id, "seen_state": alert.state, "seen_person": alert.person}
    person = {"person": to.person, "person_name": to.person_name, "note": to.note}
    times = {"held_until_ms": to.held_until_ms, "closed_ms": to.closed_ms}
    return await transaction.execute(MOVE, next_state=to.state, **seen, **person, **times) > 0


async def end(transaction: CityTransaction, alert: Alert, facts: Mapping[str, Any], ended_ms: int) -> None:
    await transaction.execute(END, id=alert.id, facts=json.dumps(dict(facts)), ended_ms=ended_ms)


async def set_facts(transaction: CityTransaction, alert: Alert, facts: Mapping[str, Any]) -> None:
    await transaction.execute(SET_FACTS, id=alert.id, facts=json.dumps(dict(facts)))


async def close(transaction: CityTransaction, alert: Alert, now_ms: int) -> None:
    await transaction.execute(CLOSE, id=alert.id, now_ms=now_ms)


async def remind(transaction: CityTransaction, alert: Alert, facts: Mapping[str, Any], now_ms: int) -> None:
    await transaction.execute(REMIND, id=alert.id, facts=json.dumps(dict(facts)), now_ms=now_ms)


async def add_step(
    transaction: CityTransaction,
    alert: Alert,
    step: Step,
    at_ms: int,
    *,
    note: str = "",
    person: str | None = None,
    person_name: str | None = None,
) -> None:
    by = {"person": person, "person_name": person_name}
    await transaction.execute(ADD_STEP, alert_id=alert.id, at_ms=at_ms, step=step, note=note, **by)


def alert_of(row: Row) -> Alert:
    return Alert(
        city_id=row["city_id"],
        id=row["id"],
        public_id=row["public_id"],
        kind=AlertKind(row["kind"]),
        level=row["level"],
        state=AlertState(row["state"]),
        subject=row["subject"],
        audience=Role(row["audience"]),
        camera=_camera_of(row),
        detection=_detection_of(row),
        at_ms=row["at_ms"],
        raised_ms=row["raised_ms"],
        last_ms=row["last_ms"],
        times=row["times"],
        ended_ms=row["ended_ms"],
        reminded_ms=row["reminded_ms"],
        held_until_ms=row["held_until_ms"],
        closed_ms=row["closed_ms"],
        person=row["person"],
        person_name=row["person_name"],
        note=row["note"],
        facts=json.loads(row["facts"]),
    )


def _camera_of(row: Row) -> AlertCamera | None:
    if row["camera_id"] is None:
        return None
    return AlertCamera(row["camera_id"], row["camera"], row["camera_name"], row["camera_group"])


def _detection_of(row: Row) -> AlertDetection | None:
    if row["detection"] is None:
        return None
    return AlertDetection(row["detection"], row["plate"], bool(row["pictured"]))


def _step_of(row: Row) -> AlertStep:
    return AlertStep(row["number"], row["at_ms"], Step(row["step"]), row["note"], row["person"], row["person_name"])
