"""`/api/v1/streams/{session_id}/events`: a viewing session's WebSocket, which tells how the camera is doing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Annotated, Any, Literal

from aiohttp import WSCloseCode, web
from pydantic import Field
from typing_extensions import TypedDict

from vmsd.api.bodies import Query
from vmsd.api.door import STREAM, admit_again, caller_of, city_of, verb_of
from vmsd.api.operation import operation
from vmsd.api.site import SITE, Site
from vmsd.api.sockets import LEFT, Ending, Socket, converse
from vmsd.api.streams import stream_of
from vmsd.clock import rfc3339
from vmsd.errors import NotFound, NotLoggedIn
from vmsd.model.camera import Camera
from vmsd.model.shapes import Time
from vmsd.model.state import Cause, LiveState, State
from vmsd.services.answers import Age, Bitrate, Fps, Latency, Recording, Viewers
from vmsd.services.live_states import word_of
from vmsd.services.streams import CHECKED_EVERY_S, Stream

VIEWING_EVERY_S = 5.0
CLOSED = Ending("session_closed", WSCloseCode.OK)


class Token(Query):
    token: str | None = None


class StateMessage(TypedDict):
    """Comes first, and again whenever the state or its cause changes."""

    type: Literal["state"]
    state: State
    since: Time
    cause: Cause | None
    frame_age: Age | None


class ViewingMessage(TypedDict):
    """Comes every 5 s."""

    type: Literal["viewing"]
    viewers: Viewers
    bitrate: Bitrate | None
    fps: Fps | None
    latency: Latency | None


class SignalMessage(TypedDict):
    """What the camera is doing, at first and when it begins to."""

    type: Literal["online", "offline", "stalled"]
    time: Annotated[Time, Field(description="Since when.")]
    cause: Cause | None


class ViewerMessage(TypedDict):
    """How many watch the camera, at first and when one has come or gone."""

    type: Literal["viewer"]
    time: Time
    viewers: Viewers


class RecordingMessage(TypedDict):
    """Whether what it sends reaches the disk, at first and when that begins or ends."""

    type: Literal["recording"]
    time: Time
    recording: Recording


@operation(
    name="watch_stream_events",
    status=101,
    errors=(426,),
)
async def stream_events(request: web.Request) -> web.WebSocketResponse:
    """A WebSocket of JSON messages: `state` at first and at every change, `viewing` every 5 s, `ended` as the last.

    Besides, each at first and when it happens: `online`, `offline` or `stalled`, `viewer` when the number of those
    who watch has changed, `recording` when what is sent begins or ceases to reach the disk; all with their `time`.

    While it is open the viewing session lives on, whether or not anything is played. It ends within 5 s when the
    session is closed (code 1000) or its caller may not see the camera any more (1008). It takes no messages (1003);
    who does not read is left (1013), and so is everybody when the daemon stops (1001).
    """
    stream = _stream(request)
    camera = await city_of(request).cameras.get(stream.camera_public_id, verb_of(request))
    telling = _Telling(request.app[SITE], stream, camera, partial(_check_again, request, stream))
    if stream.caller.person.id == caller_of(request).person.id:
        telling.keep_alive()
    return await converse(request, telling.talk)


def _stream(request: web.Request) -> Stream:
    """A viewing token opens the events of its own session alone."""
    stream = stream_of(request)
    if STREAM in request and request[STREAM].session_id != stream.session_id:
        raise NotFound("there is no such viewing session")
    return stream


async def _check_again(request: web.Request, stream: Stream) -> None:
    """Raises `NotLoggedIn`, `NotAllowed` or `NotFound` when the caller would not be let in any more."""
    await admit_again(request)
    stream_of(request)
    await city_of(request).cameras.get(stream.camera_public_id, verb_of(request))


class _Telling:
    """What one WebSocket tells of one viewing session."""

    def __init__(self, site: Site, stream: Stream, camera: Camera, still_valid: Callable[[], Awaitable[None]]) -> None:
        self._site = site
        self._stream = stream
        self._camera = camera
        self._still_valid = still_valid
        self._keeps_alive = False
        self._told: object = None
        self._told_events: dict[str, object] = {}

    def keep_alive(self) -> None:
        """For whoever opened the viewing session; somebody else who looks on prolongs nothing."""
        self._keeps_alive = True

    async def talk(self, socket: Socket) -> Ending:
        with self._site.states.listening(self._camera, socket.wake):
            return await self._talk(socket)

    async def _talk(self, socket: Socket) -> Ending:
        now_s = asyncio.get_running_loop().time
        checked_s, viewing_s, pause_s = now_s() + CHECKED_EVERY_S, now_s(), 0.0
        while await socket.wait(pause_s):
            if not self._is_open():
                return CLOSED
            if now_s() >= checked_s:
                await self._still_valid()
                checked_s = now_s() + CHECKED_EVERY_S
            self._put_state(socket)
            if now_s() >= viewing_s:
                socket.put(self._viewing())
                viewing_s = now_s() + VIEWING_EVERY_S
            self._put_events(socket)
            pause_s = min(checked_s, viewing_s) - now_s()
        return LEFT

    def _is_open(self) -> bool:
        streams, stream = self._site.streams, self._stream
        try:
            if self._keeps_alive:
                streams.use(stream.token)
            else:
                streams.get(stream.city_id, stream.session_id)
        except (NotLoggedIn, NotFound):
            return False
        return True

    def _put_state(self, socket: Socket) -> None:
        word = word_of(self._site.states.of(self._camera))
        if word != self._told:
            self._told = word
            socket.put(self._state())

    def _put_events(self, socket: Socket) -> None:
        """Those whose word has changed; a cause that becomes known is no new outage."""
        state = self._site.states.of(self._camera)
        signal = self._signal(state)
        if signal is not None:
            self._put_changed(socket, "signal", (state.state, state.since_ms), signal)
        viewers, recording = self._site.facts.viewers(self._camera), self._site.facts.recording(self._camera)
        now = rfc3339(self._site.clock.wall_ms())
        viewer: ViewerMessage = {"type": "viewer", "time": now, "viewers": viewers}
        self._put_changed(socket, "viewer", viewers, viewer)
        written: RecordingMessage = {"type": "recording", "time": now, "recording": recording}
        self._put_changed(socket, "recording", recording, written)

    def _put_changed(self, socket: Socket, kind: str, word: object, message: Mapping[str, Any]) -> None:
        if self._told_events.get(kind) != word:
            self._told_events[kind] = word
            socket.put(message)

    def _signal(self, state: LiveState) -> SignalMessage | None:
        time = rfc3339(state.since_ms)
        if state.state is State.ONLINE:
            return {"type": "online", "time": time, "cause": None}
        if state.state is State.OFFLINE:
            return {"type": "offline", "time": time, "cause": state.cause}
        if state.state is State.STALLED:
            return {"type": "stalled", "time": time, "cause": state.cause}
        return None

    def _state(self) -> StateMessage:
        status = self._site.overview.status(self._camera)
        return {
            "type": "state",
            "state": status["state"],
            "since": status["since"],
            "cause": status["cause"],
            "frame_age": status["last_frame_age"],
        }

    def _viewing(self) -> ViewingMessage:
        metrics = self._site.overview.stream_metrics(self._camera)
        return {"type": "viewing", **metrics}
