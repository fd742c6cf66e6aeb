"""What is done with number plates is made of: who reports them, who looks for them, and what makes them anonymous."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from vmsd.base import Base
from vmsd.model.audit import Who
from vmsd.model.city import City
from vmsd.model.person import Rights
from vmsd.services.alerts import AlertBook
from vmsd.services.cameras import CityCameras
from vmsd.services.crops import Crops
from vmsd.services.detections import CityDetections, PlateAudit
from vmsd.services.feed import Feed
from vmsd.services.outbox import Outbox
from vmsd.services.plate_hashes import MonthKeys
from vmsd.services.plate_intake import PlateIntake
from vmsd.services.plate_reports import PlateReports
from vmsd.services.wanted import CityWanted, WantedPlates
from vmsd.services.webhook_keys import CityPlateReaders, CityWebhookKeys, Reporters
from vmsd.store.scope import Scope
from vmsd.tasks.anonymiser import Anonymiser
from vmsd.tasks.base import Task
from vmsd.tasks.crop_room import CropRoom
from vmsd.tasks.plate_images import PlateImages


class PlateDesk:
    """Built by the guards' room."""

    def __init__(self, base: Base, book: AlertBook, outbox: Outbox, feed: Feed) -> None:
        self._base = base
        self._reporters = Reporters(base.database, base.keys.vault, base.clock)
        self._wanted = WantedPlates()
        self._crops = Crops(base.settings.data_dir)
        self._audit = PlateAudit(base.audit, base.clock)
        intake = PlateIntake(
            base.database,
            base.rows,
            self._crops,
            self._wanted,
            book,
            outbox,
            feed,
            base.keeper,
            base.clock,
            base.settings.plates,
        )
        zone = ZoneInfo(base.settings.site.time_zone)
        rules = base.settings.plates
        self.reports = PlateReports(self._reporters, intake, base.keeper, base.clock, rules, zone)

    def tasks(self) -> Sequence[Task]:
        base, crops, rules = self._base, self._crops, self._base.settings.plates
        keys = MonthKeys(base.settings.data_dir)
        return (
            Anonymiser(base.database, base.audit, base.keeper, keys, crops, self._wanted, rules),
            CropRoom(crops, base.database, rules.images_bytes),
            PlateImages(base.database, base.rows, crops, base.desired.hosts, base.settings),
        )

    def detections(self, scope: Scope, city: City, cameras: CityCameras, rights: Rights, by: Who) -> CityDetections:
        return CityDetections(scope, city, cameras, self._crops, self._audit, rights=rights, by=by)

    def wanted(self, scope: Scope, by: Who) -> CityWanted:
        return CityWanted(self._wanted, scope, self._base.audit, self._base.clock, by=by)

    def webhook_keys(self, scope: Scope, by: Who) -> CityWebhookKeys:
        return CityWebhookKeys(self._reporters, scope, self._base.audit, self._base.clock, by=by)

    def plate_readers(self, scope: Scope, by: Who) -> CityPlateReaders:
        return CityPlateReaders(self._reporters, scope, self._base.audit, self._base.clock, by=by)
