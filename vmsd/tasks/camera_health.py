"""Finds out why an offline camera is offline.

Reads: live states, what kept cameras out of MediaMTX, the camera's own port, what its relay wrote down.
Writes: the cause of its state.
Keeps true: the cause of a camera that has been offline for over a minute was looked for in the last two.
"""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import ClassVar

from vmsd.clock import Clock
from vmsd.errors import Invalid, SourceFailed
from vmsd.model.camera import Camera
from vmsd.model.state import Cause, LiveState, State
from vmsd.services.camera_paths import REFUSED, needs_relay
from vmsd.services.desired import DesiredState, list_cameras
from vmsd.services.live_states import CameraKey, LiveStates, key_of
from vmsd.services.sources import main_url
from vmsd.store.cameras import CameraRows
from vmsd.store.database import Database
from vmsd.tasks.observer import with_cause
from vmsd.video import rtsp

AT_ONCE = 4
REDIRECTS = Cause.REDIRECTS
"""MediaMTX follows redirects without end: two addresses that point at each other would use up its memory."""
KEEPS = frozenset({Cause.UNSTABLE, Cause.MEDIAMTX_AWAY})
"""Causes the observer knows better."""
Subject = tuple[CameraKey, int]
"""A camera as it was changed last: one that has just been given another address is due at once."""


class CameraHealth:
    name: ClassVar[str] = "camera health"
    every_s: ClassVar[float] = 2.0
    deadline_s: ClassVar[float] = 30.0

    def __init__(
        self,
        database: Database,
        rows: CameraRows,
        states: LiveStates,
        clock: Clock,
        *,
        again_s: float,
        probe_s: float,
        relays: Path,
        desired: DesiredState,
    ) -> None:
        self._desired = desired
        self._database = database
        self._rows = rows
        self._states = states
        self._clock = clock
        self._again_s = again_s
        self._probe_s = probe_s
        self._relays = relays
        self._due_s: dict[Subject, float] = {}

    async def once(self) -> None:
        """Who has waited longest comes first: many dead cameras must not keep the rest from being examined."""
        cameras = [camera for _, camera in await list_cameras(self._database, self._rows)]
        self._due_s = {one: self._due_s[one] for one in map(subject_of, cameras) if one in self._due_s}
        for camera in cameras:
            if self._states.of(camera).state == State.OFFLINE and (cause := await self._known_cause(camera)):
                self._note(camera, cause)
        due = sorted(filter(self._is_due, cameras), key=lambda one: self._due_s.get(subject_of(one), 0.0))
        await asyncio.gather(*(self._examine(camera) for camera in due[:AT_ONCE]))

    async def _known_cause(self, camera: Camera) -> Cause | None:
        """What can be said without calling the camera: MediaMTX was not given it, or its relay left word."""
        if obstacle := self._desired.obstacles.get(key_of(camera)):
            return obstacle
        return await asyncio.to_thread(relay_cause, self._relays, camera) if needs_relay(camera) else None

    def _is_due(self, camera: Camera) -> bool:
        """Offline, not pushing, and not looked at within the interval; back online means due at once next time."""
        is_left_out = key_of(camera) in self._desired.obstacles and not self._desired.is_withheld(camera)
        if needs_relay(camera) or is_left_out:
            return False
        subject, state = subject_of(camera), self._states.of(camera)
        if state.state != State.OFFLINE or state.cause in KEEPS or camera.pushes:
            self._due_s.pop(subject, None)
            return False
        return self._clock.monotonic() >= self._due_s.get(subject, 0.0)

    async def _examine(self, camera: Camera) -> None:
        jitter = random.uniform(0.8, 1.2)  # noqa: S311 - spreads the probes
        self._due_s[subject_of(camera)] = self._clock.monotonic() + self._again_s * jitter
        cause = await self.find_cause(camera)
        self._note(camera, cause)
        if cause == REDIRECTS:
            self._desired.withhold(camera, cause)
        else:
            self._desired.release(camera)

    def _note(self, camera: Camera, cause: Cause) -> None:
        state = self._states.get(key_of(camera))
        if state is not None and self._may_set(state):
            self._states.set(key_of(camera), with_cause(state, cause))

    def _may_set(self, state: LiveState) -> bool:
        return state.state == State.OFFLINE and state.cause not in KEEPS

    async def find_cause(self, camera: Camera) -> Cause:
        """What stands in the way; `unknown` when the camera answers well and MediaMTX just has not come back."""
        try:
            url = self._desired.hosts.locate(main_url(camera))
            if url.scheme in ("rtsp", "rtsps"):
                await rtsp.describe(url.join(), deadline_s=self._probe_s)
            else:
                await rtsp.tcp_check(url.host, url.effective_port, deadline_s=self._probe_s)
        except SourceFailed as error:
            return Cause(error.cause)
        except Invalid:
            return REFUSED
        return Cause.UNKNOWN


def subject_of(camera: Camera) -> Subject:
    return key_of(camera), camera.changed_ms


def relay_cause(relays: Path, camera: Camera) -> Cause:
    """What the camera's relay wrote down last; without a word a tunnel is still on its way up."""
    try:
        return Cause(json.loads((relays / f"{camera.public_id}.status").read_text("utf-8"))["cause"])
    except (OSError, ValueError, KeyError, TypeError):
        return Cause.TUNNEL_DOWN if camera.protocol == "p2p" else Cause.UNKNOWN
