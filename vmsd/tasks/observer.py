"""Looks at MediaMTX every second and knows what each camera is doing.

Reads: MediaMTX's live paths. Writes: the live states, and a line of history per change.
Keeps true: a camera that dies or returns is shown in under 3 s; a path that is not there is an offline camera,
never an error; an answer that is no answer changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import structlog

from vmsd.clock import Clock
from vmsd.errors import MediaServerAway, StorageFull
from vmsd.mediamtx.answers import Path
from vmsd.mediamtx.client import MediaMtxClient
from vmsd.mediamtx.names import PathName
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.state import Cause, LiveState, State, StateChange, StreamFacts
from vmsd.services.desired import DesiredState, list_cameras
from vmsd.services.live_states import CameraKey, LiveStates, key_of
from vmsd.store.cameras import CameraRows
from vmsd.store.database import Database
from vmsd.store.scope import Scope
from vmsd.store.states import States

log = structlog.get_logger()

STARTING_S = 15.0
"""How long a camera that was just added, or that the box has just begun to watch, may be `starting`."""
GONE_AFTER = 3
"""Looks in a row at a MediaMTX that refuses connections before its cameras are called offline."""
FLAPS = 6
FLAP_WINDOW_S = 60.0
STEADY_S = 30.0
"""More than `FLAPS` changes within the window make a camera unstable until it was steady for `STEADY_S`."""
HISTORY_PER_HOUR = 20


@dataclass
class Watch:
    """What the observer remembers of one camera between two looks; times are monotonic seconds."""

    first_seen_s: float
    inbound_bytes: int = 0
    grew_s: float | None = None
    looked_s: float | None = None
    bitrate: float | None = None
    raw: State = State.STARTING
    raw_since_s: float = 0.0
    flips_s: list[float] = field(default_factory=list)
    unstable: bool = False
    written_s: list[float] = field(default_factory=list)

    def take(self, path: Path | None, now_s: float) -> None:
        """Note how many bytes have come; a counter that went back means a new connection."""
        if path is None or not path.available:
            self.inbound_bytes, self.bitrate = 0, None
        elif path.inbound_bytes != self.inbound_bytes:
            self._measure(path.inbound_bytes, now_s)
            self.inbound_bytes, self.grew_s = path.inbound_bytes, now_s
        self.looked_s = now_s

    def _measure(self, inbound_bytes: int, now_s: float) -> None:
        if self.inbound_bytes and self.grew_s is not None and inbound_bytes > self.inbound_bytes:
            now_bits = 8 * (inbound_bytes - self.inbound_bytes) / max(now_s - self.grew_s, 0.001)
            self.bitrate = now_bits if self.bitrate is None else 0.8 * self.bitrate + 0.2 * now_bits

    def judge(self, path: Path | None, now_s: float, stall_s: float) -> State:
        """The state of this look, before any flapping is smoothed."""
        if path is not None and path.available:
            moving = self.grew_s is not None and now_s - self.grew_s <= stall_s
            return State.ONLINE if moving else self._waiting(State.STALLED, now_s)
        return self._waiting(State.OFFLINE, now_s)

    def _waiting(self, otherwise: State, now_s: float) -> State:
        fresh = self.grew_s is None and now_s - self.first_seen_s < STARTING_S
        return State.STARTING if fresh else otherwise

    def smooth(self, raw: State, now_s: float) -> State:
        """`raw`, unless the camera flaps: then offline until it has been steady for a while."""
        if raw != self.raw:
            self.raw, self.raw_since_s = raw, now_s
            self.flips_s = [at for at in self.flips_s if now_s - at < FLAP_WINDOW_S] + [now_s]
            self.unstable = self.unstable or len(self.flips_s) > FLAPS
        elif self.unstable and now_s - self.raw_since_s >= STEADY_S:
            self.unstable, self.flips_s = False, []
        return State.OFFLINE if self.unstable else raw

    def may_write(self, now_s: float) -> bool:
        """At most `HISTORY_PER_HOUR` lines of history per camera and hour."""
        self.written_s = [at for at in self.written_s if now_s - at < 3600]  # noqa: PLR2004 - one hour
        if len(self.written_s) >= HISTORY_PER_HOUR:
            return False
        self.written_s.append(now_s)
        return True


class Observer:
    name: ClassVar[str] = "observer"
    every_s: ClassVar[float] = 1.0
    deadline_s: ClassVar[float] = 12.0

    def __init__(
        self,
        client: MediaMtxClient,
        database: Database,
        rows: CameraRows,
        states: LiveStates,
        desired: DesiredState,
        clock: Clock,
        stall_s: float,
    ) -> None:
        self._client = client
        self._database = database
        self._rows = rows
        self._states = states
        self._desired = desired
        self._clock = clock
        self._stall_s = stall_s
        self._watches: dict[CameraKey, Watch] = {}
        self._cameras: list[tuple[City, Camera]] = []
        self._cameras_version = 0
        self._refused = 0

    async def once(self) -> None:
        await self._load_cameras()
        try:
            info = await self._client.info()
            paths = {path.name: path for path in await self._client.list_paths()}
        except MediaServerAway as error:
            await self._note_away(error)
            raise
        self._refused = 0
        self._states.mediamtx_alive = True
        self._states.mediamtx_version, self._states.mediamtx_started = info.version, info.started
        await self._look(paths)

    async def _load_cameras(self) -> None:
        if self._cameras_version != self._desired.version:
            self._cameras_version = self._desired.version
            self._cameras = await list_cameras(self._database, self._rows)

    async def _note_away(self, error: MediaServerAway) -> None:
        """Only a MediaMTX that surely is not there takes its cameras with it; any other silence says nothing."""
        self._states.mediamtx_alive = False
        self._refused = self._refused + 1 if error.refused else 0
        if self._refused >= GONE_AFTER:
            await self._look({}, Cause.MEDIAMTX_AWAY)

    async def _look(self, paths: Mapping[str, Path], cause: Cause | None = None) -> None:
        now_s = self._clock.monotonic()
        states: dict[CameraKey, LiveState] = {}
        changes: dict[int, list[tuple[int, StateChange]]] = {}
        for city, camera in self._cameras:
            key = key_of(camera)
            watch = self._watches.setdefault(key, Watch(first_seen_s=now_s))
            path = paths.get(str(PathName(city.public_id, camera.public_id)))
            before = self._states.get(key)
            states[key] = state = self._state(camera, watch, path, before, cause)
            if before is None or (state.state, state.cause) != (before.state, before.cause):
                self._note_change(camera, watch, before, state, changes)
        self._states.replace(states)
        self._watches = {key: watch for key, watch in self._watches.items() if key in states}
        await self._write_history(changes)

    def _state(
        self, camera: Camera, watch: Watch, path: Path | None, before: LiveState | None, cause: Cause | None
    ) -> LiveState:
        now_s, now_ms = self._clock.monotonic(), self._clock.wall_ms()
        watch.take(path, now_s)
        state = watch.smooth(watch.judge(path, now_s, self._stall_s), now_s)
        if not (camera.source_url or camera.pushes or camera.tunnel):
            state = State.DISABLED
        since_ms = before.since_ms if before and before.state == state else now_ms
        return LiveState(
            state=state,
            since_ms=since_ms,
            cause=self._cause(state, watch, before, cause),
            last_bytes_ms=None if watch.grew_s is None else now_ms - round((now_s - watch.grew_s) * 1000),
            facts=facts_of(path, watch.bitrate),
        )

    def _cause(
        self, state: State, watch: Watch, before: LiveState | None, cause: Cause | None
    ) -> Cause | None:
        if state == State.STALLED:
            return Cause.NO_DATA
        if state == State.DISABLED:
            return Cause.DISABLED
        if state != State.OFFLINE:
            return None
        if cause is not None or watch.unstable:
            return cause or Cause.UNSTABLE
        known = before.cause if before and before.state == State.OFFLINE else None
        return known if known not in (None, Cause.MEDIAMTX_AWAY, Cause.UNSTABLE) else Cause.UNKNOWN

    def _note_change(
        self,
        camera: Camera,
        watch: Watch,
        before: LiveState | None,
        state: LiveState,
        changes: dict[int, list[tuple[int, StateChange]]],
    ) -> None:
        if before is None or before.state != state.state:
            log.info("camera.state", camera_id=camera.public_id, state=state.state, cause=state.cause)
        if watch.may_write(self._clock.monotonic()):
            change = StateChange(self._clock.wall_ms(), state.state, state.cause)
            changes.setdefault(camera.city_id, []).append((camera.id, change))

    async def _write_history(self, changes: Mapping[int, list[tuple[int, StateChange]]]) -> None:
        for city_id, lines in changes.items():
            scope = Scope(self._database, city_id)
            try:
                async with scope.write() as transaction:
                    for camera_id, change in lines:
                        await States(scope).add(transaction, camera_id, change)
            except StorageFull:
                log.warning("history.lost", lines=len(lines))


def facts_of(path: Path | None, bitrate: float | None) -> StreamFacts:
    if path is None or not path.available:
        return StreamFacts()
    video = next((track for track in path.tracks if track.number("width")), None)
    return StreamFacts(
        codecs=tuple(track.codec for track in path.tracks),
        width=video.number("width") if video else None,
        height=video.number("height") if video else None,
        bitrate=None if bitrate is None else round(bitrate),
        readers=len(path.readers),
    )


def with_cause(state: LiveState, cause: Cause) -> LiveState:
    """The same offline state, its cause now known."""
    return replace(state, cause=cause)
