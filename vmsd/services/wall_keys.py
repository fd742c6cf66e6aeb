"""Who is calling with the key of a wall: somebody who may view the cameras of one mosaic, and nothing else."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from vmsd.clock import Clock
from vmsd.errors import NotLoggedIn, StorageFull
from vmsd.model.person import Caller, Person, Rights, Role, Seat, Verb
from vmsd.store.database import Database
from vmsd.store.walls import WallKeys as Rows
from vmsd.store.walls import WallSight

WALL_PREFIX = "vmsdw_"
TOUCH_EVERY_MS = 60_000
_CITY = 1 << 32


def hash_key(key: str) -> bytes:
    """What is stored of a key, as of a token: 256 random bits need no more."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


class WallKeys:
    """A key never expires; it counts until its wall, or the mosaic that shows, is removed."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._rows = Rows(database)
        self._clock = clock

    async def knows(self, key: str) -> bool:
        return key.startswith(WALL_PREFIX) and await self._rows.find(hash_key(key)) is not None

    async def caller_of(self, key: str, address: str = "") -> Caller:
        """Raises `NotLoggedIn` for a key that is nobody's, or no longer."""
        return await self._caller(hash_key(key), address)

    async def check_still_valid(self, seat: Seat, address: str) -> Caller:
        """The wall as it is now, with the cameras its mosaic has now; raises as `caller_of`."""
        return await self._caller(seat.key_hash, address)

    async def _caller(self, key_hash: bytes, address: str) -> Caller:
        sight = await self._rows.find(key_hash)
        if sight is None:
            raise NotLoggedIn("this wall has been revoked, or its key is wrong")
        await self._note_use(sight)
        return Caller(_person_of(sight), "wall", address, seat=Seat(key_hash, sight.mosaic_id))

    async def _note_use(self, sight: WallSight) -> None:
        """Written at most once a minute; a disk that is full keeps no wall dark."""
        now_ms, last_ms = self._clock.wall_ms(), sight.last_seen_ms
        if last_ms is None or abs(now_ms - last_ms) >= TOUCH_EVERY_MS:
            with suppress(StorageFull):
                await self._rows.touch(sight, now_ms)


def _person_of(sight: WallSight) -> Person:
    """Nobody of flesh: the wall's own id and name, and a number no person has, so that limits count each by itself."""
    return Person(
        id=-(sight.city_id * _CITY + sight.id),
        public_id=sight.public_id,
        city_id=sight.city_id,
        name=sight.name,
        role=Role.USER,
        password_hash="",
        rights=Rights(frozenset({Verb.VIEW}), cameras=sight.camera_ids),
    )
