"""Looks at MediaMTX every second and knows what each camera is doing.

Reads: MediaMTX's live paths. Writes: the live states, and a line of history per change.
Keeps true: a camera that dies or returns is shown in under 3 s; a path that is not there is an offline camera,
never an error; an answer that is no answer changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import structlog

from vmsd.clock import Clock
from vmsd.errors import MediaServerAway
from vmsd.mediamtx.answers import Path
from vmsd.mediamtx.client import MediaMtxClient
from vmsd.mediamtx.names import PathName
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.state import Cause, LiveState, State, StreamFacts
from vmsd.services.desired import DesiredState, list_cameras
from vmsd.services.history import History
from vmsd.services.live_states import CameraKey, LiveStates, key_of
from vmsd.services.signal import Signal
from vmsd.store.cameras import CameraRows
from vmsd.store.database import Database

log = structlog.get_logger()

GONE_AFTER = 3
"""Looks in a row at a MediaMTX that refuses connections before its cameras are called offline."""

RELOAD_S = 5.0
"""Cameras come from elsewhere too: from the console, or from folders nobody knew."""


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
        self._history = History(database, clock)
        self._signals: dict[CameraKey, Signal] = {}
        self._cameras: list[tuple[City, Camera]] = []
        self._cameras_version = 0
        self._loaded_s = 0.0
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
        """At once after a change the daemon made; now and then for those it did not make itself."""
        version, now_s = self._desired.version, self._clock.monotonic()
        if self._cameras_version != version or now_s - self._loaded_s >= RELOAD_S:
            self._cameras = await list_cameras(self._database, self._rows)
            self._cameras_version, self._loaded_s = version, now_s
            self._states.watched = self._cameras

    async def _note_away(self, error: MediaServerAway) -> None:
        """Only a MediaMTX that surely is not there takes its cameras with it; any other silence says nothing."""
        self._states.mediamtx_alive = False
        self._refused = self._refused + 1 if error.refused else 0
        if self._refused >= GONE_AFTER:
            await self._look({}, Cause.MEDIAMTX_AWAY)

    async def _look(self, paths: Mapping[str, Path], cause: Cause | None = None) -> None:
        now_s = self._clock.monotonic()
        states: dict[CameraKey, LiveState] = {}
        for city, camera in self._cameras:
            key = key_of(camera)
            signal = self._signals.setdefault(key, Signal(first_seen_s=now_s))
            path = paths.get(str(PathName(city.public_id, camera.public_id)))
            before = self._states.get(key)
            states[key] = state = self._state(camera, signal, path, before, cause)
            if before is None or before.state != state.state:
                log.info("camera.state", camera_id=camera.public_id, state=state.state, cause=state.cause)
        self._states.replace(states)
        self._states.available_paths = frozenset(name for name, path in paths.items() if path.available)
        self._signals = {key: signal for key, signal in self._signals.items() if key in states}
        await self._history.note(states)

    def _state(
        self, camera: Camera, signal: Signal, path: Path | None, before: LiveState | None, away: Cause | None
    ) -> LiveState:
        now_s, now_ms = self._clock.monotonic(), self._clock.wall_ms()
        signal.take(path, now_s)
        if away:
            signal.forgive()
        state = signal.smooth(signal.judge(now_s, self._stall_s), now_s)
        if camera.secret.readable and not (camera.source_url or camera.pushes or camera.tunnel):
            state = State.DISABLED
        return LiveState(
            state=state,
            since_ms=before.since_ms if before and before.state == state else now_ms,
            cause=cause_of(state, before, away or (Cause.UNSTABLE if signal.unstable else None)),
            last_bytes_ms=None if signal.grew_s is None else now_ms - round((now_s - signal.grew_s) * 1000),
            facts=facts_of(path, signal.bitrate),
        )


def cause_of(state: State, before: LiveState | None, seen: Cause | None) -> Cause | None:
    """Why there is no picture: what was `seen` here, else what somebody found out about this outage before."""
    if state == State.STALLED:
        return Cause.NO_DATA
    if state == State.DISABLED:
        return Cause.DISABLED
    if state != State.OFFLINE:
        return None
    known = before.cause if before and before.state == State.OFFLINE else None
    found_out = known not in (None, Cause.MEDIAMTX_AWAY, Cause.UNSTABLE)
    return seen or (known if found_out else Cause.UNKNOWN)


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
