"""What all WebSockets of the box have in common: who may open one, how many there are, and how each of them ends.

A WebSocket is driven by the one coroutine that answers its request; nothing runs beside it. `Socket.wait` sends what
was put into it and then listens to the other side, until its time is up or somebody calls `wake`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, WSMessage, WSMsgType, hdrs, web

from vmsd.api.door import caller_of
from vmsd.errors import Malformed, NotAllowed, NotFound, NotLoggedIn, TooMany, VmsdError

PING_EVERY_S = 20.0
"""A ping has half of this to be answered, so a peer that is gone is dropped within 30 s."""
MESSAGE_BYTES = 4096
"""The longest message that is read to its end."""
QUEUED = 256
"""So many messages may wait to be sent."""
BACKLOG_BYTES = 64 * 1024
"""So much of what was sent may wait in memory for a slow reader, beside `KERNEL_BYTES` in the kernel."""
KERNEL_BYTES = 64 * 1024
CLOSE_S = 1.0
"""How long a goodbye may take; the daemon's own end waits no longer."""


@dataclass(frozen=True)
class Ending:
    """Why a conversation is over: a word for programs, and the close code (RFC 6455, 7.4.1)."""

    reason: str
    code: int


LEFT = Ending("left", WSCloseCode.OK)
"""The other side has gone, or broken the protocol: it is told nothing any more."""
UNSUPPORTED = Ending("unsupported_message", WSCloseCode.UNSUPPORTED_DATA)
SLOW = Ending("slow_reader", WSCloseCode.TRY_AGAIN_LATER)
SHUTDOWN = Ending("shutdown", WSCloseCode.GOING_AWAY)
BROKEN = Ending("error", WSCloseCode.INTERNAL_ERROR)
REFUSALS: tuple[tuple[type[VmsdError], Ending], ...] = (
    (NotLoggedIn, Ending("logged_out", WSCloseCode.POLICY_VIOLATION)),
    (NotAllowed, Ending("not_allowed", WSCloseCode.POLICY_VIOLATION)),
    (NotFound, Ending("not_found", WSCloseCode.POLICY_VIOLATION)),
)
"""What errors mean in the middle of a conversation. What is gone and what may not be seen any more look alike."""


