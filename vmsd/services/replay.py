"""The recorded video of one city, made ready to be played: playlists, files, and sheets of small pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vmsd.errors import FieldProblem, Invalid, NotFound, TooMany
from vmsd.host.tree import Folder
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.segment import Segment
from vmsd.services.derived import Derived
from vmsd.services.recordings import NONE_SUCH, SegmentIds
from vmsd.store.scope import Scope
from vmsd.store.segments import Segments
from vmsd.video.cuts import Cuts
from vmsd.video.mask import MaskedFile
from vmsd.video.sheets import EVERY_MS, Sheet
from vmsd.video.vod import MOST_FILES, VodFile, playlist

NOTHING = "there is no recording of this period"
MOST_TILES = 2000
"""Of one answer; they stand further apart in a longer period."""
PATIENCE_S = 20.0
"""What nothing was made of yet is read from end to end, and that takes a slow disk seconds for each recording."""
SILENT = ".video.mp4"
"""What a recording is called when its sound, which browsers cannot play, is left out."""


@dataclass(frozen=True)
class ShownTile:
    at_ms: int
    x: int
    y: int


@dataclass(frozen=True)
class ShownSheet:
    """The tiles of one recording's sheet that were asked for."""

    recording_id: str
    sheet: Sheet
    tiles: Sequence[ShownTile]


class CityReplay:
    """Handed out for one city; whether the caller may see the camera was decided before."""

    def __init__(self, scope: Scope, city: City, ids: SegmentIds, derived: Derived) -> None:
        self._city = city
        self._segments = Segments(scope)
        self._ids = ids
        self._derived = derived

    async def playlist(self, camera: Camera, start_ms: int, end_ms: int, query: Mapping[str, str]) -> bytes:
        """HLS of everything recorded in the period, the file that is being written too; `NotFound` for none."""
        segments = await self._list(camera, start_ms, end_ms)
        cuts = await self._cuts(camera, segments)
        files = await asyncio.to_thread(self._files, camera, segments, cuts)
        files = [file for file in files if file.start_ms < end_ms and file.end_ms > start_ms]
        if not files:
            raise NotFound(NOTHING)
        return await asyncio.to_thread(playlist, files, start_ms, end_ms, query)

    async def _cuts(self, camera: Camera, segments: Sequence[Segment]) -> Sequence[Cuts | None]:
        """`TooMany` when it takes too long: what was understood until then is known when the caller asks again."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._derived.cuts(self._folder(camera), segments)
        except TimeoutError as error:
            raise TooMany("these recordings are still being made ready to be played", retry_after_s=5) from error

    async def get(self, camera: Camera, recording_id: str) -> Segment:
        """`NotFound` for what is not there, was purged, or is another camera's."""
        camera_id, start_us = self._ids.open(recording_id, self._city.id)
        if camera_id != camera.id:
            raise NotFound(NONE_SUCH)
        return await self._segments.get(camera_id, start_us)

    async def open(self, camera: Camera, segment: Segment) -> int:
        """A handle, to be closed by whoever asks; `NotFound` for a file that cannot be read."""
        try:
            return await self._derived.open_recording(self._folder(camera), segment)
        except OSError as error:
            raise NotFound(NONE_SUCH) from error

    async def open_silent(self, camera: Camera, segment: Segment) -> MaskedFile:
        """As `open`, with the sound left out that browsers cannot play."""
        (cuts,) = await self._cuts(camera, [segment])
        if cuts is None:
            raise NotFound(NONE_SUCH)
        offsets = (await asyncio.to_thread(lambda: cuts.columns)).offsets
        return MaskedFile(await self.open(camera, segment), cuts.facts, offsets)

    async def open_sheet(self, camera: Camera, segment: Segment) -> int:
        """A handle, to be closed by whoever asks; `NotFound` while a recording has no pictures."""
        try:
            return await self._derived.open_sheet(self._folder(camera), segment.start_us)
        except OSError as error:
            raise NotFound("there are no pictures of this recording") from error

    async def thumbnails(self, camera: Camera, start_ms: int, end_ms: int, step_ms: int) -> Sequence[ShownSheet]:
        """Small pictures of the period, at least about `step_ms` apart; also the last one before it begins."""
        segments = await self._list(camera, start_ms, end_ms)
        sheets = await self._derived.sheets(self._folder(camera), [one.start_us for one in segments])
        found = [(one, sheet) for one, sheet in zip(segments, sheets, strict=True) if sheet is not None]
        chosen = await asyncio.to_thread(_chosen, found, start_ms - EVERY_MS, end_ms, step_ms)
        return [ShownSheet(self._id(camera, segment), sheet, tiles) for segment, sheet, tiles in chosen]

    async def _list(self, camera: Camera, start_ms: int, end_ms: int) -> Sequence[Segment]:
        found = await self._segments.list(camera.id, start_ms * 1000, end_ms * 1000, limit=MOST_FILES + 1)
        if len(found) > MOST_FILES:
            problem = FieldProblem("/end", f"there are more than {MOST_FILES} recordings before it")
            raise Invalid("the period holds too many recordings to be played at once", problem)
        return found

    def _files(self, camera: Camera, segments: Sequence[Segment], cuts: Sequence[Cuts | None]) -> Sequence[VodFile]:
        """There are thousands of them."""
        return [
            VodFile(self._id(camera, one) + (SILENT if found.masked else ".mp4"), one.start_ms, found)
            for one, found in zip(segments, cuts, strict=True)
            if found is not None
        ]

    def _id(self, camera: Camera, segment: Segment) -> str:
        return self._ids.seal(self._city.id, camera.id, segment.start_us)

    def _folder(self, camera: Camera) -> Folder:
        return Folder(self._city.public_id, camera.public_id)


def _chosen(
    found: Iterable[tuple[Segment, Sheet]], next_ms: int, end_ms: int, step_ms: int
) -> Sequence[tuple[Segment, Sheet, Sequence[ShownTile]]]:
    """The sheets with a tile that is wanted, and which those are."""
    chosen = []
    for segment, sheet in found:
        tiles, next_ms = _tiles(sheet, segment.start_ms, next_ms, end_ms, step_ms)
        if tiles:
            chosen.append((segment, sheet, tiles))
    return chosen


def _tiles(sheet: Sheet, began_ms: int, next_ms: int, end_ms: int, step_ms: int) -> tuple[list[ShownTile], int]:
    """Those from `next_ms` on that are a step apart, and from when on the next one counts.

    Tiles stand where keyframes are: half a tile's distance more or less is no other step.
    """
    tiles = []
    for number, time_ms in enumerate(sheet.times_ms):
        at_ms = began_ms + time_ms
        if next_ms <= at_ms < end_ms:
            tiles.append(ShownTile(at_ms, *sheet.corner(number)))
            next_ms = at_ms + step_ms - EVERY_MS // 2
    return tiles, next_ms
