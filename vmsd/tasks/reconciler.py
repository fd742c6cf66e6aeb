"""Keeps MediaMTX's file saying what the store says, and sees that MediaMTX has taken it over.

Reads: cameras, MediaMTX's loaded configuration. Writes: the rendered file and the relays' files.
Keeps true: within 10 s of any change, restart or drift MediaMTX has exactly the desired paths.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

import structlog

from vmsd.clock import Clock
from vmsd.host.recording_folders import make_recording_folders
from vmsd.mediamtx.answers import ConfiguredPath
from vmsd.mediamtx.client import MediaMtxClient
from vmsd.mediamtx.config import ConfigFile, Desired, render
from vmsd.services.camera_paths import Relay
from vmsd.services.desired import DesiredState, Plan

log = structlog.get_logger()

WRITE_SPACING_S = 2.0
"""MediaMTX drops file events within 1 s after a reload (measured fact 2 of its notes): never write faster."""
VERIFY_EVERY_S = 5.0


class Reconciler:
    name: ClassVar[str] = "reconciler"
    every_s: ClassVar[float] = 1.0
    deadline_s: ClassVar[float] = 15.0

    def __init__(
        self, desired: DesiredState, client: MediaMtxClient, file: ConfigFile, template: Path, clock: Clock
    ) -> None:
        self._desired = desired
        self._client = client
        self._file = file
        self._template = template
        self._clock = clock
        self._written_s: float | None = None
        self._verified_s: float | None = None
        self._state: tuple[int, bool] | None = None
        self._plan: Plan | None = None
        self._text = ""

    async def once(self) -> None:
        await self._write_if_due()
        if self._plan is not None and self._verification_due():
            await self._verify(self._plan)

    async def _write_if_due(self) -> None:
        state = (self._desired.version, self._desired.record_allowed)
        if state == self._state or not self._may_write():
            return
        plan = await self._desired.plan()
        text = await asyncio.to_thread(render, self._template, plan.desired)
        await asyncio.to_thread(write_relays, self._file.path.parent / "relays", plan.relays)
        await asyncio.to_thread(make_folders, plan.desired)
        if await asyncio.to_thread(self._file.write, text):
            self._written_s = self._clock.monotonic()
            log.info("mediamtx.configured", paths=len(plan.desired.paths), record=plan.desired.record)
        self._plan, self._text, self._state, self._verified_s = plan, text, state, None

    def _may_write(self) -> bool:
        return self._written_s is None or self._clock.monotonic() - self._written_s >= WRITE_SPACING_S

    def _verification_due(self) -> bool:
        return self._verified_s is None or self._clock.monotonic() - self._verified_s >= VERIFY_EVERY_S

    async def _verify(self, plan: Plan) -> None:
        await self._note_changes(plan)
        if await asyncio.to_thread(self._file.read) != self._text:
            await self._write_again("the file")
            return
        configured = await self._client.list_configured_paths()
        if drift(plan.desired, configured):
            await self._write_again("MediaMTX")
            return
        self._verified_s = self._clock.monotonic()
        await asyncio.to_thread(self._file.keep_as_good, self._text)
        await self._desired.note_applied(plan.version, frozenset(path.name for path in configured))

    async def _write_again(self, what: str) -> None:
        """A file that is written again, unchanged or not, makes MediaMTX load it again."""
        if self._may_write():
            self._written_s = self._clock.monotonic()
            await asyncio.to_thread(self._file.write, self._text, even_if_same=True)
            log.info("mediamtx.drifted", what=what)

    async def _note_changes(self, plan: Plan) -> None:
        """Cameras change behind the daemon's back too: by a command at the box's console, or in the name server."""
        stored = await self._desired.plan()
        if stored.version == plan.version and (stored.desired.paths, stored.relays) != (
            plan.desired.paths,
            plan.relays,
        ):
            self._desired.changed()


def drift(desired: Desired, configured: Iterable[ConfiguredPath]) -> set[str]:
    """Names of paths MediaMTX lacks, has too many of, or has differently."""
    wanted = {path.name: (path.source, path.record and desired.record) for path in desired.paths}
    present = {path.name: (path.source, path.record) for path in configured}
    return {name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name)}


def make_folders(desired: Desired) -> None:
    """Before MediaMTX records there; none while it records nothing, since the volume may not be ours then."""
    if desired.record:
        make_recording_folders(desired.server.recordings_dir, [path.name for path in desired.paths if path.record])


def write_relays(folder: Path, relays: Sequence[Relay]) -> None:
    """One file per relay, readable by its owner and group alone; what belongs to no wanted relay goes."""
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    for relay in relays:
        file = ConfigFile(relay.file)
        file.write(relay.content)
    wanted = {relay.file.stem for relay in relays}
    for file_path in folder.iterdir():
        if file_path.suffix in (".json", ".status") and file_path.stem not in wanted:
            file_path.unlink(missing_ok=True)
