"""Opens a city for a caller: puts together what a request may do there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vmsd.acceptance_desk import AcceptanceDesk
from vmsd.base import Base, Volume
from vmsd.evidence import Evidence
from vmsd.guards_room import GuardsRoom
from vmsd.model.city import City
from vmsd.model.person import Caller
from vmsd.services.city_alerts import AlertParts, CityAlerts
from vmsd.services.destinations import CityDestinations
from vmsd.services.devices import CityDevices, DeviceParts
from vmsd.services.expiry import CityExpiry
from vmsd.services.exports import CityExports
from vmsd.services.groups import CityGroups
from vmsd.services.holds import CityHolds
from vmsd.services.incidents import CityIncidents
from vmsd.services.keeping import CityKeeping
from vmsd.services.keeping_files import KeptFiles
from vmsd.services.map import CityMap
from vmsd.services.marks import CityMarks
from vmsd.services.mosaics import CityMosaics
from vmsd.services.notices import CityNotices
from vmsd.services.open_city import OpenCity
from vmsd.services.promise import Storage
from vmsd.services.purges import CityPurges
from vmsd.services.push import CityPush
from vmsd.services.recordings import CityRecordings
from vmsd.services.replay import CityReplay
from vmsd.services.thresholds import CityThresholds
from vmsd.services.timeline import CityTimeline
from vmsd.services.walls import CityWalls
from vmsd.store.scope import Scope
from vmsd.store.states import States
from vmsd.store.stream_facts import StreamFactRows


class CityOpener:
    """`on_export` is told when an export was asked for or taken back."""

    def __init__(
        self,
        base: Base,
        volume: Volume,
        evidence: Evidence,
        room: GuardsRoom,
        acceptance: AcceptanceDesk,
        devices: DeviceParts,
        on_export: Callable[[], None],
    ) -> None:
        self._base = base
        self._volume = volume
        self._evidence = evidence
        self._room = room
        self._acceptance = acceptance
        self._devices = devices
        self._export_parts = evidence.export_parts(on_export)
        self._purge_parts = evidence.purge_parts()
        self._alert_parts = AlertParts(room.alerts, base.audit, base.clock, self._whose)

    def _whose(self) -> Mapping[str, object]:
        """The box, as it is named on paper."""
        parts = self._purge_parts
        return {
            "site": parts.site_name,
            "time_zone": parts.time_zone,
            "box": parts.box,
            "software": parts.software(),
        }

    def _clock_offset_ms(self) -> int:
        return round(self._base.settings.cameras.clock_offset_s * 1000)

    def __call__(self, city: City, caller: Caller) -> OpenCity:
        base, volume, evidence, room, by = self._base, self._volume, self._evidence, self._room, caller.who
        scope, rights, audit, clock = Scope(base.database, city.id), caller.rights, base.audit, base.clock
        cameras, recordings = base.cameras(city, rights, by), CityRecordings(scope, evidence.ids)
        keeping = CityKeeping(scope, cameras, audit, clock, volume.watch, by=by)
        holds = CityHolds(scope, keeping, audit, clock, by=by)
        expiry = CityExpiry(scope, city, recordings, volume.keeper.trusted_ms)
        detections = room.plates.detections(scope, city, cameras, rights, by)
        devices = CityDevices(self._devices, city, cameras, by)
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
            notices=CityNotices(keeping, holds, expiry, devices, clock, clock_offset_ms=self._clock_offset_ms()),
            purges=CityPurges(self._purge_parts, city, rights=rights, by=by),
            acceptances=self._acceptance.of(scope, caller),
            mosaics=CityMosaics(scope, cameras, audit, clock, caller),
            walls=CityWalls(scope, audit, clock, by=by),
            stream_facts=StreamFactRows(scope),
            map=CityMap(scope, city, audit, clock, by=by),
            thresholds=CityThresholds(scope, city, base.settings.disk, audit, clock, by=by),
            alerts=CityAlerts(self._alert_parts, scope, city, caller, detections.image),
            marks=CityMarks(scope, audit, clock, room.alerts, room.feed, room.outbox, by=by),
            destinations=CityDestinations(
                room.news_out.destination_parts(), scope, city, audit, clock, rights=rights, by=by
            ),
            push=CityPush(room.news_out.push_parts(), scope, audit, clock, caller),
            detections=detections,
            wanted=room.plates.wanted(scope, by),
            webhook_keys=room.plates.webhook_keys(scope, by),
            plate_readers=room.plates.plate_readers(scope, by),
            devices=devices,
        )
