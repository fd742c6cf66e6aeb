"""Makes an acceptance report: gathers what is to be shown of each camera while the recording proves itself, and signs.

Nothing of the proof is kept in memory: it is read from the index each time, so that whoever begins anew loses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from vmsd.clock import Clock, rfc3339
from vmsd.errors import Conflict, Invalid, NotFound, SourceFailed, TooMany, VmsdError
from vmsd.host.write_speed import WriteSpeed
from vmsd.model.acceptance import Acceptance, AcceptanceState, AcceptedCodec, CameraProgress, Fault, Progress
from vmsd.model.audit import Action, Entry, Fact, Subject
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.state import State
from vmsd.services.acceptance_box import AcceptanceBox, whole
from vmsd.services.acceptance_document import AcceptanceWriter, Evidence, codec_of, live_codec
from vmsd.services.acceptance_proof import Window, proven_ms, sources_since, window_of
from vmsd.services.audit import AuditLog
from vmsd.services.index import RecordingIndex
from vmsd.services.live_states import LiveStates
from vmsd.services.probe import Prober
from vmsd.services.stills import Still, Stills
from vmsd.services.timeline import UNSETTLED_MS, CityTimeline
from vmsd.store.acceptances import Acceptances, Place
from vmsd.store.cameras import CameraRows, Cameras
from vmsd.store.cities import Cities
from vmsd.store.database import Database
from vmsd.store.scope import Scope

log = structlog.get_logger()

PICTURE_WIDTH = 640
PICTURES_EACH = 8
"""Taken in one pass."""
PROBES_EACH = 3
"""Of the four sources that may be opened at once, one stays for people."""
TRIES = 2
GRACE_MS = 2 * 60_000
"""For cameras that take their time to come, on top of the minutes that are to be proven."""
HOPELESS_MS = 30 * 60_000


@dataclass
class Draft:
    """What has been gathered of one report; `since_s` is when this program first saw it, `resumed` not from its start.

    At its end the pictures are taken anew: `retaken` are the cameras of which that has been tried, `frozen` those that
    show the very same picture at another time. `changed_ms` is since when a camera's video comes from where it does.
    """

    one: Acceptance
    city: City
    scope: Scope
    timeline: CityTimeline
    since_s: float
    resumed: bool
    cameras: Sequence[Camera] = ()
    pictures: dict[int, Still] = field(default_factory=dict)
    codecs: dict[int, AcceptedCodec] = field(default_factory=dict)
    codec_faults: dict[int, Sequence[Fault]] = field(default_factory=dict)
    changed_ms: Mapping[str, int] = field(default_factory=dict)
    frozen: set[int] = field(default_factory=set)
    tries: dict[int, int] = field(default_factory=dict)
    retaken: set[int] = field(default_factory=set)
    speed: WriteSpeed | None = None
    measured: bool = False

    def window(self, now_ms: int) -> Window:
        return window_of(now_ms, self.one.minutes)


@dataclass(frozen=True)
class MakerParts:
    database: Database
    rows: CameraRows
    audit: AuditLog
    clock: Clock
    stills: Stills
    prober: Prober
    states: LiveStates
    index: RecordingIndex
    box: AcceptanceBox
    writer: AcceptanceWriter
    time_zone: str


class AcceptanceMaker:
    def __init__(self, parts: MakerParts) -> None:
        self._from = parts

    async def open(self, place: Place) -> Draft:
        parts = self._from
        scope = Scope(parts.database, place.city_id)
        city = await Cities(parts.database).get_by_id(place.city_id)
        one = await Acceptances(scope).get(place.public_id)
        if one.state is AcceptanceState.QUEUED:
            await Acceptances(scope).begin(one)
        timeline = CityTimeline(scope, city, parts.clock, parts.time_zone)
        resumed = one.state is not AcceptanceState.QUEUED
        return Draft(one, city, scope, timeline, parts.clock.monotonic(), resumed)

    async def look(self, draft: Draft) -> Progress:
        """How far each camera's proof is, now."""
        draft.cameras = await Cameras(draft.scope, self._from.rows).list()
        window, now_ms = draft.window(self._from.clock.wall_ms()), self._from.clock.wall_ms()
        draft.changed_ms = await sources_since(draft.scope, draft.cameras, window)
        cameras = [await self._progress(draft, camera, window) for camera in draft.cameras]
        counted = [one for one in cameras if one["enabled"]]
        share = min((one["proven_seconds"] * 1000 / window.whole_ms for one in counted), default=1.0)
        left_ms = max(0, self._limit_ms(draft) - self._elapsed_ms(draft))
        return {"share": whole(min(1.0, share), 4), "ends_by": rfc3339(now_ms + left_ms), "cameras": cameras}

    async def _progress(self, draft: Draft, camera: Camera, window: Window) -> CameraProgress:
        state = self._from.states.of(camera)
        known_ms = window.end_ms - draft.changed_ms.get(camera.public_id, window.start_ms)
        there_ms = min(await proven_ms(draft.timeline, camera, window), max(0, known_ms))
        return {
            "id": camera.public_id,
            "name": camera.name,
            "state": state.state,
            "cause": state.cause,
            "picture": camera.id in draft.pictures,
            "proven_seconds": whole(there_ms / 1000),
            "enabled": camera.recording_enabled,
        }

    async def gather(self, draft: Draft) -> None:
        """Some of the pictures and codecs that are still missing, and the disk's speed, once it can be measured."""
        if not draft.measured and self._from.box.measurable:
            draft.speed, draft.measured = await self._from.box.measure(), True
        wanted = [camera for camera in draft.cameras if camera.id not in draft.pictures]
        for camera in wanted[:PICTURES_EACH]:
            await self._photograph(draft, camera)
        unknown = [camera for camera in draft.cameras if self._is_unknown(draft, camera)][:PROBES_EACH]
        await asyncio.gather(*(self._probe(draft, camera) for camera in unknown))

    def _is_unknown(self, draft: Draft, camera: Camera) -> bool:
        online = self._from.states.of(camera).state is State.ONLINE
        return online and camera.id not in draft.codecs and draft.tries.get(camera.id, 0) < TRIES

    async def _photograph(self, draft: Draft, camera: Camera) -> None:
        try:
            still = await self._from.stills.get(draft.city, camera, fresh=True, width=PICTURE_WIDTH)
        except VmsdError:
            return  # no picture now: the report says so, unless it comes in time
        before = draft.pictures.get(camera.id)
        if before is not None and before.frame_ms != still.frame_ms:
            same = before.jpeg == still.jpeg
            (draft.frozen.add if same else draft.frozen.discard)(camera.id)
        draft.pictures[camera.id] = still

    async def _probe(self, draft: Draft, camera: Camera) -> None:
        draft.tries[camera.id] = draft.tries.get(camera.id, 0) + 1
        try:
            facts = await self._from.prober.probe(camera)
            draft.codecs[camera.id] = codec_of(facts)
            draft.codec_faults[camera.id] = [Fault(warning["code"]) for warning in facts["warnings"]]
        except TooMany:
            draft.tries[camera.id] -= 1
        except Invalid:
            draft.codecs[camera.id] = live_codec(self._from.states.of(camera))
        except (SourceFailed, NotFound) as error:
            log.info("acceptance.unprobed", camera_id=camera.public_id, error=str(error))

    def is_ready(self, draft: Draft, progress: Progress) -> bool:
        """Everything is proven and seen, or there is no more time."""
        if self.is_late(draft):
            return self._from.index.complete or self._elapsed_ms(draft) > self._limit_ms(draft) + GRACE_MS
        seen = all(one["picture"] and one["state"] == State.ONLINE for one in progress["cameras"])
        known = not any(self._is_unknown(draft, camera) for camera in draft.cameras)
        return progress["share"] >= 1 and seen and known and draft.measured and self._from.index.complete

    def is_late(self, draft: Draft) -> bool:
        return self._elapsed_ms(draft) >= self._limit_ms(draft)

    def is_hopeless(self, draft: Draft) -> bool:
        """Nothing came of it for so long after its time that nothing will."""
        return self._seen_ms(draft) > self._limit_ms(draft) + HOPELESS_MS

    def _limit_ms(self, draft: Draft) -> int:
        return draft.one.minutes * 60_000 + UNSETTLED_MS + GRACE_MS

    def _seen_ms(self, draft: Draft) -> int:
        return round((self._from.clock.monotonic() - draft.since_s) * 1000)

    def _elapsed_ms(self, draft: Draft) -> int:
        """By the monotonic clock; of what began before this program, by the wall clock when that says more."""
        told_ms = self._from.clock.wall_ms() - draft.one.created_ms if draft.resumed else 0
        return max(self._seen_ms(draft), told_ms)

    async def retake(self, draft: Draft) -> bool:
        """The last pictures, a few at a time; True once all have been tried. One that fails leaves the one before."""
        wanted = [camera for camera in draft.cameras if camera.id not in draft.retaken][:PICTURES_EACH]
        for camera in wanted:
            await self._photograph(draft, camera)
            draft.retaken.add(camera.id)
        return len(wanted) < PICTURES_EACH

    async def finish(self, draft: Draft) -> bool:
        """The document, signed, with its pictures and its row of the audit log; False when it was cancelled."""
        parts, store = self._from, Acceptances(draft.scope)
        await self._sign_audit()
        gathered = Evidence(
            pictures=draft.pictures,
            codecs=draft.codecs,
            speed=draft.speed,
            devices=await store.devices(),
            codec_faults=draft.codec_faults,
            frozen=draft.frozen,
            changed_ms=draft.changed_ms,
        )
        written = await parts.writer.write(draft.one, draft.timeline, draft.cameras, gathered)
        facts: dict[str, Fact] = {"passed": written.passed, "cameras": written.cameras, "sha256": written.sha256}
        now_ms = parts.clock.wall_ms()
        async with draft.scope.write() as transaction:
            finished = await store.finish(
                transaction,
                draft.one,
                certificate=written.certificate,
                signature=written.signature,
                pictures=written.pictures,
                passed=written.passed,
                now_ms=now_ms,
            )
            if finished:
                subject = Subject("acceptance", draft.one.public_id)
                await parts.audit.append(
                    transaction, Entry(Action.ACCEPTANCE_DONE, subject=subject, facts=facts), now_ms
                )
        log.info("acceptance.done", acceptance_id=draft.one.public_id, passed=written.passed, cancelled=not finished)
        return finished

    async def _sign_audit(self) -> None:
        """So that the report carries a head that is new; a broken log is not the report's business to hide or heal."""
        try:
            await self._from.audit.sign_head()
        except Conflict as error:
            log.warning("acceptance.audit_broken", error=str(error))

    async def give_up(self, draft: Draft, error: str) -> None:
        now_ms, store = self._from.clock.wall_ms(), Acceptances(draft.scope)
        async with draft.scope.write() as transaction:
            if await store.fail(transaction, draft.one, error, now_ms):
                subject = Subject("acceptance", draft.one.public_id)
                entry = Entry(Action.ACCEPTANCE_FAILED, subject=subject, facts={"cause": error})
                await self._from.audit.append(transaction, entry, now_ms)
        log.warning("acceptance.failed", acceptance_id=draft.one.public_id, error=error)
