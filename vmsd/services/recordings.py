"""The recordings of one city: found by camera and period, named by ids that tell nothing."""

from __future__ import annotations

import struct
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heapreplace
from operator import attrgetter
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from vmsd.errors import NotFound
from vmsd.model.camera import Camera
from vmsd.model.keeping import Keeping, KeptPeriod, Stretch, merged
from vmsd.model.segment import Segment
from vmsd.store.kept_periods import KeptPeriods
from vmsd.store.scope import Scope
from vmsd.store.segments import Segments

_PLACE = struct.Struct(">IIq")
LONGEST_MS = 86_400_000
FEWEST = 4
NONE_SUCH = "there is no such recording"


@dataclass(frozen=True)
class SegmentIds:
    """Public ids of segments: one AES block over what a segment is known by, so they need no column.

    Exactly one block each, and never twice the same: there is nothing a mode of operation could chain.
    """

    key: bytes

    def __repr__(self) -> str:
        return "SegmentIds(***)"

    def seal(self, city_id: int, camera_id: int, start_us: int) -> str:
        encryptor = self._cipher().encryptor()
        block = encryptor.update(_PLACE.pack(camera_id, city_id, start_us)) + encryptor.finalize()
        return str(UUID(bytes=block))

    def open(self, public_id: str, city_id: int) -> tuple[int, int]:
        """Camera and start; `NotFound` for what is no id, and for another city's alike."""
        try:
            block = UUID(public_id).bytes
        except ValueError as error:
            raise NotFound(NONE_SUCH) from error
        decryptor = self._cipher().decryptor()
        camera_id, city, start_us = _PLACE.unpack(decryptor.update(block) + decryptor.finalize())
        if city != city_id:
            raise NotFound(NONE_SUCH)
        return camera_id, start_us

    def _cipher(self) -> Cipher[ECB]:
        return Cipher(AES(self.key), ECB())  # noqa: S305 - see above


@dataclass(frozen=True)
class Recording:
    """A segment as the outside knows it; `kept` says what for it is never purged, where that was asked."""

    id: str
    camera_public_id: str
    segment: Segment
    kept: frozenset[Keeping] = frozenset()

    def path(self, recordings_dir: Path, city_public_id: str) -> Path:
        return recordings_dir / city_public_id / self.camera_public_id / self.segment.file_name


@dataclass(frozen=True)
class Page:
    """`next` is the cursor of the page after this one; None when this is the last."""

    items: Sequence[Recording]
    next: str | None


@dataclass(frozen=True)
class Wanted:
    """What is looked for of a camera: all that has something of one of the stretches."""

    camera: Camera
    stretches: Sequence[Stretch]