class Socket:
    """One open WebSocket, for the coroutine that serves it; `put`, `wake` and `end` may be called by anybody."""

    def __init__(self, response: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        self._response = response
        self._transport = transport
        self._queue: deque[str] = deque()
        self._listening: asyncio.Timeout | None = None
        self._woken = False
        self.ending: Ending | None = None

    def put(self, message: Mapping[str, Any]) -> None:
        """Have a message sent soon; with too many unsent the conversation is over."""
        if len(self._queue) >= QUEUED:
            self.end(SLOW)
            return
        self._queue.append(json.dumps(message, allow_nan=False))
        if self._listening is not None:
            self.wake()

    def hand_over(self, frames: bytes) -> bool:
        """Send whole frames that are ready, now; False, and nothing is sent, while the other side falls behind."""
        if self._transport.get_write_buffer_size() > BACKLOG_BYTES:
            return False
        if self.ending is None and not self._transport.is_closing():
            self._transport.write(frames)
        return True

    def wake(self) -> None:
        """Let `wait` return now, or at once when it is called next."""
        if self._listening is not None and not self._woken and not self._listening.expired():
            self._listening.reschedule(asyncio.get_running_loop().time())
        self._woken = True

    def end(self, ending: Ending) -> None:
        """The first reason counts."""
        self.ending = self.ending or ending
        self.wake()

    async def wait(self, seconds: float) -> bool:
        """Send what was put, then listen for `seconds` or until woken; False when the conversation is over."""
        await self._send()
        if self.ending is None:
            await self._listen(seconds)
        return self.ending is None

    async def _send(self) -> None:
        """Never waits: who does not read what was sent is left."""
        with self._noticing():
            while self._queue and not self._falls_behind():
                await self._response.send_str(self._queue.popleft())

    def _falls_behind(self) -> bool:
        if self._transport.get_write_buffer_size() > BACKLOG_BYTES:
            self.end(SLOW)
        return self.ending is SLOW

    async def _listen(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(0 if self._woken else seconds) as self._listening:
                while self.ending is None:
                    await self._take(await self._response.receive())
        except TimeoutError:
            return
        finally:
            self._listening, self._woken = None, False

    async def _take(self, message: WSMessage) -> None:
        """Answers to pings are sent as messages are, so that who asks and does not read is left, too."""
        if message.type is WSMsgType.PING:
            with self._noticing():
                if not self._falls_behind():
                    await self._response.pong(message.data)
        elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            self.end(UNSUPPORTED)
        elif message.type is not WSMsgType.PONG:
            self.end(LEFT)

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """That the other side has gone is no error."""
        try:
            yield
        except ConnectionError:
            self.end(LEFT)

    async def close(self, ending: Ending) -> None:
        """Say why and take leave, for the reason that came first; who does not take leave in time is cut off."""
        try:
            async with asyncio.timeout(CLOSE_S):
                with self._noticing():
                    await self._say_goodbye(self.ending or ending)
        except TimeoutError:
            return
        finally:
            self._cut()

    async def _say_goodbye(self, ending: Ending) -> None:
        if ending is LEFT:
            return
        if ending is not SLOW:
            self._queue.append(json.dumps({"type": "ended", "reason": ending.reason}))
            await self._send()
        await self._response.close(code=ending.code)

    def _cut(self) -> None:
        """Where no leave was taken, what is still unsent goes to nobody."""
        if self._response.close_code == WSCloseCode.ABNORMAL_CLOSURE or self._transport.get_write_buffer_size():
            self._transport.abort()


Talk = Callable[[Socket], Awaitable[Ending]]
"""What is said in a WebSocket: ends when `Socket.wait` was False, with a reason of its own, or with an error."""


class Sockets:
    """Those that are open; raises `TooMany` for one more than the box, or a person, may have."""

    def __init__(self, limit: int, limit_each: int) -> None:
        self._limit = limit
        self._limit_each = limit_each
        self._open: dict[Socket, int] = {}
        self._each: Counter[int] = Counter()
        self._closing = False

    def __len__(self) -> int:
        return len(self._open)

    def check_room(self, person_id: int) -> None:
        if self._closing or len(self._open) >= self._limit or self._each[person_id] >= self._limit_each:
            raise TooMany("too many WebSockets are open at once", retry_after_s=10)

    @contextmanager
    def holding(self, opened: Socket, person_id: int) -> Iterator[None]:
        """From before the handshake to after the goodbye."""
        self.check_room(person_id)
        self._open[opened] = person_id
        self._each[person_id] += 1
        try:
            yield
        finally:
            del self._open[opened]
            self._each[person_id] -= 1
            if not self._each[person_id]:
                del self._each[person_id]

    def end_all(self) -> None:
        """The daemon goes; each is told in its own coroutine."""
        self._closing = True
        for opened in tuple(self._open):
            opened.end(SHUTDOWN)


SOCKETS: web.AppKey[Sockets] = web.AppKey("sockets")


def add_sockets(app: web.Application, *, limit: int, limit_each: int) -> None:
    """Once per application, before it starts."""
    app[SOCKETS] = Sockets(limit, limit_each)
    app.on_shutdown.append(_end_all)


async def _end_all(app: web.Application) -> None:
    app[SOCKETS].end_all()


async def converse(request: web.Request, talk: Talk) -> web.WebSocketResponse:
    """Upgrade the request and `talk` until the end.

    Before the upgrade it raises `Malformed`, `NotAllowed`, `TooMany`, and 426 for what asks for no WebSocket.
    """
    response = _response_to(request)
    transport = request.transport
    if transport is None:
        raise ConnectionResetError
    opened = Socket(response, transport)
    with request.app[SOCKETS].holding(opened, caller_of(request).person.id):
        await response.prepare(request)
        _bound_kernel(transport)
        ending = BROKEN
        try:
            ending = await _ending_of(talk, opened)
        finally:
            await opened.close(ending)
    return response


async def _ending_of(talk: Talk, opened: Socket) -> Ending:
    try:
        return await talk(opened)
    except VmsdError as error:
        return next((ending for kind, ending in REFUSALS if isinstance(error, kind)), BROKEN)


def _response_to(request: web.Request) -> web.WebSocketResponse:
    """What is known to be wrong is said before aiohttp looks at the handshake, and logs what stands in it."""
    if hdrs.SEC_WEBSOCKET_PROTOCOL in request.headers:
        raise Malformed("this WebSocket has no subprotocols")
    response = web.WebSocketResponse(
        timeout=CLOSE_S,
        heartbeat=PING_EVERY_S,
        compress=False,
        autoping=False,
        max_msg_size=MESSAGE_BYTES,
        writer_limit=sys.maxsize,
    )
    if not response.can_prepare(request):
        headers = {hdrs.UPGRADE: "websocket", hdrs.CONNECTION: "Upgrade", hdrs.SEC_WEBSOCKET_VERSION: "13"}
        raise web.HTTPUpgradeRequired(headers=headers)
    refuse_other_origins(request)
    return response


def refuse_other_origins(request: web.Request) -> None:
    """Browsers let any page open a WebSocket to anybody, with the cookie: it must be a page of our own."""
    if caller_of(request).means != "session":
        return
    try:
        origin = urlsplit(request.headers.get(hdrs.ORIGIN, "")).netloc
    except ValueError:
        origin = ""
    if not origin or origin != request.headers.get(hdrs.HOST):
        raise NotAllowed("this WebSocket comes from another site")


def _bound_kernel(transport: asyncio.Transport) -> None:
    """So that a thousand who do not read hold megabytes of the kernel's memory, not gigabytes."""
    with suppress(OSError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
