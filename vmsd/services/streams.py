"""Viewing sessions: who watches which camera, each with a short-lived token bound to that camera."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, replace
from uuid import uuid4

from vmsd.clock import Clock
from vmsd.errors import NotFound, NotLoggedIn, TooMany
from vmsd.model.person import Caller
from vmsd.services.accounts import hash_token


@dataclass(frozen=True)
class Stream:
    """`expires_ms` moves on while the player keeps asking; a player that stops loses its token.

    The times are monotonic milliseconds for the deadline and wall time for people.
    """

    session_id: str
    city_id: int
    camera_id: int
    camera_public_id: str
    caller: Caller
    token_hash: bytes
    created_ms: int
    seen_s: float


@dataclass(frozen=True)
class Opened:
    stream: Stream
    token: str


class Streams:
    """In memory on purpose: a player whose token is gone asks for a new one."""

    def __init__(self, clock: Clock, *, viewing_s: int, limit: int) -> None:
        self._clock = clock
        self.viewing_s = viewing_s
        self._limit = limit
        self._by_token: OrderedDict[bytes, Stream] = OrderedDict()

    def open(self, caller: Caller, city_id: int, camera_id: int, camera_public_id: str) -> Opened:
        """A new viewing session; `TooMany` when the box has no room for another."""
        self._forget_expired()
        if len(self._by_token) >= self._limit:
            raise TooMany("too many people are watching", retry_after_s=10)
        token = secrets.token_urlsafe(32)
        stream = Stream(
            session_id=str(uuid4()),
            city_id=city_id,
            camera_id=camera_id,
            camera_public_id=camera_public_id,
            caller=caller,
            token_hash=hash_token(token),
            created_ms=self._clock.wall_ms(),
            seen_s=self._clock.monotonic(),
        )
        self._by_token[stream.token_hash] = stream
        return Opened(stream, token)

    def renew(self, stream: Stream) -> Opened:
        """The same session under a new token."""
        self.close(stream)
        token = secrets.token_urlsafe(32)
        renewed = replace(stream, token_hash=hash_token(token), seen_s=self._clock.monotonic())
        self._by_token[renewed.token_hash] = renewed
        return Opened(renewed, token)

    def use(self, token: str) -> Stream:
        """The session of a viewing token, whose life this prolongs."""
        token_hash = hash_token(token)
        stream = self._by_token.get(token_hash)
        if stream is None or self._expired(stream):
            raise NotLoggedIn("this viewing token is not valid any more")
        stream = replace(stream, seen_s=self._clock.monotonic())
        self._by_token[token_hash] = stream
        self._by_token.move_to_end(token_hash)
        return stream

    def list(self, city_id: int) -> list[Stream]:
        self._forget_expired()
        return [stream for stream in self._by_token.values() if stream.city_id == city_id]

    def get(self, city_id: int, session_id: str) -> Stream:
        for stream in self.list(city_id):
            if stream.session_id == session_id:
                return stream
        raise NotFound("there is no such viewing session")

    def close(self, stream: Stream) -> None:
        self._by_token.pop(stream.token_hash, None)

    def viewers(self, city_id: int, camera_id: int) -> int:
        return sum(stream.camera_id == camera_id for stream in self.list(city_id))

    def expires_ms(self, stream: Stream) -> int:
        """Wall time at which the token ends unless it is used again."""
        left_s = self.viewing_s - (self._clock.monotonic() - stream.seen_s)
        return self._clock.wall_ms() + round(left_s * 1000)

    def _expired(self, stream: Stream) -> bool:
        return self._clock.monotonic() - stream.seen_s > self.viewing_s

    def _forget_expired(self) -> None:
        while self._by_token:
            token_hash, stream = next(iter(self._by_token.items()))
            if not self._expired(stream):
                return
            del self._by_token[token_hash]
