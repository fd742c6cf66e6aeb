"""Opens a city for a caller: puts together what a request may do there."""

from __future__ import annotations

from collections.abc import Callable

from vmsd.base import Base, Volume
from vmsd.evidence import Evidence
from vmsd.model.city import City
from vmsd.model.person import Caller
from vmsd.services.expiry import CityExpiry
from vmsd.services.exports import CityExports
from vmsd.services.groups import CityGroups
from vmsd.services.holds import CityHolds
from vmsd.services.incidents import CityIncidents
from vmsd.services.keeping import CityKeeping
from vmsd.services.keeping_files import KeptFiles
from vmsd.services.notices import CityNotices
from vmsd.services.open_city import OpenCity
from vmsd.services.promise import Storage
from vmsd.services.purges import CityPurges
from vmsd.services.recordings import CityRecordings
from vmsd.services.replay import CityReplay
from vmsd.services.timeline import CityTimeline
from vmsd.store.scope import Scope
from vmsd.store.states import States


class CityOpener:
    """`on_export` is told when an export was asked for or taken back."""

    def __init__(self, base: Base, volume: Volume, evidence: Evidence, on_export: Callable[[], None]) -> None:
        self._base = base
        self._volume = volume
        self._evidence = evidence
        self._export_parts = evidence.export_parts(on_export)
        self._purge_parts = evidence.purge_parts()

    def __call__(self, city: City, caller: Caller) -> OpenCity:
        base, volume, evidence, by = self._base, self._volume, self._evidence, caller.who
        scope, rights, audit, clock = Scope(base.database, city.id), caller.rights, base.audit, base.clock
        cameras, recordings = base.cameras(city, rights, by), CityRecordings(scope, evidence.ids)
        keeping = CityKeeping(scope, cameras, audit, clock, volume.watch, by=by)
        holds = CityHolds(scope, keeping, audit, clock, by=by)
        expiry = CityExpiry(scope, city, recordings, volume.keeper.trusted_ms)
        return OpenCity(
            city=city,
            rights=rights,
            cameras=cameras,
            groups=CityGroups(base.database, scope, audit, clock, caller),
            recordings=recordings,
            replay=CityReplay(scope, city, evidence.ids, evidence.derived),
            storage=Storage(scope, city, rights, volume.watch, clock),
            states=States(scope),
            timeline=CityTimeline(scope, city, clock, base.settings.site.time_zone),
            keeping=keeping,
            kept_files=KeptFiles(scope, keeping, clock),
            incidents=CityIncidents(scope, keeping, audit, clock, by=by),
            holds=holds,
            exports=CityExports(self._export_parts, scope, cameras, audit, clock, rights=rights, by=by),
            expiry=expiry,
            notices=CityNotices(keeping, holds, expiry, clock),
            purges=CityPurges(self._purge_parts, city, rights=rights, by=by),
        )
