"""Asks each camera now and then who it is and what its clock shows, and follows one that has got another address.

Reads: the cameras, their live states; asks the cameras by ONVIF. Writes: the table of devices; where that is switched
on, the address of a camera that was found elsewhere and has shown that it is the same one.
Keeps true: what is said of a device that answers was asked within `devices_every_s`; a camera that never answered is
asked more and more seldom.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar

import structlog

from vmsd.clock import Clock
from vmsd.config import CameraRules
from vmsd.errors import Conflict, Invalid, SourceFailed, TooMany
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.state import State
from vmsd.services.devices import CityDevices
from vmsd.services.live_states import CameraKey, LiveStates, key_of

log = structlog.get_logger()

AT_ONCE = 2
MOST_WAITS = 12
"""A camera without ONVIF is asked again after so many of the usual pauses at most."""
GONE_MS = 60_000
"""How long a camera has been offline before it is searched for."""
SEARCH_AGAIN_S = 300.0
Cameras = Sequence[tuple[City, Camera]]


class DevicesTask:
    name: ClassVar[str] = "devices"
    every_s: ClassVar[float] = 10.0
    deadline_s: ClassVar[float] = 90.0

    def __init__(
        self,
        open_devices: Callable[[City], CityDevices],
        states: LiveStates,
        rules: CameraRules,
        clock: Clock,
    ) -> None:
        self._open = open_devices
        self._states = states
        self._rules = rules
        self._clock = clock
        self._due_s: dict[CameraKey, float] = {}
        self._failures: dict[CameraKey, int] = {}
        self._searched_s: dict[int, float] = {}

    async def once(self) -> None:
        watched = [(city, camera) for city, camera in self._states.watched if camera.source_url]
        keys = {key_of(camera) for _, camera in watched}
        self._due_s = {key: due for key, due in self._due_s.items() if key in keys}
        self._failures = {key: count for key, count in self._failures.items() if key in keys}
        await asyncio.gather(*(self._look(city, camera) for city, camera in self._due(watched)))
        if self._rules.follow_moved:
            await self._follow(watched)

    def _due(self, watched: Cameras) -> Cameras:
        """Who has waited longest comes first; a camera without a signal is left alone."""
        now_s = self._clock.monotonic()
        due = [
            one
            for one in watched
            if self._due_s.get(key_of(one[1]), 0.0) <= now_s and self._states.of(one[1]).state == State.ONLINE
        ]
        return sorted(due, key=lambda one: self._due_s.get(key_of(one[1]), 0.0))[:AT_ONCE]

    async def _look(self, city: City, camera: Camera) -> None:
        key = key_of(camera)
        try:
            await self._open(city).look(camera)
            self._failures.pop(key, None)
        except (SourceFailed, Invalid, Conflict) as error:
            self._failures[key] = self._failures.get(key, 0) + 1
            log.debug("device.silent", camera_id=camera.public_id, error=str(error))
        waits = min(2 ** self._failures[key], MOST_WAITS) if key in self._failures else 1
        self._due_s[key] = self._clock.monotonic() + waits * self._rules.devices_every_s

    async def _follow(self, watched: Cameras) -> None:
        """One search in a while for all of a city that are gone; one city at a time, which takes most of a minute."""
        now_s, now_ms = self._clock.monotonic(), self._clock.wall_ms()
        gone = [(city, camera) for city, camera in watched if self._is_gone(camera, now_ms)]
        last_s = {city.id: self._searched_s.get(city.id, float("-inf")) for city, _ in gone}
        due = [city for city, _ in gone if now_s - last_s[city.id] >= SEARCH_AGAIN_S]
        if due:
            city = min(due, key=lambda one: last_s[one.id])
            self._searched_s = last_s | {city.id: now_s}
            await self._follow_in(city, {camera.id for other, camera in gone if other.id == city.id})

    async def _follow_in(self, city: City, gone: set[int]) -> None:
        devices = self._open(city)
        try:
            moves = await devices.find_moved(gone)
        except TooMany:
            return
        for move in moves:
            if not move.confirmed:
                log.info("camera.seen_elsewhere", camera_id=move.camera.public_id, address=move.found.address)
                continue
            try:
                await devices.follow(move)
            except (Conflict, Invalid) as error:
                log.warning("camera.not_followed", camera_id=move.camera.public_id, error=str(error))

    def _is_gone(self, camera: Camera, now_ms: int) -> bool:
        state = self._states.of(camera)
        return state.state == State.OFFLINE and now_ms - state.since_ms >= GONE_MS
