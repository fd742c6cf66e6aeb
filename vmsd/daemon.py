"""What the daemon is made of, in order: its parts, its tasks, and how they know each other."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from zoneinfo import ZoneInfo

import aiohttp

from vmsd import __version__
from vmsd.acceptance_desk import AcceptanceDesk
from vmsd.api.site import Site
from vmsd.assets import mediamtx_dir, web_dir
from vmsd.base import Base, Volume, breaker_of, device_parts, devices_in, scanner_of, segment_parts
from vmsd.city_opener import CityOpener
from vmsd.errors import BadMedia
from vmsd.evidence import Evidence
from vmsd.guards_room import GuardsRoom
from vmsd.host.boot import read_boot_id
from vmsd.host.certificate import Subject, subject_of
from vmsd.host.mdns import Announcer
from vmsd.host.reach import lasting_addresses
from vmsd.host.systemd import Notifier
from vmsd.host.tls import ServedCertificate
from vmsd.https import certificate_files, told_addresses
from vmsd.live.edge import find_newest_end
from vmsd.live.hls import HlsLimits, HlsProxy
from vmsd.live.whep import WhepClient
from vmsd.mediamtx.client import MediaMtxClient
from vmsd.mediamtx.config import ConfigFile
from vmsd.model.audit import Who
from vmsd.model.city import City
from vmsd.model.person import Caller
from vmsd.offsite import Offsite
from vmsd.pages.render import Renderer
from vmsd.services.answers import NoticeAnswer, PulseAnswer
from vmsd.services.calls import Calls
from vmsd.services.camera_paths import program
from vmsd.services.devices import CityDevices
from vmsd.services.health_board import HealthBoard
from vmsd.services.interventions import Interventions
from vmsd.services.lifetime import Lifetime
from vmsd.services.live_states import LiveStates
from vmsd.services.metrics import Metrics
from vmsd.services.open_city import OpenCity
from vmsd.services.overview import Overview, Sources
from vmsd.services.probe import Prober
from vmsd.services.rationing import Rationing
from vmsd.services.site_figures import SiteFigures
from vmsd.services.site_metrics import SiteMetrics
from vmsd.services.site_status import SiteStatuses
from vmsd.services.stills import Stills
from vmsd.services.stream_facts import StreamFacts
from vmsd.services.streams import Streams
from vmsd.services.viewing_audit import ViewingAudit
from vmsd.store.idempotency import KeptAnswers
from vmsd.tasks.accountant import Accountant
from vmsd.tasks.audit_head import AuditHead
from vmsd.tasks.base import Runner, Task, shown_pulse
from vmsd.tasks.box_changes import BoxChanges
from vmsd.tasks.camera_health import CameraHealth
from vmsd.tasks.certificate import CertificateTask
from vmsd.tasks.clockwatch import ClockWatch
from vmsd.tasks.database_watch import DatabaseWatch
from vmsd.tasks.devices import DevicesTask
from vmsd.tasks.hasher import Hasher
from vmsd.tasks.indexer import Indexer
from vmsd.tasks.mdns import MdnsTask
from vmsd.tasks.observer import Observer
from vmsd.tasks.outages import OutageWatch
from vmsd.tasks.reconciler import Reconciler
from vmsd.tasks.refusals import Refusals
from vmsd.tasks.stills import StillsTask
from vmsd.tasks.stream_facts import StreamFactsTask
from vmsd.tasks.sweeper import Sweeper
from vmsd.tasks.watchdog import Watchdog
from vmsd.tasks.whep import CallRights, WhepTask
from vmsd.video.fmp4 import Keyframe, frame_rate_of_hls, keyframe_of_hls
from vmsd.video.worker import Worker

TEMPLATE = "mediamtx.yml.j2"
WORKER_MODULE = "vmsd.video.worker_main"
SPRITES_NICENESS = 15
SAFE_TASKS = frozenset(
    {"clockwatch", "audit_head", "breaker", "reconciler", "observer", "database", "outages", "indexer", "sweeper"}
    | {"certificate", "mdns", "watchdog"}
)
"""What runs in safe mode: recording, room for it, and being found."""


class Daemon:
    """The running whole: `site` for the web, `runners` for the tasks."""

    def __init__(
        self,
        base: Base,
        volume: Volume,
        session: aiohttp.ClientSession,
        workers: Workers,
        notifier: Notifier | None = None,
        *,
        safe_mode: bool = False,
    ) -> None:
        settings, clock = base.settings, base.clock
        self._base, self._volume, self._workers = base, volume, workers
        self.notifier, self.safe_mode = notifier or Notifier(), safe_mode
        self.states = LiveStates(clock.wall_ms())
        live = settings.live
        self.streams = Streams(clock, viewing_s=live.viewing_s, limit=live.streams, limit_each=live.streams_per_person)
        self.calls = Calls(limit=settings.webrtc.sessions, limit_each=settings.webrtc.sessions_per_person)
        self.viewings = ViewingAudit(base.audit, clock)
        self.facts = StreamFacts(self.states, volume.index, self.streams, clock)
        self.hls = _hls(base, session)
        self.whep = _whep(base, session)
        self.client = _client(base, session)
        self.guards_room = GuardsRoom(base, volume, self.states)
        look, motion = self._newest_live, self.guards_room.motion.note
        self.stills = Stills(volume.index, look, workers.stills, self.states, clock, motion)
        self.database_watch = DatabaseWatch(base.database)
        self.accounts = base.accounts
        self.devices = device_parts(base)
        self.certificate = ServedCertificate()
        self.announcer = Announcer()
        self.lifetime = Lifetime(
            base.database,
            base.audit,
            clock,
            boot_id=read_boot_id(),
            version=__version__,
            last_row_ms=base.last_row_ms,
            last_known_ms=base.last_known_ms,
        )
        self.evidence = Evidence(base, volume, self.states, workers.sprites)
        self.acceptance = self._acceptance()
        self.offsite = Offsite(base, volume)
        self.runners = [Runner(task, clock) for task in self._tasks()]
        base.desired.on_change = self._runner("reconciler").nudge
        self.evidence.integrity.on_start = self._runner("integrity").nudge
        self.acceptance.board.nudge = self._runner("acceptance").nudge
        self.guards_room.news_out.wire(lambda name: self._runner(name).nudge())
        self.site = self._site()

    def _site(self) -> Site:
        """What handlers may use."""
        base, volume, settings, clock = self._base, self._volume, self._base.settings, self._base.clock
        sources = self._sources()
        overview, figures = Overview(sources), SiteFigures(base.database, clock)
        wear = self.guards_room.wear
        return Site(
            settings=settings,
            clock=clock,
            accounts=self.accounts,
            cities=base.cities,
            people=base.people,
            tokens=base.tokens,
            states=self.states,
            streams=self.streams,
            facts=self.facts,
            stills=self.stills,
            prober=self._workers.prober,
            discovery=self.devices.discovery,
            overview=overview,
            health=HealthBoard(sources, overview, wear, base.database),
            figures=figures,
            site_metrics=SiteMetrics(sources, wear, volume.system.purged),
            statuses=SiteStatuses(sources, overview, wear, figures, self.evidence.seal),
            base_map=self.guards_room.base_map,
            plate_reports=self.guards_room.plates.reports,
            metrics=Metrics(sources, lambda: [runner.pulse for runner in self.runners]),
            maintenance=self.evidence.maintenance,
            continuity=self.evidence.continuity,
            interventions=Interventions(volume.keeper, volume.watch, base.database, base.audit, clock),
            audit=base.audit,
            viewings=self.viewings,
            downloads=self.evidence.downloads,
            hls=self.hls,
            whep=self.whep,
            calls=self.calls,
            renderer=self._renderer(),
            integrity=self.evidence.integrity,
            feed=self.guards_room.feed,
            motion=self.guards_room.motion,
            kept_answers=KeptAnswers(base.database, base.keys.vault),
            open_city=self._city_opener(),
        )

    def _renderer(self) -> Renderer:
        site = self._base.settings.site
        zone = ZoneInfo(site.time_zone)
        return Renderer(web_dir(), site_zone=zone, site_name=site.name, version=__version__)

    def _city_opener(self) -> CityOpener:
        nudge = self._runner("exporter").nudge
        parts = (self.evidence, self.guards_room, self.acceptance, self.devices)
        return CityOpener(self._base, self._volume, *parts, nudge)

    def _local_name(self) -> str | None:
        said = self.announcer.announced
        return None if said is None else f"{said.name}.local"

    def _acceptance(self) -> AcceptanceDesk:
        return AcceptanceDesk(
            self._base,
            self._volume,
            self.states,
            self.stills,
            self._workers.prober,
            seal=self.evidence.continuity.seal,
            room=self.evidence.room,
            wear=self.guards_room.wear,
            served=self.certificate,
            local_name=self._local_name,
        )

    def _tasks(self) -> Sequence[Task]:
        """In the order of the first pass: nothing is configured before the disk has been looked at."""
        changes = BoxChanges(self._base.database, self._base.audit, self._volume.watch, self.certificate)
        return (
            *self._steering_tasks(),
            *self._recording_tasks(),
            *self.evidence.tasks(),
            self.acceptance.task,
            *self.guards_room.tasks(),
            self.guards_room.alert_watch(
                accounts=self.accounts,
                integrity=self.evidence.integrity,
                maintenance=self.evidence.maintenance,
                ids=self.evidence.ids,
                notices=self._notices,
            ),
            *self._camera_tasks(),
            changes,
            Refusals(self.accounts.attempts),
            *self._network_tasks(),
            *self._watchdog(),
        )

    def _steering_tasks(self) -> Sequence[Task]:
        """What decides whether and what MediaMTX records, and sees what it does."""
        base, volume, settings, clock = self._base, self._volume, self._base.settings, self._base.clock
        return (
            ClockWatch(volume.keeper, base.database, base.audit, clock),
            AuditHead(base.audit),
            breaker_of(base, volume, self._apply_breaker),
            Reconciler(
                base.desired,
                self.client,
                ConfigFile(settings.mediamtx_file),
                mediamtx_dir() / TEMPLATE,
                clock,
            ),
            Observer(
                self.client,
                base.database,
                base.rows,
                self.states,
                base.desired,
                clock,
                settings.cameras.stall_s,
            ),
            self.database_watch,
            OutageWatch(volume.watch, self.states, base.database, clock),
        )

    def _recording_tasks(self) -> Sequence[Task]:
        """What keeps the index, the files and the promise."""
        base, volume, settings, clock = self._base, self._volume, self._base.settings, self._base.clock
        watch, index, system, rules = volume.watch, volume.index, volume.system, settings.disk
        return (
            Indexer(**segment_parts(base, volume)),
            scanner_of(base, volume),
            Hasher(system, volume.tree, watch),
            Sweeper(
                system=system,
                tree=volume.tree,
                watch=watch,
                index=index,
                keeper=volume.keeper,
                rules=rules,
                clock=clock,
            ),
            Accountant(system, watch, index, rules, clock, self._rationing()),
            *self.offsite.tasks(),
        )

    def _rationing(self) -> Rationing:
        base, candidates = self._base, self._volume.system.protected.candidates
        apply = base.desired.ration
        return Rationing(base.database, base.audit, base.clock, candidates=candidates, apply=apply)

    def _camera_tasks(self) -> Sequence[Task]:
        base, settings, clock = self._base, self._base.settings, self._base.clock
        return (
            CameraHealth(
                base.database,
                base.rows,
                self.states,
                clock,
                again_s=settings.cameras.health_every_s,
                probe_s=settings.cameras.probe_deadline_s,
                relays=settings.runtime_dir / "relays",
                desired=base.desired,
            ),
            StillsTask(self.stills, base.database, base.rows, self.states, settings.cameras.stills_every_s),
            StreamFactsTask(
                self.facts, self.states, partial(find_newest_end, self.hls), base.database, base.keeper, clock
            ),
            DevicesTask(self._open_devices, self.states, settings.cameras, clock),
            self._whep_task(),
        )

    def _open_devices(self, city: City) -> CityDevices:
        return devices_in(self._base, self.devices, city, by=Who())

    def _whep_task(self) -> WhepTask:
        rights = CallRights(self.streams, self.accounts, self._base.cities, self._open_city)
        return WhepTask(self.calls, self.client, rights, self.streams, self.viewings)

    def _open_city(self, city: City, caller: Caller) -> OpenCity:
        return self.site.open_city(city, caller)

    def _network_tasks(self) -> Sequence[Task]:
        """What makes the box be found and believed; none of it where it is switched off."""
        settings, keeper, clock = self._base.settings, self._volume.keeper, self._base.clock
        tasks: list[Task] = []
        if settings.https.enabled:
            files = certificate_files(settings)
            tasks.append(CertificateTask(self.certificate, files, self._subject, keeper.trusted_ms, clock))
        if settings.mdns.enabled and settings.https.enabled:
            port = settings.https.public_port or settings.https.port
            told = partial(told_addresses, settings)
            tasks.append(MdnsTask(self.announcer, settings.mdns.name, settings.site.name, port, told))
        return tasks

    def _watchdog(self) -> Sequence[Task]:
        """Only where systemd listens."""
        if not self.notifier.listened_to:
            return ()
        pulses, clock = lambda: [runner.pulse for runner in self.working], self._base.clock
        return (Watchdog(self.notifier, clock, pulses=pulses, notices=self._notices),)

    @property
    def working(self) -> Sequence[Runner]:
        """Those that run: all of them but in safe mode."""
        return [one for one in self.runners if not self.safe_mode or one.task.name in SAFE_TASKS]

    def _subject(self) -> Subject:
        """Whom the box's own certificate names now; the name on the network may have got a number."""
        settings, said = self._base.settings, self.announcer.announced
        local = [settings.mdns.name, *([said.name] if said else [])]
        return subject_of(socket.gethostname(), local, settings.https.names, lasting_addresses())

    def _runner(self, name: str) -> Runner:
        return next(runner for runner in self.runners if runner.task.name == name)

    async def _apply_breaker(self, is_open: bool) -> None:
        """Stop or resume recording: in the file for good, and through the API at once."""
        self._base.desired.record_allowed = not is_open
        self._runner("reconciler").nudge()
        await self.client.set_recording(on=not is_open)

    async def _newest_live(self, path: str) -> tuple[Keyframe, int]:
        newest = await self.hls.newest(path)
        with suppress(BadMedia):
            self.facts.note_fps_of(path, frame_rate_of_hls(newest.init, newest.segment))
        keyframe, offset_ms = keyframe_of_hls(newest.init, newest.segment)
        began_ms = newest.wall_ms if newest.wall_ms is not None else self._base.clock.wall_ms()
        return keyframe, began_ms + offset_ms

    def _sources(self) -> Sources:
        volume = self._volume
        return Sources(
            settings=self._base.settings,
            clock=self._base.clock,
            states=self.states,
            desired=self._base.desired,
            index=volume.index,
            disk=volume.watch,
            timekeeper=volume.keeper,
            streams=self.streams,
            facts=self.facts,
            pulses=self._pulses,
            hls_stats=lambda: asdict(self.hls.stats()),
            database_ok=lambda: self.database_watch.ok,
            database_bytes=lambda: self.database_watch.bytes,
            last_power_loss=lambda: self.evidence.power.last,
            integrity=self.evidence.integrity,
            safekeeping=self.offsite.safekeeping,
            safe_mode=self.safe_mode,
        )

    def _notices(self) -> list[NoticeAnswer]:
        """Of the box, once there is a site."""
        return self.site.overview.notices()

    def _pulses(self) -> list[PulseAnswer]:
        return [shown_pulse(runner.pulse, self._base.clock.monotonic()) for runner in self.runners]

    async def prepare(self) -> None:
        """The first pass of what the rest depends on, before anything is served or configured.

        That the daemon has started is written down as soon as it is known whether the clock is right.
        """
        await self._runner("clockwatch").run_once()
        await self.lifetime.begin()
        for runner in self.runners:
            if runner.task.name in ("breaker", "reconciler", "certificate"):
                await runner.run_once()

    async def take_leave(self, kind: type[BaseException] | None, *_: object) -> None:
        """While the store is still open; an end by a bug is told of as a crash, by the next start."""
        await self.evidence.exporter.close()
        await self.guards_room.news_out.close()
        await self.offsite.close()
        if kind is None or issubclass(kind, asyncio.CancelledError):
            await self.lifetime.end()


