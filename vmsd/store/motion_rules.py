"""When motion of a camera raises an alert, for the cameras of one city."""

from __future__ import annotations

import json
from collections.abc import Mapping

from vmsd.model.mark import MotionRule, MotionWindow
from vmsd.store.database import Row
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

LIST = CitySql("SELECT camera_id, area, threshold, alert, windows FROM motion_rule WHERE city_id = :city_id")
PUT = CitySql(
    """INSERT INTO motion_rule (city_id, camera_id, area, threshold, alert, windows, changed_ms)
    VALUES (:city_id, :camera_id, :area, :threshold, :alert, :windows, :now_ms)
    ON CONFLICT (city_id, camera_id) DO UPDATE SET area = excluded.area, threshold = excluded.threshold,
    alert = excluded.alert, windows = excluded.windows, changed_ms = excluded.changed_ms"""
)
DELETE = CitySql("DELETE FROM motion_rule WHERE city_id = :city_id AND camera_id = :camera_id")


class MotionRules:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def list(self) -> Mapping[int, MotionRule]:
        """By the camera's number."""
        rules = [rule_of(row) for row in await self._scope.fetch(LIST)]
        return {rule.camera_id: rule for rule in rules}

    async def put(self, transaction: CityTransaction, rule: MotionRule, now_ms: int) -> None:
        await transaction.execute(
            PUT,
            camera_id=rule.camera_id,
            area=json.dumps(rule.area),
            threshold=rule.threshold,
            alert=int(rule.alert),
            windows=json.dumps([[sorted(one.days), one.from_min, one.to_min] for one in rule.windows]),
            now_ms=now_ms,
        )

    async def remove(self, transaction: CityTransaction, camera_id: int) -> bool:
        """False when there was none."""
        return await transaction.execute(DELETE, camera_id=camera_id) > 0


def rule_of(row: Row) -> MotionRule:
    windows = tuple(MotionWindow(frozenset(days), start, end) for days, start, end in json.loads(row["windows"]))
    area = tuple((x, y) for x, y in json.loads(row["area"]))
    return MotionRule(row["camera_id"], area, row["threshold"], bool(row["alert"]), windows)
