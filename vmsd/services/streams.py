"""Viewing sessions: who watches which camera, each with a short-lived token bound to that camera."""

from __future__ import annotations

import secrets
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from vmsd.clock import Clock
from vmsd.errors import NotFound, NotLoggedIn, TooMany
from vmsd.model.person import Caller
from vmsd.services.accounts import hash_token

CHECKED_EVERY_S = 3.0
"""How often it is asked again whether what a viewing session was opened with still counts.

A right that was taken away ends a running player within 5 s; in between a segment costs no look at the store.
"""

GRACE_S = 10.0
"""How long a viewing session lasts when its call has ended and nothing else is asked for with it."""

COUNTED_EVERY_S = 1.0
"""How old the number of viewers may be that somebody is told; one who comes or goes is counted at once."""


@dataclass(frozen=True)
class Paths:
    """What a camera's streams are called in MediaMTX; `live` is the substream where it has one."""

    live: str
    main: str


@dataclass(frozen=True)
class Stream:
    """Lives on while the player keeps asking; a player that stops loses its token.

    `created_ms` is wall time, for people; `seen_s` and `checked_s` are monotonic. `paths` are known between a
    request that was looked into and the next check.
    """

    session_id: str
    city_id: int
    camera_id: int
    camera_public_id: str
    caller: Caller
    token: str = field(repr=False)
    created_ms: int
    seen_s: float
    checked_s: float
    paths: Paths | None = None

    @property
    def place(self) -> str:
        """Where it stands in lists: a cursor that outlives the session itself."""
        return f"{self.created_ms:015d}.{self.session_id}"


class Streams:
    """In memory on purpose: a player whose token is gone asks for a new one.

    Found by the token's hash, so that the time a look-up takes tells nothing of the tokens there are.
    """

    def __init__(self, clock: Clock, *, viewing_s: int, limit: int, limit_each: int) -> None:
        self._clock = clock
        self.viewing_s = viewing_s
        self._limit = limit
        self._limit_each = limit_each
        self._by_token: OrderedDict[bytes, Stream] = OrderedDict()
        self._counted: tuple[float, Counter[tuple[int, int]]] | None = None

    def open(self, caller: Caller, city_id: int, camera_id: int, camera_public_id: str) -> Stream:
        """A new viewing session; `TooMany` when the box, or this person, has no room for another."""
        self._forget_expired()
        own = sum(stream.caller.person.id == caller.person.id for stream in self._by_token.values())
        if len(self._by_token) >= self._limit or own >= self._limit_each:
            raise TooMany("too many cameras are being watched at once", retry_after_s=10)
        now_s = self._clock.monotonic()
        stream = Stream(
            session_id=str(uuid4()),
            city_id=city_id,
            camera_id=camera_id,
            camera_public_id=camera_public_id,
            caller=caller,
            token=secrets.token_urlsafe(32),
            created_ms=self._clock.wall_ms(),
            seen_s=now_s,
            checked_s=now_s,
        )
        self._by_token[hash_token(stream.token)] = stream
        self._counted = None
        return stream

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

    def must_be_checked(self, stream: Stream) -> bool:
        """Whether the caller's right to watch has to be looked at again now."""
        return self._clock.monotonic() - stream.checked_s > CHECKED_EVERY_S

    def note_checked(self, stream: Stream, caller: Caller) -> Stream:
        """The caller, as they are now, still counts; whether they may see the camera is asked by the request itself."""
        return self._replace(replace(stream, caller=caller, checked_s=self._clock.monotonic(), paths=None))

    def note_paths(self, stream: Stream, paths: Paths) -> None:
        self._replace(replace(stream, paths=paths))

    def _replace(self, stream: Stream) -> Stream:
        token_hash = hash_token(stream.token)
        if token_hash in self._by_token:
            self._by_token[token_hash] = stream
        return stream

    def list(self, city_id: int, *, after: str = "") -> Sequence[Stream]:
        """Oldest first; `after` is the `place` the last page ended with."""
        self._forget_expired()
        own = [stream for stream in self._by_token.values() if stream.city_id == city_id]
        return sorted((one for one in own if one.place > after), key=lambda one: one.place)

    def get(self, city_id: int, session_id: str) -> Stream:
        for stream in self.list(city_id):
            if stream.session_id == session_id:
                return stream
        raise NotFound("there is no such viewing session")

    def close(self, stream: Stream) -> None:
        self._by_token.pop(hash_token(stream.token), None)
        self._counted = None

    def let_go(self, token: str) -> None:
        """Nobody watches by this token any more; it goes on for a moment, for a player that tries another way."""
        token_hash = hash_token(token)
        stream = self._by_token.get(token_hash)
        if stream is not None:
            left_s = self._clock.monotonic() - self.viewing_s + GRACE_S
            self._by_token[token_hash] = replace(stream, seen_s=min(stream.seen_s, left_s))

    def close_of(self, caller: Caller, *, everywhere: bool = False) -> None:
        """All that was opened in the caller's login session or with their token, or `everywhere` by this person."""
        proof = (caller.session_hash, caller.token_hash)
        for stream in tuple(self._by_token.values()):
            same_person = stream.caller.person.id == caller.person.id
            if same_person and (everywhere or (stream.caller.session_hash, stream.caller.token_hash) == proof):
                self.close(stream)

    def viewers(self, city_id: int, camera_id: int) -> int:
        """How many sessions of this camera are open: asked for again and again, so counted once a second."""
        now_s = self._clock.monotonic()
        if self._counted is None or now_s - self._counted[0] >= COUNTED_EVERY_S:
            self._forget_expired()
            each = Counter((stream.city_id, stream.camera_id) for stream in self._by_token.values())
            self._counted = now_s, each
        return self._counted[1][city_id, camera_id]

    def expires_ms(self, stream: Stream) -> int:
        """Wall time at which the token ends unless it is used again."""
        left_s = self.viewing_s - (self._clock.monotonic() - stream.seen_s)
        return self._clock.wall_ms() + round(left_s * 1000)

    def _expired(self, stream: Stream) -> bool:
        return self._clock.monotonic() - stream.seen_s > self.viewing_s

    def _forget_expired(self) -> None:
        for token_hash in [token_hash for token_hash, stream in self._by_token.items() if self._expired(stream)]:
            del self._by_token[token_hash]
