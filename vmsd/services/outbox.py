"""What goes out of the box: written together with what it tells of, so that neither stands without the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vmsd.store.database import Database
from vmsd.store.outbox import Backlog, find_backlog, find_wanted, put
from vmsd.store.scope import CityTransaction, Scope

Priority = Literal[1, 2, 3]
ALARM: Priority = 1
"""Goes out whatever happens; 2 is the usual, 3 what is the first to be only counted when there is no room."""


@dataclass(frozen=True)
class OutboxItem:
    """`camera_id` is the camera's number in its city."""

    topic: str
    body: Mapping[str, Any]
    priority: Priority = 2
    camera_id: int | None = None


class Outbox:
    """`on_news` wakes what delivers; it is called after commit, by `nudge`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wanted: dict[int, frozenset[str]] = {}
        self.on_news: Callable[[], object] = lambda: None

    async def put(self, transaction: CityTransaction, item: OutboxItem, now_ms: int) -> None:
        """Does nothing when no enabled destination of the city wants the topic."""
        wanted = self._wanted.get(transaction.city_id)
        if wanted is None:
            wanted = self._wanted[transaction.city_id] = await find_wanted(transaction)
        if item.topic in wanted:
            body = json.dumps(item.body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            priority, camera_id = item.priority, item.camera_id
            await put(transaction, item.topic, body, priority=priority, camera_id=camera_id, now_ms=now_ms)

    def nudge(self) -> None:
        """There is something new, and it is committed."""
        self.on_news()

    def forget(self, city_id: int) -> None:
        """Its destinations are being changed: to be called in that transaction, before its end."""
        self._wanted.pop(city_id, None)

    async def backlog(self, city_id: int) -> Backlog:
        return await find_backlog(Scope(self._database, city_id))
