"""An origin that keeps MediaMTX's rules for a CDN, a door before the proxy, a clock moved by hand."""

import asyncio
import contextlib
import secrets
from collections import Counter

import aiohttp
import pytest
from aiohttp import web

from vmsd.errors import Malformed, MediaServerAway, NotFound, TooMany
from vmsd.live.hls import HlsLimits, HlsProxy
from vmsd.live.playlist import read_reload

SECRET = "s" * 32
PATH = "city/camera"
STATUS = {NotFound: 404, TooMany: 429, MediaServerAway: 503, Malformed: 400}


class HandClock:
    def __init__(self):
        self.now_s = 1000.0

    def wall_ms(self):
        return int(self.now_s * 1000)

    def monotonic(self):
        return self.now_s


class Origin:
    """One camera under `city/camera`: index.m3u8 alone opens the session without which children are 401."""

    def __init__(self):
        self.asked = Counter()
        self.requests = []
        self.segment_bytes = 300_000
        self.segment_s = 2.0
        self.online = True
        self.newest = 4
        self.status = {}  # file -> status answered in place of the file
        self.hold = None  # an event awaited before any answer
        self.newest_part = None  # the number of the last part of segment `newest + 1`, with low latency
        self.more = asyncio.Condition()  # told of every new part
        self.dies_after = None  # bytes of a body after which the connection is cut
        self.chunked = False
        self.on_chunk = lambda: None
        self.restart()

    def restart(self):
        self.prefix = secrets.token_hex(6)
        self.session_open = False

    def segment(self, number):
        return f"{self.prefix}_video1_seg{number}.mp4"

    def bytes_of(self, file):
        return (file.encode() * (self.segment_bytes // len(file) + 1))[: self.segment_bytes]

    def index(self):
        return (
            "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n"
            '#EXT-X-MEDIA:TYPE="AUDIO",GROUP-ID="audio",NAME="audio2",URI="audio2_stream.m3u8"\n'
            '#EXT-X-STREAM-INF:BANDWIDTH=1000,CODECS="avc1.42c028",AUDIO="audio"\n'
            "video1_stream.m3u8\n"
        )

    def media(self):
        lines = ["#EXTM3U", "#EXT-X-VERSION:9", "#EXT-X-TARGETDURATION:2"]
        lines.append(f'#EXT-X-MAP:URI="{self.prefix}_video1_init.mp4"')
        for number in range(self.newest - 4, self.newest + 1):
            lines += [f"#EXTINF:{self.segment_s:.5f},", self.segment(number)]
        return "\n".join(lines) + "\n"

    def part(self, number):
        return f"{self.prefix}_video1_part{number}.mp4"

    def quick_media(self):
        """Two gaps, two segments, and the parts of the next: segment 7 is the first, as MediaMTX counts."""
        lines = ["#EXTM3U", "#EXT-X-VERSION:10", "#EXT-X-TARGETDURATION:2"]
        lines += ["#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.50000,CAN-SKIP-UNTIL=12.00000"]
        lines += ["#EXT-X-PART-INF:PART-TARGET=0.20000", f"#EXT-X-MEDIA-SEQUENCE:{self.newest - 3}"]
        lines += [f'#EXT-X-MAP:URI="{self.prefix}_video1_init.mp4"']
        lines += ["#EXT-X-GAP", "#EXTINF:2.00000,", "gap.mp4"] * 2
        for number in (self.newest - 1, self.newest):
            lines += ["#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z"]
            lines += [f'#EXT-X-PART:DURATION=0.20000,URI="{self.part(number)}",INDEPENDENT=YES']
            lines += ["#EXTINF:2.00000,", self.segment(number)]
        for number in range(self.newest_part + 1):
            lines += [f'#EXT-X-PART:DURATION=0.20000,URI="{self.part(100 + number)}"']
        lines += [f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{self.part(101 + self.newest_part)}"']
        return "\n".join(lines) + "\n"

    async def add_part(self):
        async with self.more:
            self.newest_part += 1
            self.more.notify_all()

    async def until_part(self, number):
        async with self.more:
            await self.more.wait_for(lambda: self.newest_part >= number)

    async def handle(self, request):
        path, _, file = request.path.lstrip("/").rpartition("/")
        self.asked[f"{file}?{request.query_string}" if request.query_string else file] += 1
        self.requests.append(request)
        if self.hold is not None:
            await self.hold.wait()
        refused = self.refusal(request, path, file)
        return refused or await self.answer(request, file)

    def refusal(self, request, path, file):
        if file in self.status:
            return web.json_response({"status": "error"}, status=self.status[file])
        if request.headers.get("Authorization") != f"Bearer {SECRET}":
            return web.Response(status=302, headers={"Location": f"{request.path}?cookieCheck=1"})
        if path != PATH or not self.online:
            return web.json_response({"status": "error"}, status=404 if file == "index.m3u8" else 401)
        if file == "index.m3u8":
            self.session_open = True
        return None if self.session_open else web.json_response({"status": "error"}, status=401)

    async def answer(self, request, file):
        if file == "index.m3u8":
            return web.Response(text=self.index())
        if file.endswith("_stream.m3u8") and self.newest_part is not None:
            await self.until_part(int(request.query.get("_HLS_part", -1)))
            return web.Response(text=self.quick_media())
        if file.endswith("_stream.m3u8"):
            return web.Response(text=self.media())
        if "_part" in file and self.newest_part is not None:
            await self.until_part(int(file.rpartition("_part")[2].partition(".")[0]) - 100)
            return await self.send(request, self.bytes_of(file)[:3000])
        known = [
            f"{self.prefix}_video1_init.mp4",
            *map(self.segment, range(self.newest - 4, self.newest + 1)),
        ]
        if file not in known:
            return web.Response(status=404, text="404 page not found")
        return await self.send(request, b"init of " + file.encode() if "init" in file else self.bytes_of(file))

    async def send(self, request, body):
        response = web.StreamResponse()
        if not self.chunked:
            response.content_length = len(body)
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            for start in range(0, len(body), 65536):
                if self.dies_after is not None and start >= self.dies_after:
                    request.transport.abort()
                    break
                await response.write(body[start : start + 65536])
                self.on_chunk()
        return response


class Site:
    """The proxy behind a door that maps its errors, with the base URL of both servers."""

    def __init__(self, origin, proxy, clock, url):
        self.origin = origin
        self.proxy = proxy
        self.clock = clock
        self.url = url

    def address(self, file):
        return f"{self.url}/hls/{file}"

    async def settled(self, fact, deadline_s=5.0):
        """Waits until `fact()` holds."""
        async with asyncio.timeout(deadline_s):
            while not fact():  # noqa: ASYNC110 - the facts are other people's, they set no event
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def serving(handler, ssl_context=None, **options):
    """The port of a real server with one handler."""
    server = web.Server(handler, access_log=None, **options)
    runner = web.ServerRunner(server, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def door(proxy, tokens=None, ssl_context=None):
    """A front like the daemon's; a request is cancelled when its viewer leaves, which is the harder case."""

    async def handle(request):
        _, is_quick, file = request.path[len("/hls/") :].rpartition("ll/")
        try:
            return await proxy.serve(
                request,
                PATH,
                file,
                viewer=request.headers.get("X-Viewer", "guard"),
                query=tokens or {},
                reload=read_reload(request.query) if is_quick else None,
            )
        except (NotFound, TooMany, MediaServerAway, Malformed) as error:
            return web.Response(status=STATUS[type(error)], text=str(error))

    async with serving(handle, ssl_context, handler_cancellation=True) as port:
        yield f"http{'s' if ssl_context else ''}://127.0.0.1:{port}"


@pytest.fixture
async def sites():
    """Starts a site with the given limits; everything stops with the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(tokens=None, ssl_context=None, **limits):
            origin, clock = Origin(), HandClock()
            port = await stack.enter_async_context(serving(origin.handle))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            proxy = HlsProxy(
                session=session,
                origin_url=f"http://127.0.0.1:{port}",
                cdn_secret=SECRET,
                clock=clock,
                limits=HlsLimits(**limits),
            )
            url = await stack.enter_async_context(door(proxy, tokens=tokens, ssl_context=ssl_context))
            return Site(origin, proxy, clock, url)

        yield start


@pytest.fixture
async def site(sites):
    return await sites()


@pytest.fixture
async def viewer():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session
