"""The cheap probe names what is wrong with an RTSP source, within its deadline."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from vmsd.demo.camera import Camera, CameraSpec
from vmsd.demo.camera_encoder import VideoSpec
from vmsd.demo.camera_stream import StreamSpec
from vmsd.errors import SourceFailed
from vmsd.video.rtsp import describe, tcp_check


@asynccontextmanager
async def camera(audio="none", codec="h264", **spec):
    stream = StreamSpec(video=VideoSpec(320, 180, codec=codec), audio=audio)
    served = Camera(CameraSpec(streams=(stream,), **spec))
    await served.start()
    try:
        yield served
    finally:
        await served.stop()


@asynccontextmanager
async def answering(data: bytes, *, stay: bool = False):
    """A port where everybody hears `data`; yields its RTSP address."""
    gone = asyncio.Event()

    async def serve(reader, writer):
        writer.write(data)
        if stay:
            await reader.read()
        writer.close()
        gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"rtsp://127.0.0.1:{server.sockets[0].getsockname()[1]}/live"
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.wait_for(gone.wait(), 5)


async def cause_of(url: str, *credentials: str, deadline_s: float = 5) -> str:
    with pytest.raises(SourceFailed) as failed:
        await describe(url, *credentials, deadline_s=deadline_s)
    assert "p@ss" not in str(failed.value)
    return failed.value.cause


@pytest.mark.parametrize("schemes", [("md5",), ("sha-256",), ("basic",), ("md5", "basic"), ("md5", "sha-256")])
async def test_every_kind_of_challenge_is_answered(schemes):
    async with camera(username="admin", password="p@ss:w/1 é", schemes=schemes) as served:
        url = served.url().replace(served.url().split("@")[0].removeprefix("rtsp://") + "@", "")
        assert (await describe(url, "admin", "p@ss:w/1 é")).codecs == ("h264",)
        assert (await describe(served.url())).codecs == ("h264",)
        assert await cause_of(url, "admin", "p@ss") == "wrong_password"
        assert await cause_of(url) == "wrong_password"


async def test_codecs_are_named_as_everywhere_else():
    async with camera(audio="aac", codec="h265") as served:
        assert (await describe(served.url())).codecs == ("h265", "aac")
    async with camera(audio="pcma") as served:
        assert (await describe(served.url())).codecs == ("h264", "pcma")


async def test_an_unknown_stream_and_a_closed_port_are_told_apart():
    async with camera() as served:
        assert await cause_of(served.url() + "2") == "no_such_stream"
        await served.go_dark()
        assert await cause_of(served.url()) == "port_closed"


async def test_a_silent_camera_costs_no_more_than_the_deadline():
    async with camera(fault="silent") as served:
        begun = time.monotonic()
        assert await cause_of(served.url(), deadline_s=0.3) == "timeout"
        assert time.monotonic() - begun < 1


async def test_a_name_nobody_knows_is_an_unreachable_host():
    assert await cause_of("rtsp://no-such-camera.invalid/live") == "host_unreachable"
    assert await cause_of("rtsp:///live") == "host_unreachable"


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"",
        b"\x00\xff" * 40_000,
        b"RTSP/1.0 200 OK\r\n" + b"X-Long: " + b"a" * 100_000,
        b"RTSP/1.0 200 OK\r\nContent-Length: 999999999\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 400\r\n\r\nv=0\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ],
)
async def test_what_speaks_no_rtsp_is_not_a_camera(data):
    async with answering(data) as url:
        assert await cause_of(url) == "not_a_camera"


async def test_an_answer_that_never_ends_costs_no_more_than_the_deadline():
    async with answering(b"RTSP/1.0 200 OK\r\nContent-Length: 400\r\n\r\nv=0", stay=True) as url:
        assert await cause_of(url, deadline_s=0.3) == "timeout"


@pytest.mark.parametrize(
    "media",
    ["m=audio 0 RTP/AVP 8\r\n", "m=video 0 RTP/AVP 96\r\na=rtpmap:96 X-WMV/90000\r\n"],
)
async def test_a_stream_that_cannot_be_recorded_is_an_unsupported_codec(media):
    body = f"v=0\r\n{media}".encode()
    async with answering(b"RTSP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)) as url:
        assert await cause_of(url) == "unsupported_codec"


async def test_a_refusal_is_no_wrong_stream():
    async with answering(b"RTSP/1.0 403 Forbidden\r\n\r\n") as url:
        assert await cause_of(url, "admin", "p@ss") == "wrong_password"


async def test_an_address_cannot_smuggle_a_second_request():
    assert await cause_of("rtsp://127.0.0.1/live\x01") == "no_such_stream"


async def test_other_sources_are_checked_by_their_port():
    async with camera() as served:
        await tcp_check("127.0.0.1", served.port)
        await served.go_dark()
        with pytest.raises(SourceFailed) as failed:
            await tcp_check("127.0.0.1", served.port)
        assert failed.value.cause == "port_closed"
