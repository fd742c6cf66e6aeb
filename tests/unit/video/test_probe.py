"""What a source sends is measured, never believed; and a source leads nowhere but to video."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from tests.unit.video import mp4_fixture as mp4
from vmsd.demo.camera import Camera, CameraSpec
from vmsd.demo.camera_encoder import VideoSpec
from vmsd.demo.camera_stream import StreamSpec
from vmsd.errors import SourceFailed
from vmsd.video.facts import SourceFacts, warnings
from vmsd.video.fmp4 import Keyframe
from vmsd.video.worker import Worker

_CLEAN = SourceFacts("h264", 320, 180, 10, 1, b_frames=False, audio="aac", bitrate=9, keyframes=3, watched_s=3)


@asynccontextmanager
async def probing(url: str, deadline_s: float = 5):
    worker = Worker()
    try:
        yield await worker.probe(url, deadline_s)
    finally:
        await worker.close()


async def facts_of(audio: str = "none", fault: str = "none", deadline_s: float = 5, **video) -> SourceFacts:
    spec = CameraSpec(streams=(StreamSpec(video=VideoSpec(320, 180, **video), audio=audio),), fault=fault)
    camera = Camera(spec)
    await camera.start()
    try:
        async with probing(camera.url(), deadline_s) as facts:
            return facts
    finally:
        await camera.stop()


@asynccontextmanager
async def serving(files: dict[str, bytes]):
    async def answer(request: web.Request) -> web.Response:
        body = files.get(request.path)
        kind = "image/jpeg" if request.path.endswith("jpg") else "application/octet-stream"
        return web.Response(status=200 if body else 404, body=body or b"", content_type=kind)

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace;boundary=x"})
        await response.prepare(request)
        jpeg = files["/still.jpg"]
        for _ in range(50):
            await response.write(
                b"--x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg)
            )
            await asyncio.sleep(0.05)
        return response

    app = web.Application()
    app.router.add_get("/video.mjpg", stream)
    app.router.add_get("/{path:.*}", answer)
    async with AsyncExitStack() as stack:
        runner = web.AppRunner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"


async def test_each_source_is_measured_as_it_is():
    plain, reordered, modern, slow = await asyncio.gather(
        facts_of("aac", fps=10, gop_s=0.5),
        facts_of("pcma", fps=20, gop_s=1, b_frames=2),
        facts_of(codec="h265", fps=10, gop_s=1),
        facts_of(fps=10, gop_s=30),
    )
    assert (plain.codec, plain.width, plain.height, plain.audio) == ("h264", 320, 180, "aac")
    assert plain.fps == pytest.approx(10, abs=0.5)
    assert plain.gop_s == pytest.approx(0.5, abs=0.1)
    assert plain.bitrate
    assert warnings(plain) == []
    assert reordered.gop_s == pytest.approx(1, abs=0.15)
    assert warnings(reordered) == ["b_frames_webrtc", "audio_g711_hls"]
    assert warnings(modern) == ["h265_browser"]
    assert slow.gop_s is None
    assert slow.keyframes == 1
    assert warnings(slow) == ["gop_long"]


async def test_a_camera_that_never_answers_times_out():
    with pytest.raises(SourceFailed) as failed:
        await facts_of(fault="silent", deadline_s=1)
    assert failed.value.cause == "timeout"


async def test_noise_is_never_taken_for_good_video():
    found = await asyncio.gather(facts_of(fault="garbage", deadline_s=2), return_exceptions=True)
    if isinstance(found[0], SourceFacts):
        assert "no_keyframe_seen" in warnings(found[0])
    else:
        assert getattr(found[0], "cause", found[0]) in ("not_a_camera", "timeout")


async def test_a_password_reaches_neither_the_command_line_nor_the_environment():
    camera = Camera(CameraSpec(username="admin", password="canario-7731"))
    await camera.start()
    worker = Worker()
    try:
        asking = asyncio.ensure_future(worker.probe(camera.url()))
        async with asyncio.timeout(10):
            while worker.pid is None:  # noqa: ASYNC110 - a process has no event to wait for
                await asyncio.sleep(0.01)
        proc = Path(f"/proc/{worker.pid}")
        seen = [(proc / name).read_bytes() for name in ("cmdline", "environ")]
        assert (await asking).codec == "h264"
        assert not any(b"canario" in text for text in seen)
        with pytest.raises(SourceFailed) as failed:
            await worker.probe(camera.url().replace("canario", "errada"))
        assert failed.value.cause == "wrong_password"
        assert "errada" not in str(failed.value)
    finally:
        await worker.close()
        await camera.stop()


async def test_hls_and_pictures_over_http_are_measured():
    whole = mp4.recording()
    playlist = '#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:4,\ns.mp4\n'
    files = {
        "/index.m3u8": playlist.encode() + b"#EXT-X-ENDLIST\n",
        "/init.mp4": whole.head,
        "/s.mp4": b"".join(whole.parts),
    }
    worker = Worker()
    file = mp4.sample_of(mp4.pictures()[1][0]).data
    try:
        still = await worker.jpeg(Keyframe("h264", mp4.avcc(mp4.pictures()[0]), file, 320, 240))
        async with serving(files | {"/still.jpg": still.jpeg}) as base:
            hls = await worker.probe(f"{base}/index.m3u8")
            picture = await worker.probe(f"{base}/still.jpg")
            motion = await worker.probe(f"{base}/video.mjpg", 3)
            with pytest.raises(SourceFailed) as failed:
                await worker.probe(f"{base}/nothing.m3u8")
    finally:
        await worker.close()
    assert (hls.codec, hls.width, hls.gop_s) == ("h264", 320, pytest.approx(1, abs=0.11))
    assert (picture.codec, picture.width, picture.fps) == ("mjpeg", 320, None)
    assert (motion.codec, motion.width) == ("mjpeg", 320)
    assert warnings(picture) == warnings(motion) == ["mjpeg_no_live"]
    assert failed.value.cause == "no_such_stream"


async def test_no_source_leads_to_a_file_of_this_machine(tmp_path):
    secret = tmp_path / "segment.mp4"
    secret.write_bytes(mp4.recording().data)
    lure = f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    worker = Worker()
    try:
        async with serving({"/lure.m3u8": lure.encode()}) as base:
            for url in (f"{base}/lure.m3u8", f"file://{secret}", str(secret), f"concat:{secret}", "pipe:0"):
                with pytest.raises(SourceFailed):
                    await worker.probe(url, 3)
    finally:
        await worker.close()


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({}, []),
        ({"codec": "h265"}, ["h265_browser"]),
        ({"b_frames": True}, ["b_frames_webrtc"]),
        ({"gop_s": 4.0}, []),
        ({"gop_s": 4.1}, ["gop_long"]),
        ({"gop_s": None, "keyframes": 1, "watched_s": 4.5}, ["gop_long"]),
        ({"gop_s": None, "keyframes": 1, "watched_s": 1.0}, []),
        ({"audio": "pcmu"}, ["audio_g711_hls"]),
        ({"codec": "mjpeg", "gop_s": None, "keyframes": 1, "watched_s": 60}, ["mjpeg_no_live"]),
        ({"keyframes": 0, "gop_s": None, "watched_s": 0}, ["no_keyframe_seen"]),
    ],
)
def test_warnings_follow_from_the_facts(change, codes):
    assert warnings(replace(_CLEAN, **change)) == codes
