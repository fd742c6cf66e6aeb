"""What the cameras of one city have told of themselves, a row per camera that has told anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from vmsd.model.device import Device
from vmsd.store.database import Row
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

COLUMNS = "manufacturer, model, firmware, serial, mac, endpoint, service_url, clock_offset_ms, seen_ms, stranger"
LIST = CitySql(f"SELECT camera_id, {COLUMNS} FROM device WHERE city_id = :city_id ORDER BY camera_id")
FIND = CitySql(f"SELECT camera_id, {COLUMNS} FROM device WHERE city_id = :city_id AND camera_id = :camera_id")
PUT = CitySql(
    f"""INSERT INTO device (city_id, camera_id, {COLUMNS}) VALUES (:city_id, :camera_id, :manufacturer, :model,
    :firmware, :serial, :mac, :endpoint, :service_url, :clock_offset_ms, :seen_ms, :stranger)
    ON CONFLICT (city_id, camera_id) DO UPDATE SET manufacturer = excluded.manufacturer, model = excluded.model,
    firmware = excluded.firmware, serial = excluded.serial, mac = excluded.mac, endpoint = excluded.endpoint,
    service_url = excluded.service_url, clock_offset_ms = excluded.clock_offset_ms, seen_ms = excluded.seen_ms,
    stranger = excluded.stranger"""
)


class DeviceRows:
    """By the number of the camera."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def list(self) -> Mapping[int, Device]:
        return {row["camera_id"]: _device(row) for row in await self._scope.fetch(LIST)}

    async def find(self, camera_id: int) -> Device | None:
        rows = await self._scope.fetch(FIND, camera_id=camera_id)
        return _device(rows[0]) if rows else None

    async def put(self, transaction: CityTransaction, camera_id: int, device: Device) -> None:
        await transaction.execute(PUT, camera_id=camera_id, **asdict(device))


def _device(row: Row) -> Device:
    return Device(**{name: row[name] for name in COLUMNS.split(", ")})
