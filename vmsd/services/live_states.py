"""What every camera is doing right now, in memory: the observer writes it, everybody reads it."""

from __future__ import annotations

from collections.abc import Mapping

from vmsd.model.camera import Camera
from vmsd.model.state import LiveState, State

CameraKey = tuple[int, int]
"""City and camera number."""


def key_of(camera: Camera) -> CameraKey:
    return (camera.city_id, camera.id)


class LiveStates:
    """`mediamtx` facts are what the last look at MediaMTX said; None before the first.

    `available_paths` are the names of MediaMTX's paths that have a signal now, substreams too.
    """

    def __init__(self, started_ms: int) -> None:
        self._starting = LiveState(State.STARTING, started_ms)
        self._states: dict[CameraKey, LiveState] = {}
        self.mediamtx_alive: bool | None = None
        self.mediamtx_version: str | None = None
        self.mediamtx_started: str | None = None
        self.available_paths: frozenset[str] = frozenset()

    def of(self, camera: Camera) -> LiveState:
        return self._states.get(key_of(camera), self._starting)

    def replace(self, states: Mapping[CameraKey, LiveState]) -> None:
        """What is not in `states` is forgotten: a removed camera has no state."""
        self._states = dict(states)

    def set(self, key: CameraKey, state: LiveState) -> None:
        self._states[key] = state

    def get(self, key: CameraKey) -> LiveState | None:
        return self._states.get(key)