class CityRecordings:
    """What may be asked of them by a caller of the city."""

    def __init__(self, scope: Scope, ids: SegmentIds) -> None:
        self._city_id = scope.city_id
        self._segments = Segments(scope)
        self._kept = KeptPeriods(scope)
        self._ids = ids

    async def list(
        self, wanted: Sequence[Wanted], *, preserved: bool | None = None, after: str | None = None, limit: int = 50
    ) -> Page:
        """Oldest first, of cameras at the same moment in the order they were added.

        `preserved` asks for what is kept for whatever reason, or for what is not. `after` is the `next` of the page
        before; `NotFound` when it is of none of these cameras.
        """
        place = None if after is None else self.place(after, [one.camera for one in wanted])
        async with AsyncExitStack() as stack:
            reels = {
                one.camera.id: await stack.enter_async_context(
                    aclosing(self._reel(one, preserved, after_us(place, one.camera), chunk_of(limit, wanted)))
                )
                for one in wanted
            }
            found = await earliest(reels, limit + 1)
        items = await self.with_kept(found[:limit])
        return Page(items, items[-1].id if len(found) > limit else None)

    async def _reel(
        self, wanted: Wanted, preserved: bool | None, after_us: int, chunk: int
    ) -> AsyncGenerator[Recording, None]:
        """One camera's recordings, read a few at a time; what they are kept for only where that decides."""
        stretches = await self._kept_stretches(wanted) if preserved else merged(wanted.stretches)
        for start_ms, end_ms in stretches:
            full = True
            while full:
                place = {"after_us": after_us, "limit": chunk}
                found = await self._segments.list(wanted.camera.id, start_ms * 1000, end_ms * 1000, **place)
                full = len(found) == chunk
                after_us = found[-1].start_us if found else after_us
                shown = [self.shown(one, wanted.camera) for one in found if touches(one, wanted.stretches)]
                for one in shown if preserved is None else await self.with_kept(shown):
                    if preserved is None or preserved == bool(one.kept):
                        yield one

    async def _kept_stretches(self, wanted: Wanted) -> Sequence[Stretch]:
        """Where there can be kept segments: a period elsewhere may keep what reaches in here."""
        found: list[Stretch] = []
        for start_ms, end_ms in merged((start - LONGEST_MS, end + LONGEST_MS) for start, end in wanted.stretches):
            periods = await self._kept.overlapping(wanted.camera.id, start_ms, end_ms)
            found += [(max(one.start_ms, start_ms), min(one.end_ms, end_ms)) for one in periods]
        return merged(found)

    def shown(self, segment: Segment, camera: Camera) -> Recording:
        """Without what it is kept for."""
        return Recording(self._id_of(segment), camera.public_id, segment)

    async def with_kept(self, recordings: Sequence[Recording]) -> Sequence[Recording]:
        """The same, and what each is kept for."""
        places: dict[int, Stretch] = {}
        for segment in (one.segment for one in recordings):
            start_ms, end_ms = places.get(segment.camera_id, (segment.start_ms, 0))
            end_ms = max(end_ms, nominal_end_us(segment) // 1000 + 1)
            places[segment.camera_id] = (min(start_ms, segment.start_ms), end_ms)
        periods = await self._kept.overlapping_any(places) if places else {}
        return [
            replace(one, kept=frozenset(kept_for(one.segment, periods.get(one.segment.camera_id, ()))))
            for one in recordings
        ]

    def place(self, cursor: str, cameras: Iterable[Camera]) -> tuple[int, int]:
        """The start and the camera's number a cursor stands for; `NotFound` when it is of none of the cameras."""
        camera_id, start_us = self._ids.open(cursor, self._city_id)
        if all(camera_id != camera.id for camera in cameras):
            raise NotFound(NONE_SUCH)
        return start_us, camera_id

    async def get(self, public_id: str) -> Recording:
        """`NotFound` for what is not there, was purged, or belongs to another city."""
        camera_id, start_us = self._ids.open(public_id, self._city_id)
        segment = await self._segments.get(camera_id, start_us)
        return Recording(public_id, await self._segments.camera_public_id(camera_id), segment)

    def _id_of(self, segment: Segment) -> str:
        return self._ids.seal(segment.city_id, segment.camera_id, segment.start_us)


async def earliest(
    reels: Mapping[int, AsyncIterator[Recording]], count: int, key: Callable[[Segment], int] = attrgetter("start_us")
) -> list[Recording]:
    """The first of several cameras together, by `key` and the camera's number, reading no further than needed.

    Each reel is in the order of `key`.
    """
    heads: list[tuple[int, int, Recording]] = []
    for number, reel in reels.items():
        if (first := await anext(reel, None)) is not None:
            heads.append((key(first.segment), number, first))
    heapify(heads)
    found: list[Recording] = []
    while heads and len(found) < count:
        _, number, one = heads[0]
        found.append(one)
        if len(found) == count:
            break
        if (following := await anext(reels[number], None)) is None:
            heappop(heads)
        else:
            heapreplace(heads, (key(following.segment), number, following))
    return found


def after_us(place: tuple[int, int] | None, camera: Camera) -> int:
    """Up to where a camera's recordings were before the place in the order of all."""
    if place is None:
        return -1
    start_us, camera_id = place
    return start_us if camera.id <= camera_id else start_us - 1


def chunk_of(limit: int, cameras: Collection[object]) -> int:
    """How many of one camera to read at once: of many cameras each has but few of a page."""
    return max(FEWEST, 2 * (limit + 1) // len(cameras)) if len(cameras) > 1 else limit + 1


def touches(segment: Segment, stretches: Iterable[Stretch]) -> bool:
    """Whether it has something of one of them."""
    end_us = segment.start_us + segment.duration_ms * 1000
    return any(end_us > start_ms * 1000 and segment.start_us < end_ms * 1000 for start_ms, end_ms in stretches)


def kept_for(segment: Segment, periods: Iterable[KeptPeriod]) -> Iterator[Keeping]:
    """Judged as the database judges it when something is to be deleted."""
    end_us = nominal_end_us(segment)
    for one in periods:
        if one.end_ms * 1000 > segment.start_us and one.start_ms * 1000 < end_us:
            yield one.keeping


def nominal_end_us(segment: Segment) -> int:
    """A file that does not say how long it plays may play for a day."""
    return segment.start_us + (segment.duration_ms or LONGEST_MS) * 1000
