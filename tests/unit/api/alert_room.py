"""Alerts, raised as the daemon's own parts raise them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vmsd.model.alert import Alert, AlertKind
from vmsd.services.alerts import NewAlert
from vmsd.store.scope import Scope

if TYPE_CHECKING:
    from tests.unit.api.conftest import Town
    from vmsd.model.camera import Camera
    from vmsd.model.city import City


@dataclass
class Room:
    """The guards' room of the city that is here."""

    town: Town

    @property
    def book(self) -> Any:
        return self.town.served.daemon.guards_room.alerts

    @property
    def now_ms(self) -> int:
        return self.town.served.clock.wall_ms()

    def scope(self, city: City | None = None) -> Scope:
        return Scope(self.town.served.base.database, (city or self.town.here).id)

    async def camera(self, city: City | None = None, **fields: Any) -> Camera:
        city = city or self.town.here
        made = await self.town.served.camera(self.town.root, city, **fields)
        return await self.town.served.base.cameras(city).get(made["id"])

    async def raised(self, subject: str = "1", city: City | None = None, **said: Any) -> Alert:
        """Announced, too."""
        new = NewAlert(**{"kind": AlertKind.EVENT, "subject": subject, "level": "warning", "at_ms": self.now_ms} | said)
        async with self.scope(city).write() as transaction:
            raised = await self.book.raise_alert(transaction, new, self.now_ms)
        self.book.announce(raised)
        return raised.alert

    async def ended(self, alert: Alert) -> Alert | None:
        async with self.scope().write() as transaction:
            raised = await self.book.end_condition(
                transaction, transaction.city_id, alert.kind, alert.subject, self.now_ms
            )
        if raised is None:
            return None
        self.book.announce(raised)
        return raised.alert

    async def detection(self, camera: Camera, plate: str, city: City | None = None) -> int:
        """A row of a plate that was read; its number."""
        async with self.town.served.base.database.write() as transaction:
            (row,) = await transaction.fetch("SELECT coalesce(max(id), 0) + 1 AS id FROM detection")
            await transaction.execute(
                """INSERT INTO detection (city_id, id, public_id, camera_id, at_ms, received_ms, last_ms, times, plate,
                folded, vendor, place, facts, image, wanted)
                VALUES (:city, :id, :public, :camera, 1, 1, 1, 1, :plate, :plate,
                'test', '', '{}', 'x.jpg', 1)""",
                {
                    "city": camera.city_id,
                    "id": row["id"],
                    "public": f"0000000{row['id']}-0000-4000-8000-000000000000",
                    "camera": camera.id,
                    "plate": plate,
                },
            )
        return int(row["id"])
