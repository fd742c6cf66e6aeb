"""The generated camera is a camera: its picture moves and can be read, its door answers as real ones do."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from contextlib import asynccontextmanager
from fractions import Fraction

import av
import pytest

from vmsd.clock import SystemClock
from vmsd.demo.camera import Camera, CameraSpec, Outages
from vmsd.demo.camera_encoder import VideoSpec
from vmsd.demo.camera_picture import Painter, read_strip
from vmsd.demo.camera_stream import StreamSpec
from vmsd.errors import BadMedia

_OPTIONS = {"rtsp_transport": "tcp", "analyzeduration": "100000", "fpsprobesize": "0"}
_SMALL = StreamSpec(video=VideoSpec(320, 180, fps=10, gop_s=0.5))


@asynccontextmanager
async def running(**spec):
    camera = Camera(CameraSpec(**{"streams": (_SMALL,), **spec}))
    await camera.start()
    try:
        yield camera
    finally:
        await camera.stop()


def luma(frame: av.VideoFrame) -> tuple[bytes, int, int]:
    gray = frame.reformat(format="gray")
    data, stride = bytes(gray.planes[0]), gray.planes[0].line_size
    rows = (data[row * stride : row * stride + gray.width] for row in range(gray.height))
    return b"".join(rows), gray.width, gray.height


def watch(url: str, pictures: int) -> list[tuple[int, int]]:
    """The strips of so many pictures in a row."""
    with av.open(url, options=_OPTIONS, timeout=10) as container:
        frames = container.decode(video=0)
        return [read_strip(*luma(next(frames))) for _ in range(pictures)]


def painted(width: int, height: int, frame: int = 123_456, epoch_ms: int = 1_795_258_714_171) -> av.VideoFrame:
    picture = av.VideoFrame(width, height, "gray")
    stride = picture.planes[0].line_size
    picture.planes[0].update(Painter("Portão Ação", width, height, stride).paint(frame, epoch_ms))
    return picture


async def ask(port: int, *requests: str) -> list[int]:
    """Status codes of the answers, on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    statuses = []
    for request in requests:
        writer.write(f"{request}\r\n\r\n".encode())
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).decode()
        statuses.append(int(head.split(" ")[1]))
        if length := re.search(r"Content-Length: (\d+)", head):
            await reader.readexactly(int(length[1]))
    writer.close()
    return statuses


@pytest.mark.parametrize("size", [(320, 180), (320, 240), (640, 360), (322, 182), (1920, 1080)])
def test_the_strip_is_read_back_at_every_size(size):
    assert read_strip(*luma(painted(*size))) == (123_456, 1_795_258_714_171)


@pytest.mark.parametrize("size", [(320, 180), (352, 240), (426, 240), (640, 360)])
def test_the_strip_survives_scaling_and_a_bad_jpeg(size):
    small = painted(1920, 1080).reformat(*size, format="yuvj420p")
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = *size, "yuvj420p"
    encoder.time_base, encoder.options = Fraction(1, 25), {"qmin": "20", "qmax": "20"}
    decoder = av.CodecContext.create("mjpeg", "r")
    (frame,) = decoder.decode(encoder.encode(small)[0])
    assert read_strip(*luma(frame)) == (123_456, 1_795_258_714_171)


def test_a_picture_without_a_strip_is_no_reading():
    for data in (bytes(320 * 180), bytes(range(256)) * 225):
        with pytest.raises(BadMedia):
            read_strip(data, 320, 180)
    with pytest.raises(BadMedia):
        read_strip(b"", 320, 180)


async def test_pictures_move_and_tell_the_time():
    async with running(name="Portão A") as camera:
        strips = await asyncio.to_thread(watch, camera.url(), 6)
    frames = [frame for frame, _ in strips]
    assert frames == list(range(frames[0], frames[0] + 6))
    assert abs(strips[-1][1] - SystemClock().wall_ms()) < 5000


async def test_two_streams_serve_several_clients_at_once():
    sub = StreamSpec("/sub", VideoSpec(320, 180, fps=5, gop_s=1))
    async with running(streams=(_SMALL, sub)) as camera:
        urls = [camera.url(0), camera.url(0), camera.url(1)]
        watched = await asyncio.gather(*(asyncio.to_thread(watch, url, 4) for url in urls))
    assert [len(strips) for strips in watched] == [4, 4, 4]


async def test_the_door_answers_as_cameras_do():
    async with running() as camera:
        base = f"rtsp://127.0.0.1:{camera.port}"
        udp = "Transport: RTP/AVP;unicast;client_port=9000-9001"
        assert await ask(
            camera.port,
            f"OPTIONS {base}/live RTSP/1.0\r\nCSeq: 1",
            f"DESCRIBE {base}/live RTSP/1.0\r\nCSeq: 2",
            f"DESCRIBE {base}/nothing RTSP/1.0\r\nCSeq: 2",
            f"SETUP {base}/live/trackID=0 RTSP/1.0\r\nCSeq: 3\r\n{udp}",
            f"PLAY {base}/live RTSP/1.0\r\nCSeq: 4",
            f"RECORD {base}/live RTSP/1.0\r\nCSeq: 5",
            f"GET_PARAMETER {base}/live RTSP/1.0\r\nCSeq: 6",
            f"TEARDOWN {base}/live RTSP/1.0\r\nCSeq: 7",
        ) == [200, 200, 404, 461, 455, 501, 200, 200]


async def test_a_wrong_password_is_refused_and_the_right_one_plays():
    async with running(username="admin", password="p@ss:w/1 é") as camera:
        assert len(await asyncio.to_thread(watch, camera.url(), 2)) == 2
        with pytest.raises(av.HTTPUnauthorizedError):
            await asyncio.to_thread(watch, camera.url().replace("p%40ss", "wrong"), 1)


async def test_a_camera_that_went_dark_returns_on_its_port():
    async with running() as camera:
        await asyncio.to_thread(watch, camera.url(), 1)
        await camera.go_dark()
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection("127.0.0.1", camera.port)
        await camera.come_back()
        assert len(await asyncio.to_thread(watch, camera.url(), 2)) == 2


async def test_outages_end_connections_and_end_by_themselves():
    async with running(outages=Outages(every_s=0.4, for_s=0.2)) as camera:
        ended = 0
        async with asyncio.timeout(20):
            while ended < 2:
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", camera.port)
                except OSError:
                    await asyncio.sleep(0.02)
                    continue
                ended += await reader.read() == b""
                writer.close()


async def test_the_command_prints_one_line_and_ends_on_sigterm():
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vmsd.demo.camera", "--size", "320x180", "--sub", "320x180@5",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    urls = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    assert len(await asyncio.to_thread(watch, urls["url"], 2)) == 2
    assert urls["sub_url"].endswith("/sub")
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert await process.stdout.read() == b""
