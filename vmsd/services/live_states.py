"""What every camera is doing right now, in memory: the observer writes it, everybody reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.state import Cause, LiveState, State

CameraKey = tuple[int, int]
"""City and camera number."""


def key_of(camera: Camera) -> CameraKey:
    return (camera.city_id, camera.id)


class LiveStates:
    """`mediamtx` facts are what the last look at MediaMTX said; None before the first.

    `available_paths` are the names of MediaMTX's paths that have a signal now, substreams too. `watched` is every
    camera that is looked at, of every city.
    """

    def __init__(self, started_ms: int) -> None:
        self._starting = LiveState(State.STARTING, started_ms)
        self._states: dict[CameraKey, LiveState] = {}
        self._listeners: defaultdict[CameraKey, list[Callable[[], None]]] = defaultdict(list)
        self.mediamtx_alive: bool | None = None
        self.mediamtx_version: str | None = None
        self.mediamtx_started: str | None = None
        self.available_paths: frozenset[str] = frozenset()
        self.watched: Sequence[tuple[City, Camera]] = ()

    def of(self, camera: Camera) -> LiveState:
        return self._states.get(key_of(camera), self._starting)

    def replace(self, states: Mapping[CameraKey, LiveState]) -> None:
        """What is not in `states` is forgotten: a removed camera has no state."""
        before, self._states = self._states, dict(states)
        for key in tuple(self._listeners):
            self._tell(key, before.get(key))

    def set(self, key: CameraKey, state: LiveState) -> None:
        before = self._states.get(key)
        self._states[key] = state
        self._tell(key, before)

    def get(self, key: CameraKey) -> LiveState | None:
        return self._states.get(key)

    @contextmanager
    def listening(self, camera: Camera, listener: Callable[[], None]) -> Iterator[None]:
        """Within this block `listener` is called at once when the camera's state or its cause has changed."""
        key = key_of(camera)
        self._listeners[key].append(listener)
        try:
            yield
        finally:
            self._listeners[key].remove(listener)
            if not self._listeners[key]:
                del self._listeners[key]

    def _tell(self, key: CameraKey, before: LiveState | None) -> None:
        if word_of(before) != word_of(self._states.get(key)):
            for listener in tuple(self._listeners.get(key, ())):
                listener()


def word_of(state: LiveState | None) -> tuple[State, Cause | None, int] | None:
    """What of a state is told again when it changes; its ages and figures change all the time."""
    return None if state is None else (state.state, state.cause, state.since_ms)
