"""The proxy before the real MediaMTX: its CDN rules are what we believe them to be."""

import asyncio
import contextlib
import shutil
import socket

import aiohttp
import pytest

from vmsd.clock import SystemClock
from vmsd.errors import MediaServerAway, NotFound
from vmsd.live.hls import HlsLimits, HlsProxy

PATH = "city/camera"
SECRET = "a-secret-of-at-least-thirty-two-characters"
pytestmark = pytest.mark.skipif(
    not (shutil.which("mediamtx") and shutil.which("ffmpeg")), reason="needs mediamtx and ffmpeg"
)
CONFIG = """
logLevel: warn
api: false
metrics: false
playback: false
rtmp: false
webrtc: false
srt: false
moq: false
rtspTransports: [tcp]
rtspEncryption: "no"
rtspAddress: 127.0.0.1:{rtsp}
hlsAddress: 127.0.0.1:{hls}
hlsVariant: lowLatency
hlsAlwaysRemux: true
hlsSegmentCount: 7
hlsSegmentDuration: 1s
hlsCDNSecret: {secret}
paths:
  {path}: {{source: publisher}}
  city/dark: {{source: publisher}}
"""
PICTURES = "testsrc=size=192x108:rate=5"
ENCODED = "-c:v libx264 -preset ultrafast -g 5 -pix_fmt yuv420p -f rtsp -rtsp_transport tcp"


class MediaMtx:
    """The real process and one camera that pushes to it; both can be killed and started again."""

    def __init__(self, folder):
        self.rtsp, self.hls = free_ports(2)
        self.config = folder / "mediamtx.yml"
        self.config.write_text(CONFIG.format(rtsp=self.rtsp, hls=self.hls, path=PATH, secret=SECRET))
        self.processes = []

    async def start(self):
        await self.spawn("mediamtx", str(self.config))
        await until_true(lambda: connects(self.rtsp))
        target = f"rtsp://127.0.0.1:{self.rtsp}/{PATH}"
        await self.spawn("ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", PICTURES, *ENCODED.split(), target)

    async def spawn(self, *command):
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=quiet, stderr=quiet)
        self.processes.append(process)

    async def kill(self):
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        self.processes.clear()


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


async def connects(port):
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


async def until_true(fact, deadline_s=20.0):
    async with asyncio.timeout(deadline_s):
        while not await fact():  # noqa: ASYNC110 - what other processes do sets no event
            await asyncio.sleep(0.05)


@pytest.fixture
async def mediamtx(tmp_path):
    server = MediaMtx(tmp_path)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


@pytest.fixture
async def proxy(mediamtx):
    async with aiohttp.ClientSession() as session:
        origin = f"http://127.0.0.1:{mediamtx.hls}"
        yield HlsProxy(session=session, origin_url=origin, cdn_secret=SECRET, clock=SystemClock(), limits=HlsLimits())


async def test_live_goes_on_after_mediamtx_was_killed_and_came_back(mediamtx, proxy):
    async def plays():
        with contextlib.suppress(NotFound, MediaServerAway):
            newest = await proxy.newest(PATH)
            seen.append(newest.file)
            return newest.init[4:8] == b"ftyp" and b"moof" in newest.segment[:200]
        return False

    async def plays_without(prefix):
        return await plays() and not seen[-1].startswith(prefix)

    seen = []
    await until_true(plays)
    playlist = await proxy.fetch(PATH, "video1_stream.m3u8")
    assert playlist.playlist.init
    assert 0.5 < playlist.playlist.last_segment_s < 3
    with pytest.raises(NotFound):
        await proxy.fetch(PATH, "ffffffffffff_video1_seg0.mp4")
    with pytest.raises(NotFound):
        await proxy.fetch("city/dark", "index.m3u8")
    with pytest.raises(NotFound):
        await proxy.fetch("city/unknown", "index.m3u8")

    await mediamtx.kill()
    with pytest.raises(MediaServerAway):
        await proxy.fetch(PATH, "ffffffffffff_video1_seg0.mp4")
    await mediamtx.start()
    before = seen[-1].partition("_")[0]
    await until_true(lambda: plays_without(before))


async def test_a_wrong_secret_is_the_media_servers_refusal(mediamtx, proxy):
    proxy._headers = {"Authorization": "Bearer wrong"}

    async def refused():
        try:
            await proxy.fetch(PATH, "index.m3u8")
        except MediaServerAway as error:
            return "secret" in str(error)
        return False

    await until_true(refused)
