"""Calls: who watches straight from MediaMTX, over WebRTC, where nobody asks again whether they may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from vmsd.errors import NotFound, TooMany
from vmsd.model.person import Caller


@dataclass(frozen=True)
class Call:
    """One WebRTC session. MediaMTX knows it by `media_id`; `secret` is the end of its address there.

    `token` and `session_id` are those of the viewing session it was opened with, if it was with one.
    """

    media_id: str
    secret: str = field(repr=False)
    path: str
    caller: Caller
    city_id: int
    camera_public_id: str
    token: str | None = field(default=None, repr=False)
    session_id: str = ""
    public_id: str = field(default_factory=lambda: str(uuid4()))


class Calls:
    """In memory: MediaMTX's sessions that are not in here belong to a daemon that is no more.

    `unsettled` is true while MediaMTX may have a session that nobody here knows.
    """

    def __init__(self, *, limit: int, limit_each: int) -> None:
        self._limit = limit
        self._limit_each = limit_each
        self._open: dict[str, Call] = {}
        self._opening: list[tuple[int, str]] = []
        self.unsettled = True

    def list(self) -> Sequence[Call]:
        return tuple(self._open.values())

    @contextmanager
    def opening(self, caller: Caller, path: str) -> Iterator[None]:
        """Around setting up a call to a path; `TooMany` when the box, or this person, has no room for another."""
        person_ids = [call.caller.person.id for call in self._open.values()]
        person_ids += [person_id for person_id, _ in self._opening]
        if len(person_ids) >= self._limit or person_ids.count(caller.person.id) >= self._limit_each:
            raise TooMany("too many cameras are being watched at once", retry_after_s=10)
        mark = caller.person.id, path
        self._opening.append(mark)
        self.unsettled = True
        try:
            yield
        finally:
            self._opening.remove(mark)

    def is_opening(self, path: str) -> bool:
        return any(opening == path for _, opening in self._opening)

    def add(self, call: Call) -> None:
        self._open[call.public_id] = call

    def get(self, public_id: str, caller: Caller, camera_public_id: str) -> Call:
        """A person's own call to this very camera; nobody else's is there."""
        call = self._open.get(public_id)
        if call is None or (call.caller.person.id, call.camera_public_id) != (caller.person.id, camera_public_id):
            raise NotFound("there is no such call, or it has ended")
        return call

    def remove(self, call: Call) -> None:
        self._open.pop(call.public_id, None)
