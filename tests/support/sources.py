"""Cameras that speak something else than RTSP, and the tunnels to those that are far away."""

from __future__ import annotations

import asyncio
import base64
import secrets
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import psutil
import pytest
from aiohttp import web

from tests.support.processes import Process, until

GENERATED = (
    "ffmpeg", "-nostdin", "-v", "warning", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=10",
    "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "10",
)  # fmt: skip
HLS = ("-f", "hls", "-hls_time", "1", "-hls_list_size", "6", "-hls_flags", "delete_segments")
TUNNEL = """
import sys, time
print(sys.argv[1], flush=True)
while True:
    time.sleep(3600)
"""


def tunnel_to(url: str) -> list[str]:
    """A tunnel command that says where the camera is and stays."""
    return [sys.executable, "-c", TUNNEL, url]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def generated(folder: Path, *output: object) -> AsyncIterator[Process]:
    """A generated H.264 camera that sends, serves or writes as ffmpeg's `output` says."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg, which plays these cameras, is not installed")
    process = await Process.start(*GENERATED, *output, log=folder / f"ffmpeg-{secrets.token_hex(4)}.log")
    try:
        yield process
    finally:
        if process.running:
            await process.end(9)


@asynccontextmanager
async def pushing(folder: Path, url: str) -> AsyncIterator[Process]:
    async with generated(folder, "-f", "flv", url) as process:
        yield process


@asynccontextmanager
async def serving_rtmp(folder: Path) -> AsyncIterator[str]:
    """An RTMP camera that answers one caller; its address."""
    url = f"rtmp://127.0.0.1:{free_port()}/live/cam"
    async with generated(folder, "-f", "flv", "-listen", "1", url):
        yield url


PLAYABLE_SEGMENTS = 3
"""MediaMTX's HLS client waits for ever on a live playlist it first meets with fewer."""


@asynccontextmanager
async def serving_hls(folder: Path) -> AsyncIterator[str]:
    """A camera, or another recorder, that offers HLS; the address of its playlist."""
    files = folder / "camera-hls"
    files.mkdir()
    app = web.Application()
    app.router.add_static("/", files)
    playlist = files / "index.m3u8"

    async def long_enough() -> bool:
        return playlist.exists() and playlist.read_text("utf-8").count("#EXTINF") >= PLAYABLE_SEGMENTS

    async with generated(folder, *HLS, playlist), serving(app) as origin:
        await until(long_enough, 20, "the playlist is long enough")
        yield f"{origin}/index.m3u8"


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(talk: Talk, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A listener of its own kind; its port. Whoever is still connected in the end is let go."""
    connected: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.add(writer)
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in connected:
            writer.transport.abort()
        await asyncio.sleep(0)


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """`app` on a free port of loopback; its origin."""
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class PictureCamera:
    """`/video.mjpg` and `/still.jpg` of generated pictures; `/broken.mjpg` mixes garbage in; with a password or not.

    `/huge.jpg` claims to be enormous, and `/silent` never answers.
    """

    def __init__(self, password: str | None = None, fps: float = 8) -> None:
        self.password = password
        self._fps = fps
        self.asked = 0
        self.app = web.Application(middlewares=[self._check])
        self.app.router.add_get("/video.mjpg", self._video)
        self.app.router.add_get("/broken.mjpg", self._video)
        self.app.router.add_get("/still.jpg", self._still)
        self.app.router.add_get("/huge.jpg", self._huge)
        self.app.router.add_get("/silent", self._silent)
        self.app.router.add_get("/page.html", self._page)

    @web.middleware
    async def _check(self, request: web.Request, handler: object) -> web.StreamResponse:
        self.asked += 1
        login = base64.b64encode(f"admin:{self.password}".encode()).decode()
        if self.password is not None and request.headers.get("Authorization") != f"Basic {login}":
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="camera"'})
        answer: web.StreamResponse = await handler(request)  # type: ignore[operator]
        return answer

    async def _video(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace; boundary=frame"})
        await answer.prepare(request)
        number, password = 0, self.password
        while True:
            number += 1
            picture = jpeg(number % 32)
            if "broken" in request.path and number % 3 == 0:
                picture = picture[: len(picture) // 3] + b"\xff\xda" + secrets.token_bytes(200)
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            try:
                await answer.write(head.encode() + picture + b"\r\n")
            except ConnectionError:
                return answer
            if self.password != password:
                return answer  # a camera that is given a new password throws everybody out
            await asyncio.sleep(1 / self._fps)

    async def _still(self, request: web.Request) -> web.Response:
        return web.Response(body=jpeg(self.asked % 32), content_type="image/jpeg")

    async def _huge(self, request: web.Request) -> web.Response:
        return web.Response(body=claiming(jpeg(1), 60_000, 60_000), content_type="image/jpeg")

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text="<html>" + "no video here " * 500, content_type="text/html")

    async def _silent(self, request: web.Request) -> web.Response:
        await asyncio.sleep(600)
        return web.Response()


@lru_cache(maxsize=64)
def jpeg(number: int, width: int = 320, height: int = 240) -> bytes:
    """A picture that differs from its neighbours."""
    context = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuvj420p"
    context.time_base = Fraction(1, 25)
    frame = av.VideoFrame(width, height, "yuvj420p")
    for plane in frame.planes:
        plane.update(bytes((number * 8 + at) & 0xFF for at in range(256)) * (plane.buffer_size // 256))
    return b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None)))


def claiming(picture: bytes, width: int, height: int) -> bytes:
    """The same JPEG with another size in its header."""
    at = picture.index(b"\xff\xc0") + 5
    return picture[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + picture[at + 4 :]


def is_alive(process: psutil.Process) -> bool:
    """A zombie, which nobody has asked for its exit code yet, is dead."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def until_gone(processes: Iterable[psutil.Process], within_s: float) -> None:
    waiting = list(processes)

    async def gone() -> bool:
        return not any(is_alive(one) for one in waiting)

    await until(gone, within_s, f"gone: {waiting}")


def relays_of(folder: Path) -> list[psutil.Process]:
    """The relays of the site that lives in `folder`."""
    relays = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess):
            words = process.cmdline()
            if "relay" in words and words[-1].startswith(f"{folder}/") and is_alive(process):
                relays.append(process)
    return relays


def tunnels_of(folder: Path) -> list[psutil.Process]:
    return [child for relay in relays_of(folder) for child in relay.children()]
