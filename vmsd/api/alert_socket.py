"""`/ws/alerts`: a WebSocket that tells what happens as it happens: alerts, plates that were read, marks.

Each message is made once, as a frame, however many are told it; here it is only handed to the connection.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Annotated, Any, Literal
from uuid import UUID

from aiohttp import web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.bodies import Query, query_of
from vmsd.api.door import admit_again, caller_of
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.api.sockets import LEFT, QUEUED, Ending, Socket, converse
from vmsd.errors import NotFound
from vmsd.model.alert import LEVELS
from vmsd.model.city import City
from vmsd.pages.request import CITY
from vmsd.services.city_alerts import CountsAnswer
from vmsd.services.feed import Batch, View, encode, frame_of
from vmsd.services.streams import CHECKED_EVERY_S

BEHIND_S = 0.1
"""How often it is looked whether somebody who has fallen behind has caught up."""
RESYNC = frame_of(encode({"type": "resync"}))


class Watched(Query):
    token: str | None = Field(None, description="An API token, where headers cannot be sent.")
    city_id: UUID | None = Field(None, description="For a superadmin: this city's alone.")


class Hello(TypedDict):
    """Comes first."""

    type: Literal["hello"]
    counts: Annotated[CountsAnswer, Field(description="Of the alerts that are not closed.")]


@operation(name="watch_alerts", status=101, errors=(426,))
async def alert_socket(request: web.Request) -> web.WebSocketResponse:
    """A WebSocket of JSON messages: `hello` at first, then what happens in the caller's city as it happens.

    `alert` (with `event`: `raised`, `again`, `reminded`, `changed`, `closed`), `detection` and `mark`, of the cameras
    the caller may view. Who lacks the right to plates gets them without. To who reads too slowly what waits is
    dropped, and `resync` says so: then ask the lists again. It ends within 5 s when the caller may not come in any
    more (1008). It takes no messages (1003); everybody is left when the daemon stops (1001).
    """
    watching = _Watching(request, await _city(request))
    return await converse(request, watching.talk)


async def _city(request: web.Request) -> City | None:
    """None for a superadmin who names none: all cities."""
    named = query_of(request, Watched).city_id
    if CITY in request:
        own = request[CITY].city
        if named is not None and own.public_id != str(named):
            raise NotFound("there is no such city")
        return own
    return None if named is None else await request.app[SITE].cities.get(str(named))


class _Watching:
    """What one WebSocket is told."""

    def __init__(self, request: web.Request, city: City | None) -> None:
        self._request = request
        self._city = city
        self._site = request.app[SITE]

    async def talk(self, socket: Socket) -> Ending:
        outlet, greeted = Outlet(socket), False
        while socket.ending is None:
            view = self._view()
            with self._site.feed.listening(view, outlet.take):
                if not greeted:
                    hello: Hello = {"type": "hello", "counts": await self._counts()}
                    outlet.open(frame_of(encode(hello)))
                    greeted = True
                await self._listen(socket, outlet, view)
        return LEFT

    async def _listen(self, socket: Socket, outlet: Outlet, view: View) -> None:
        """Until the conversation is over, or what the caller may know has changed."""
        now_s = asyncio.get_running_loop().time
        checked_s = now_s() + CHECKED_EVERY_S
        while await socket.wait(BEHIND_S if outlet.behind else checked_s - now_s()):
            outlet.flush()
            if now_s() >= checked_s:
                await admit_again(self._request)
                checked_s = now_s() + CHECKED_EVERY_S
                if self._view() != view:
                    return

    def _view(self) -> View:
        caller = caller_of(self._request)
        return View.of(self._city.id if self._city else None, caller.rights, caller.role)

    async def _counts(self) -> CountsAnswer:
        cities = [self._city] if self._city else await self._site.cities.list(limit=500)
        caller = caller_of(self._request)
        counts = [await self._site.open_city(city, caller).alerts.counts() for city in cities]
        summed: dict[str, Any] = {
            name: sum(one[name] for one in counts) for name in ("new", "acknowledged", "on_hold", "mine")
        }
        loud = [one["loudest"] for one in counts if one["loudest"] is not None]
        return {**summed, "loudest": max(loud, key=LEVELS.index, default=None)}  # type: ignore[typeddict-item]


class Outlet:
    """What waits for one reader. With more than `QUEUED` messages all of them are dropped, and it is told so."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._waiting: deque[Batch] = deque()
        self._messages = 0
        self._opened = False
        self._lost = False

    @property
    def behind(self) -> bool:
        return self._lost or bool(self._waiting)

    def open(self, hello: bytes) -> None:
        """What happened since it listens comes after the greeting."""
        self._socket.hand_over(hello)
        self._opened = True
        self.flush()

    def take(self, batch: Batch) -> None:
        """Called by the feed."""
        if not self._lost:
            self._waiting.append(batch)
            self._messages += len(batch)
        self.flush()
        if self._messages > QUEUED:
            self._waiting.clear()
            self._messages, self._lost = 0, True
        if self.behind:
            self._socket.wake()

    def flush(self) -> None:
        """Hand over what the connection takes."""
        if self._opened and self._lost:
            self._lost = not self._socket.hand_over(RESYNC)
        while self._opened and not self._lost and self._waiting and self._socket.hand_over(self._waiting[0].frames):
            self._messages -= len(self._waiting.popleft())
