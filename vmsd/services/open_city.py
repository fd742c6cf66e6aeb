"""One city, opened: everything a request may do hangs off this, and none of it can see another city."""

from __future__ import annotations

from dataclasses import dataclass

from vmsd.model.city import City
from vmsd.model.person import Rights
from vmsd.services.acceptances import CityAcceptances
from vmsd.services.cameras import CityCameras
from vmsd.services.city_alerts import CityAlerts
from vmsd.services.destinations import CityDestinations
from vmsd.services.detections import CityDetections
from vmsd.services.devices import CityDevices
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
from vmsd.services.promise import Storage
from vmsd.services.purges import CityPurges
from vmsd.services.push import CityPush
from vmsd.services.recordings import CityRecordings
from vmsd.services.replay import CityReplay
from vmsd.services.thresholds import CityThresholds
from vmsd.services.timeline import CityTimeline
from vmsd.services.walls import CityWalls
from vmsd.services.wanted import CityWanted
from vmsd.services.webhook_keys import CityPlateReaders, CityWebhookKeys
from vmsd.store.states import States
from vmsd.store.stream_facts import StreamFactRows


@dataclass(frozen=True)
class OpenCity:
    """Opened for one caller: `rights` are theirs, and what they may not see is not there."""

    city: City
    rights: Rights
    cameras: CityCameras
    groups: CityGroups
    recordings: CityRecordings
    replay: CityReplay
    storage: Storage
    states: States
    timeline: CityTimeline
    keeping: CityKeeping
    kept_files: KeptFiles
    incidents: CityIncidents
    holds: CityHolds
    exports: CityExports
    expiry: CityExpiry
    notices: CityNotices
    purges: CityPurges
    acceptances: CityAcceptances
    mosaics: CityMosaics
    walls: CityWalls
    stream_facts: StreamFactRows
    marks: CityMarks
    alerts: CityAlerts
    map: CityMap
    thresholds: CityThresholds
    destinations: CityDestinations
    push: CityPush
    detections: CityDetections
    wanted: CityWanted
    webhook_keys: CityWebhookKeys
    plate_readers: CityPlateReaders
    devices: CityDevices