def _hls(base: Base, session: aiohttp.ClientSession) -> HlsProxy:
    live = base.settings.live
    return HlsProxy(
        session=session,
        origin_url=f"http://127.0.0.1:{base.settings.mediamtx.hls_port}",
        cdn_secret=base.keys.cdn_secret,
        clock=base.clock,
        limits=HlsLimits(
            cache_bytes=live.cache_bytes,
            object_bytes=live.object_bytes,
            requests=live.in_flight,
            requests_per_viewer=live.in_flight_per_viewer,
            waits=live.waiting,
            waits_per_viewer=live.waiting_per_viewer,
        ),
    )


def _whep(base: Base, session: aiohttp.ClientSession) -> WhepClient:
    mtx = base.settings.mediamtx
    return WhepClient(
        session,
        origin_url=f"http://127.0.0.1:{mtx.webrtc_port}",
        user=base.keys.mediamtx_user,
        password=base.keys.mediamtx_password,
        deadline_s=mtx.deadline_s,
    )


def _client(base: Base, session: aiohttp.ClientSession) -> MediaMtxClient:
    mtx = base.settings.mediamtx
    return MediaMtxClient(
        session,
        url=f"http://127.0.0.1:{mtx.api_port}",
        user=base.keys.mediamtx_user,
        password=base.keys.mediamtx_password,
        deadline_s=mtx.deadline_s,
        answer_bytes=mtx.answer_bytes,
    )


@dataclass(frozen=True)
class Workers:
    """The processes that decode."""

    stills: Worker
    prober: Prober
    sprites: Worker = field(default_factory=lambda: Worker(worker_command(), niceness=SPRITES_NICENESS))
    """Apart, so that nobody waits for a still while sheets of pictures are made."""

    async def close(self) -> None:
        await self.stills.close()
        await self.prober.close()
        await self.sprites.close()


def worker_command() -> tuple[str, ...]:
    """How to start a decoding process: this program itself when frozen, else Python's module."""
    return (*program(), "decode") if getattr(sys, "frozen", False) else (sys.executable, "-m", WORKER_MODULE)
