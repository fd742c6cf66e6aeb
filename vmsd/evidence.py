"""What evidence is made of: replay, proofs, exports, and the tasks that keep them true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from vmsd import __version__
from vmsd.base import Base, Volume
from vmsd.host.boot import read_boot_id
from vmsd.host.signing import load_box_key
from vmsd.model.continuity import Software
from vmsd.services.box_seal import BoxSeal
from vmsd.services.clock_corrections import ClockCorrections
from vmsd.services.continuity import Continuity
from vmsd.services.derived import Derived
from vmsd.services.download_audit import DownloadAudit
from vmsd.services.export_maker import ExportMaker
from vmsd.services.export_room import ExportRoom
from vmsd.services.exports import ExportParts
from vmsd.services.integrity import Integrity
from vmsd.services.live_states import LiveStates
from vmsd.services.maintenance import Maintenance
from vmsd.services.package import Sealer
from vmsd.services.power_recovery import PowerRecovery
from vmsd.services.purges import PurgeParts
from vmsd.services.recordings import SegmentIds
from vmsd.store.export_jobs import ExportJobs
from vmsd.tasks.base import Task
from vmsd.tasks.clock_corrections import ClockCorrectionsTask
from vmsd.tasks.derivatives import Derivatives
from vmsd.tasks.exporter import Exporter
from vmsd.tasks.holds import HoldDeadlines
from vmsd.tasks.integrity import IntegrityTask
from vmsd.tasks.power_recovery import PowerRecoveryTask
from vmsd.tasks.purge_reports import PurgeReporter
from vmsd.video.worker import Worker


class Evidence:
    """Built by the daemon; `sprites` decodes the pictures of thumbnails."""

    def __init__(self, base: Base, volume: Volume, states: LiveStates, sprites: Worker) -> None:
        settings, clock = base.settings, base.clock
        self._base, self._volume, self._states, self._sprites = base, volume, states, sprites
        self.seal = BoxSeal(load_box_key(settings.data_dir))
        self.ids = SegmentIds(base.keys.recording_ids)
        self.derived = Derived(volume.tree)
        self.downloads = DownloadAudit(base.audit, clock)
        self.maintenance = Maintenance(base.database, base.audit, clock)
        zone = ZoneInfo(settings.site.time_zone)
        self.integrity = Integrity(base.database, base.audit, clock, at=settings.integrity.at, zone=zone)
        self.power = PowerRecovery(
            database=base.database,
            audit=base.audit,
            keeper=volume.keeper,
            index=volume.index,
            clock=clock,
            database_restored=base.recovered,
        )
        self.continuity = Continuity(
            seal=self.seal,
            audit=base.audit,
            database=base.database,
            keeper=base.keeper,
            clock=clock,
            site_name=settings.site.name,
            software=self._software,
        )
        self.room = ExportRoom(volume.watch, settings.disk, volume.index.total_bytes_per_s)
        self.exporter = self._exporter()

    def tasks(self) -> Sequence[Task]:
        """What finds out whether recordings are when and what they are said to be, and what is made of them."""
        base, volume = self._base, self._volume
        return (
            ClockCorrectionsTask(self._corrections(), volume.keeper, volume.watch),
            PowerRecoveryTask(self.power),
            IntegrityTask(
                self.integrity,
                clocks=volume.system.clocks,
                tree=volume.tree,
                watch=volume.watch,
                index=volume.index,
                keeper=volume.keeper,
                rules=base.settings.integrity,
                clock=base.clock,
            ),
            self.exporter,
            HoldDeadlines(base.database, base.audit, volume.keeper),
            PurgeReporter(self.purge_parts(), volume.keeper),
            Derivatives(volume.system, self.derived, self._sprites, volume.watch),
        )

    def purge_parts(self) -> PurgeParts:
        base, site = self._base, self._base.settings.site
        identity = self.seal.identity
        return PurgeParts(base.database, base.audit, base.clock, site.name, site.time_zone, identity, self._software)

    def export_parts(self, on_change: Callable[[], None]) -> ExportParts:
        """`on_change` is told when there is something to be made."""
        settings, jobs = self._base.settings, ExportJobs(self._base.database)
        return ExportParts(settings.exports, self.room, jobs, settings.recordings_dir, on_change)

    def _software(self) -> Software:
        return {"vmsd": __version__, "mediamtx": self._states.mediamtx_version}

    def _corrections(self) -> ClockCorrections:
        base, volume = self._base, self._volume
        return ClockCorrections(
            database=base.database,
            tree=volume.tree,
            watch=volume.watch,
            keeper=volume.keeper,
            audit=base.audit,
            clock=base.clock,
            boot_id=read_boot_id(),
        )

    def _exporter(self) -> Exporter:
        base, volume, settings = self._base, self._volume, self._base.settings
        site = settings.site
        sealer = Sealer(volume.tree, self.seal, self.ids, site.name, site.time_zone, self._software)
        maker = ExportMaker(
            base.database,
            base.rows,
            base.audit,
            volume.keeper,
            base.clock,
            sealer,
            recordings_dir=settings.recordings_dir,
            threads=settings.exports.at_once,
        )
        return Exporter(
            base.database,
            maker,
            self.room,
            volume.watch,
            base.audit,
            volume.keeper,
            base.clock,
            settings.exports,
        )
