"""What the guards' room is made of: news as they happen, the book of alerts, and the tasks behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from zoneinfo import ZoneInfo

from vmsd.base import Base, Volume
from vmsd.model.city import City
from vmsd.news_out import NewsOut
from vmsd.plate_desk import PlateDesk
from vmsd.services.accounts import Accounts
from vmsd.services.alerts import AlertBook
from vmsd.services.answers import NoticeAnswer
from vmsd.services.disk_wear import DiskWear
from vmsd.services.expiry import CityExpiry, Soon
from vmsd.services.feed import Feed
from vmsd.services.integrity import Integrity
from vmsd.services.live_states import LiveStates
from vmsd.services.maintenance import Maintenance
from vmsd.services.map import BaseMap
from vmsd.services.motion import MotionWatch
from vmsd.services.notices import EXPIRING_H
from vmsd.services.outbox import Outbox
from vmsd.services.recordings import CityRecordings, SegmentIds
from vmsd.store.cameras import Cameras
from vmsd.store.scope import Scope
from vmsd.tasks.alerts import AlertSources, AlertWatch
from vmsd.tasks.base import Task
from vmsd.tasks.mosaics import MosaicSweep
from vmsd.tasks.motion import MotionTask
from vmsd.tasks.wear import WearWatch


class GuardsRoom:
    """Built by the daemon."""

    def __init__(self, base: Base, volume: Volume, states: LiveStates) -> None:
        self._base, self._volume, self._states = base, volume, states
        self.feed = Feed()
        self.wear = DiskWear(base.settings.recordings_dir)
        self.base_map = BaseMap(base.settings.map.tiles, base.clock)
        self.motion = MotionWatch(ZoneInfo(base.settings.site.time_zone))
        self.outbox = Outbox(base.database)
        self.news_out = NewsOut(base, self.outbox)
        self.alerts = AlertBook(self.feed, self.outbox)
        self.plates = PlateDesk(base, self.alerts, self.outbox, self.feed)

    def tasks(self) -> Sequence[Task]:
        base = self._base
        return (
            self._motion_task(),
            WearWatch(self.wear),
            MosaicSweep(base.database, base.audit, base.clock),
            *self.news_out.tasks(),
            *self.plates.tasks(),
        )

    def alert_watch(
        self,
        *,
        accounts: Accounts,
        integrity: Integrity,
        maintenance: Maintenance,
        ids: SegmentIds,
        notices: Callable[[], Sequence[NoticeAnswer]],
    ) -> AlertWatch:
        """What raises alerts about the box itself."""
        base, volume = self._base, self._volume
        sources = AlertSources(
            settings=base.settings,
            clock=base.clock,
            database=base.database,
            states=self._states,
            index=volume.index,
            disk=volume.watch,
            desired=base.desired,
            keeper=base.keeper,
            outbox=self.outbox,
            accounts=accounts,
            integrity=integrity,
            notices=notices,
            maintenance=maintenance.find,
            soon=partial(self._expiring, ids),
        )
        return AlertWatch(sources, self.alerts)

    async def _expiring(self, ids: SegmentIds, city: City) -> Soon | None:
        """Of all cameras of a city together."""
        scope = Scope(self._base.database, city.id)
        expiry = CityExpiry(scope, city, CityRecordings(scope, ids), self._volume.keeper.trusted_ms)
        return await expiry.soon(await Cameras(scope, self._base.rows).list(removed_too=True), EXPIRING_H)

    def _motion_task(self) -> MotionTask:
        base = self._base
        return MotionTask(
            self.motion,
            database=base.database,
            rows=base.rows,
            book=self.alerts,
            feed=self.feed,
            outbox=self.outbox,
            keeper=base.keeper,
            clock=base.clock,
        )
