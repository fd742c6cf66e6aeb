"""News as it happens: told to everybody who listens and may know it, each text made once however many they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

from vmsd.model.person import Rights, Role, Verb

TOGETHER_S = 0.005
"""News that follow each other faster than this are handed over together; the first of them goes out at once."""
_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_TEXT = 0x81
"""A whole text message in one frame (RFC 6455, 5.2)."""


class Placed(Protocol):
    """A camera, as far as rights go."""

    @property
    def id(self) -> int: ...

    @property
    def group_id(self) -> int | None: ...


@dataclass(frozen=True)
class News:
    """One thing that happened, after it was stored.

    With a `camera` it is for who may VIEW it; with `masked`, that is what they get who lack PLATES there. `audience`
    is the least role it concerns.
    """

    city_id: int
    body: Mapping[str, Any]
    camera: Placed | None = None
    masked: Mapping[str, Any] | None = None
    audience: Role = Role.USER


@dataclass(frozen=True)
class View:
    """What a listener may know; those with the same are told the same. `city_id` None is every city.

    `seen` and `plates` are the camera groups they may VIEW, and whose plates they may read; None is all of them.
    With `cameras` it goes for these alone.
    """

    city_id: int | None
    seen: frozenset[int] | None
    plates: frozenset[int] | None
    role: Role
    cameras: frozenset[int] | None = None

    @classmethod
    def of(cls, city_id: int | None, rights: Rights, role: Role) -> View:
        seen, plates = (replace(rights, cameras=None).groups_with({verb}) for verb in (Verb.VIEW, Verb.PLATES))
        return cls(city_id, seen, plates, role, rights.cameras)

    def body_of(self, news: News) -> Mapping[str, Any] | None:
        """What of these news is for them; None when nothing is."""
        if self.city_id not in (None, news.city_id) or not self.role.reaches(news.audience):
            return None
        if news.camera is None:
            return news.body if self.cameras is None else None
        if not self._holds(self.seen, news.camera):
            return None
        return news.body if news.masked is None or self._holds(self.plates, news.camera) else news.masked

    def _holds(self, groups: frozenset[int] | None, camera: Placed) -> bool:
        return (groups is None or camera.group_id in groups) and (self.cameras is None or camera.id in self.cameras)


@dataclass(frozen=True)
class Batch:
    """Messages in the order they happened, as JSON; the same object for everybody who is told them."""

    messages: tuple[bytes, ...]

    @cached_property
    def frames(self) -> bytes:
        """As they go over a WebSocket, from the server."""
        return b"".join(map(frame_of, self.messages))

    def __len__(self) -> int:
        return len(self.messages)


def frame_of(message: bytes) -> bytes:
    """One text message for a WebSocket, unmasked and not compressed."""
    size = len(message)
    if size < 126:  # noqa: PLR2004 - RFC 6455, 5.2
        head = bytes((_TEXT, size))
    elif size < 1 << 16:
        head = bytes((_TEXT, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((_TEXT, 127)) + size.to_bytes(8, "big")
    return head + message


def encode(body: Mapping[str, Any]) -> bytes:
    return _JSON.encode(body).encode()


Listener = Callable[[Batch], None]
"""Called in the loop; must not wait, and not raise."""


@dataclass
class _Audience:
    listeners: list[Listener] = field(default_factory=list)
    waiting: list[bytes] = field(default_factory=list)


class Feed:
    def __init__(self, together_s: float = TOGETHER_S) -> None:
        self._audiences: dict[View, _Audience] = {}
        self._together_s = together_s
        self._handed_over_s = 0.0
        self._planned: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return sum(len(one.listeners) for one in self._audiences.values())

    def publish(self, news: News) -> None:
        """Tell everybody who may know, soon; after what happened is stored. Never waits."""
        encoded: dict[int, bytes] = {}
        for view, audience in self._audiences.items():
            body = view.body_of(news)
            if body is not None:
                if id(body) not in encoded:
                    encoded[id(body)] = encode(body)
                audience.waiting.append(encoded[id(body)])
        if encoded:
            self._plan()

    def _plan(self) -> None:
        if self._planned is None:
            loop = asyncio.get_running_loop()
            at_s = max(loop.time(), self._handed_over_s + self._together_s)
            self._planned = loop.call_at(at_s, self._hand_over)

    def _hand_over(self) -> None:
        self._planned = None
        self._handed_over_s = asyncio.get_running_loop().time()
        for audience in tuple(self._audiences.values()):
            if audience.waiting:
                batch, audience.waiting = Batch(tuple(audience.waiting)), []
                for listener in tuple(audience.listeners):
                    listener(batch)

    @contextmanager
    def listening(self, view: View, listener: Listener) -> Iterator[None]:
        """Within this block `listener` is handed everything that whoever has this view may know."""
        audience = self._audiences.setdefault(view, _Audience())
        audience.listeners.append(listener)
        try:
            yield
        finally:
            audience.listeners.remove(listener)
            if not audience.listeners:
                self._audiences.pop(view, None)
