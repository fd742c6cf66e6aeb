"""A camera that does not exist: live generated video behind a real RTSP door, for demos and tests."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import sys
from dataclasses import dataclass, replace
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, get_args
from urllib.parse import quote
from zoneinfo import ZoneInfo

from vmsd.clock import SystemClock
from vmsd.demo.camera_auth import Gate, Scheme
from vmsd.demo.camera_encoder import Audio, Codec, VideoSpec
from vmsd.demo.camera_rtsp import Connection
from vmsd.demo.camera_stream import Fault, Stream, StreamSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmsd.clock import Clock
    from vmsd.demo.camera_stream import Burst

_SUB = re.compile(r"(\d+)x(\d+)@(\d+(?:\.\d+)?)")
_RETURN_TRIES = 50


@dataclass(frozen=True)
class Outages:
    """A camera that goes dark by itself, again and again, and returns on the same port."""

    every_s: float
    for_s: float


@dataclass(frozen=True)
class CameraSpec:
    name: str = "Camera"
    streams: tuple[StreamSpec, ...] = (StreamSpec(),)
    username: str | None = None
    password: str | None = None
    schemes: tuple[Scheme, ...] = ("md5", "basic")
    fault: Fault = "none"
    outages: Outages | None = None
    zone: str = "UTC"  # of the clock in the picture


class Camera:
    """Serves `spec` on host:port between `start` and `stop`; both must run on one event loop."""

    def __init__(
        self,
        spec: CameraSpec,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self.spec, self.host, self.port = spec, host, port
        self._clock = clock or SystemClock()
        self._streams: dict[str, Stream] = {}
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._idle = asyncio.Event()
        self._ended = Event()
        self._outages: Thread | None = None

    def url(self, stream: int = 0) -> str:
        """With the credentials, as it is given to a recorder."""
        user = ""
        if self.spec.username is not None:
            user = f"{quote(self.spec.username, safe='')}:{quote(self.spec.password or '', safe='')}@"
        return f"rtsp://{user}{self.host}:{self.port}{self.spec.streams[stream].path}"

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        zone = ZoneInfo(self.spec.zone)
        for spec in self.spec.streams:
            faulty = replace(spec, fault=self.spec.fault)
            self._streams[spec.path.rstrip("/")] = Stream(faulty, self.spec.name, self._clock, zone=zone)
        await self.come_back()
        for stream in self._streams.values():
            stream.start(partial(self._is_wanted, stream), partial(self._hand_over, loop, stream))
        if self.spec.outages:
            self._outages = Thread(target=self._flap, args=(self.spec.outages, loop), daemon=True)
            self._outages.start()

    async def stop(self) -> None:
        self._ended.set()
        await asyncio.to_thread(self._end_threads)
        await self.go_dark()

    async def go_dark(self) -> None:
        """As when its cable is pulled: no listener, no connection; the port is remembered."""
        if self._server:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        for connection in tuple(self._connections):
            connection.abort()
        if self._connections:
            await self._idle.wait()

    async def come_back(self) -> None:
        """Listen again, on the same port as before; OSError when somebody else took it."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, self.host, self.port, limit=1 << 16)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gate = Gate(self.spec.username, self.spec.password, self.spec.schemes)
        connection = Connection(reader, writer, self._streams.get, gate)
        self._connections.add(connection)
        self._idle.clear()
        try:
            await (connection.swallow() if self.spec.fault == "silent" else connection.serve())
        finally:
            self._connections.discard(connection)
            writer.close()
            if not self._connections:
                self._idle.set()

    def _is_wanted(self, stream: Stream) -> bool:
        return any(connection.playing is stream for connection in tuple(self._connections))

    def _hand_over(self, loop: asyncio.AbstractEventLoop, stream: Stream, burst: Burst) -> None:
        loop.call_soon_threadsafe(self._fan_out, stream, burst)

    def _fan_out(self, stream: Stream, burst: Burst) -> None:
        for connection in tuple(self._connections):
            if connection.playing is stream:
                connection.carry(burst)

    def _flap(self, outages: Outages, loop: asyncio.AbstractEventLoop) -> None:
        while not self._ended.wait(outages.every_s):
            asyncio.run_coroutine_threadsafe(self.go_dark(), loop).result()
            for _ in range(_RETURN_TRIES):
                if self._ended.wait(outages.for_s):
                    return
                try:
                    asyncio.run_coroutine_threadsafe(self.come_back(), loop).result()
                except OSError:
                    continue
                break

    def _end_threads(self) -> None:
        for stream in self._streams.values():
            stream.stop()
        if self._outages:
            self._outages.join()


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


def _sub(text: str) -> VideoSpec:
    if not (found := _SUB.fullmatch(text)):
        raise argparse.ArgumentTypeError("a substream is written 320x180@10")
    return VideoSpec(int(found[1]), int(found[2]), float(found[3]))


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m vmsd.demo.camera", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--name", default="Camera")
    parser.add_argument("--path", default="/live")
    parser.add_argument("--size", type=_size, default=(320, 240))
    parser.add_argument("--fps", type=float, default=10)
    parser.add_argument("--gop-s", type=float, default=1)
    parser.add_argument("--sub", type=_sub, help="a second stream at /sub, for example 320x180@10")
    parser.add_argument("--username")
    parser.add_argument("--password")
    parser.add_argument("--audio", choices=get_args(Audio), default="none")
    parser.add_argument("--codec", choices=get_args(Codec), default="h264")
    parser.add_argument("--b-frames", type=int, default=0)
    parser.add_argument("--bitrate-k", type=int, help="constant; without it, what the pictures need")
    parser.add_argument("--drop-every-s", type=float)
    parser.add_argument("--drop-for-s", type=float, default=15)
    parser.add_argument("--fault", choices=get_args(Fault), default="none")
    parser.add_argument("--zone", default="UTC", help="time zone of the clock in the picture")
    return parser.parse_args(argv)


def _spec(args: argparse.Namespace) -> CameraSpec:
    width, height = args.size
    main = VideoSpec(width, height, args.fps, args.gop_s, args.codec, args.b_frames, args.bitrate_k)
    streams = [StreamSpec(args.path, main, args.audio)]
    if args.sub:
        streams.append(StreamSpec("/sub", replace(args.sub, gop_s=args.gop_s, codec=args.codec), args.audio))
    return CameraSpec(
        name=args.name,
        streams=tuple(streams),
        username=args.username,
        password=args.password,
        fault=args.fault,
        outages=Outages(args.drop_every_s, args.drop_for_s) if args.drop_every_s else None,
        zone=args.zone,
    )


async def _run(args: argparse.Namespace) -> None:
    camera, ended = Camera(_spec(args), host=args.host, port=args.port), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await camera.start()
    urls = {"url": camera.url(0), "sub_url": camera.url(1) if args.sub else None}
    sys.stdout.write(json.dumps(urls) + "\n")
    sys.stdout.flush()
    await ended.wait()
    await camera.stop()


def main(argv: Sequence[str] | None = None) -> None:
    asyncio.run(_run(_arguments(argv)))


if __name__ == "__main__":
    main()
