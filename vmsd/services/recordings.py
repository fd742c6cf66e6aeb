"""The recordings of one city: found by camera and period, named by ids that tell nothing."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from vmsd.errors import NotFound
from vmsd.model.camera import Camera
from vmsd.model.segment import Segment
from vmsd.store.scope import Scope
from vmsd.store.segments import Segments

_PLACE = struct.Struct(">IIq")
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
    """A segment as the outside knows it."""

    id: str
    camera_public_id: str
    segment: Segment

    def path(self, recordings_dir: Path, city_public_id: str) -> Path:
        return recordings_dir / city_public_id / self.camera_public_id / self.segment.file_name


@dataclass(frozen=True)
class Page:
    """`next` is the cursor of the page after this one; None when this is the last."""

    items: Sequence[Recording]
    next: str | None


class CityRecordings:
    """What may be asked of them by a caller of the city."""

    def __init__(self, scope: Scope, ids: SegmentIds) -> None:
        self._city_id = scope.city_id
        self._segments = Segments(scope)
        self._ids = ids

    async def list(
        self, camera: Camera, start_ms: int, end_ms: int, *, after: str | None = None, limit: int = 50
    ) -> Page:
        """What has something of the period, oldest first; `after` is the `next` of the page before."""
        after_us = -1 if after is None else self._after_us(after, camera)
        found = await self._segments.list(camera.id, start_ms * 1000, end_ms * 1000, after_us=after_us, limit=limit + 1)
        items = [self._recording(segment, camera.public_id) for segment in found[:limit]]
        return Page(items, items[-1].id if len(found) > limit else None)

    async def get(self, public_id: str) -> Recording:
        """`NotFound` for what is not there, was purged, or belongs to another city."""
        camera_id, start_us = self._ids.open(public_id, self._city_id)
        segment = await self._segments.get(camera_id, start_us)
        return Recording(public_id, await self._segments.camera_public_id(camera_id), segment)

    def _after_us(self, after: str, camera: Camera) -> int:
        camera_id, start_us = self._ids.open(after, self._city_id)
        if camera_id != camera.id:
            raise NotFound(NONE_SUCH)
        return start_us

    def _recording(self, segment: Segment, camera_public_id: str) -> Recording:
        public_id = self._ids.seal(segment.city_id, segment.camera_id, segment.start_us)
        return Recording(public_id, camera_public_id, segment)
