"""No source sends the box elsewhere: whoever is named in an answer, a playlist or a redirect sees nobody."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.processes import Process, until
from tests.support.redirects import counting, lying, playing, rtsp_redirect, sending_to
from tests.support.sources import PictureCamera, free_port, jpeg, serving
from vmsd.clock import SystemClock
from vmsd.demo.camera import Camera, CameraSpec
from vmsd.demo.camera_encoder import VideoSpec
from vmsd.demo.camera_stream import StreamSpec
from vmsd.errors import SourceFailed
from vmsd.video import rtsp
from vmsd.video.opening import open_source
from vmsd.video.worker import Worker

RELAY = (sys.executable, "-m", "vmsd", "relay")


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    worker = Worker()
    yield worker
    await worker.close()


async def cause_of(worker: Worker, url: str) -> str:
    with pytest.raises(SourceFailed) as failed:
        await worker.probe(url, 3)
    return failed.value.cause


async def relayed_cause(folder: Path, url: str) -> str:
    """What a relay with this source writes down first."""
    file = folder / "camera.json"
    publish = f"rtsp://127.0.0.1:{free_port()}/city/camera"
    file.write_text(json.dumps({"source": url, "command": None, "username": "", "password": None, "publish": publish}))
    status = file.with_suffix(".status")

    async def written() -> str | None:
        return status.read_text() if status.exists() else None

    process = await Process.start(*RELAY, file, log=folder / "relay.log")
    try:
        cause: str = json.loads(await until(written, 20, "the relay says why"))["cause"]
        return cause
    finally:
        await process.end(15)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("path", ["still.jpg", "video.mjpg", "live.m3u8"])
async def test_no_http_redirect_leads_the_probe_elsewhere(worker: Worker, status: int, path: str) -> None:
    async with counting() as elsewhere, serving(sending_to(f"http://127.0.0.1:{elsewhere.port}/x", status)) as camera:
        assert await cause_of(worker, f"{camera}/{path}") == "redirects"
        assert elsewhere.connections == 0


@pytest.mark.parametrize("path", ["still.jpg", "video.mjpg", "live.m3u8"])
async def test_no_http_redirect_leads_the_relay_elsewhere(tmp_path: Path, path: str) -> None:
    async with counting() as elsewhere, serving(sending_to(f"http://127.0.0.1:{elsewhere.port}/x")) as camera:
        assert await relayed_cause(tmp_path, f"{camera}/{path}") == "redirects"
        assert elsewhere.connections == 0


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.1:{port}/x", "//127.0.0.1:{port}/x", "http://127.0.0.1:{port}", "http:127.0.0.1:{port}/",
     "rtsp://127.0.0.1:{port}/x", "tcp://127.0.0.1:{port}", "http://localhost:{port}/x", "HTTP://127.0.0.1:{port}/",
     "http://a@127.0.0.1:{port}/", "http:\\\\127.0.0.1:{port}/x", "gopher://127.0.0.1:{port}/", "https://127.0.0.1:{port}/"],
)  # fmt: skip
async def test_no_spelling_of_a_redirect_leads_elsewhere(worker: Worker, target: str) -> None:
    async with counting() as elsewhere, serving(sending_to(target.format(port=elsewhere.port))) as camera:
        assert await cause_of(worker, f"{camera}/still.jpg") in ("redirects", "no_such_stream", "not_a_camera")
        assert elsewhere.connections == 0


async def test_a_redirect_that_stays_with_the_camera_is_followed_but_in_no_circle(worker: Worker) -> None:
    """Other recorders open a session so, with a cookie."""
    app = PictureCamera().app

    async def session(request: web.Request) -> web.Response:
        if request.cookies.get("session") == "7":
            raise web.HTTPFound("/still.jpg")
        return web.Response(status=302, headers={"Location": "/login", "Set-Cookie": "session=7; Path=/; HttpOnly"})

    app.router.add_get("/login", session)
    async with serving(app) as camera, serving(sending_to("/again{path}")) as circle:
        assert (await worker.probe(f"{camera}/login", 3)).codec == "mjpeg"
        assert await cause_of(worker, f"{circle}/x.jpg") == "redirects"


PLAYLISTS = {
    "segment": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{url}/s.ts\n#EXTINF:2,\n{url}/t.ts\n",
    "init": '#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI="{url}/i.mp4"\n#EXTINF:2,\ns.m4s\n',
    "variant": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\n{url}/v.m3u8\n",
    "key": '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-KEY:METHOD=AES-128,URI="{url}/k"\n#EXTINF:2,\ns.ts\n',
    "sound": '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",DEFAULT=YES,URI="{url}/a.m3u8"\n'
    '#EXT-X-STREAM-INF:BANDWIDTH=1000,AUDIO="a"\n{url}/v.m3u8\n',
}


@pytest.mark.parametrize("kind", PLAYLISTS)
async def test_no_playlist_leads_elsewhere(worker: Worker, kind: str, tmp_path: Path) -> None:
    async with counting() as elsewhere:
        playlist = PLAYLISTS[kind].format(url=f"http://127.0.0.1:{elsewhere.port}")
        files = {name: b"\x47" + bytes(187) for name in ("s.ts", "s.m4s")}
        async with serving(playing(playlist, **files)) as camera:
            await cause_of(worker, f"{camera}/index.m3u8")
            await relayed_cause(tmp_path, f"{camera}/index.m3u8")
        assert elsewhere.connections == 0


async def test_a_camera_is_told_its_name_and_its_password_and_called_at_the_address_alone(worker: Worker) -> None:
    """`cam.lan` is known to nobody here: who asked for it would find no camera."""
    heard: list[tuple[str, str | None]] = []
    app = web.Application()

    async def still(request: web.Request) -> web.Response:
        heard.append((request.headers["Host"], request.headers.get("Authorization")))
        if "Authorization" not in request.headers:
            challenge = 'Digest realm="cam", nonce="abc", qop="auth", algorithm=MD5'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        return web.Response(body=jpeg(1), content_type="image/jpeg")

    app.router.add_get("/still.jpg", still)
    async with serving(app) as camera:
        url = f"{camera.replace('//', '//ana:s%40@')}/still.jpg#cam.lan"
        assert (await worker.probe(url, 3)).codec == "mjpeg"
    port = camera.rpartition(":")[2]
    assert {host for host, _ in heard} == {f"cam.lan:{port}"}
    assert str(heard[-1][1]).startswith('Digest username="ana"')


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307])
async def test_no_rtsp_redirect_leads_the_probe_or_the_health_check_elsewhere(worker: Worker, status: int) -> None:
    async with counting() as elsewhere, lying(rtsp_redirect(f"rtsp://127.0.0.1:{elsewhere.port}/x", status)) as liar:
        url = f"rtsp://ana:segredo@127.0.0.1:{liar.port}/live"
        assert await cause_of(worker, url) == "redirects"
        with pytest.raises(SourceFailed) as failed:
            await rtsp.describe(url)
        assert failed.value.cause == "redirects"
        assert elsewhere.connections == 0


async def test_no_rtsp_redirect_leads_the_relay_of_a_tunnel_elsewhere(tmp_path: Path) -> None:
    async with counting() as elsewhere, lying(rtsp_redirect(f"rtsp://127.0.0.1:{elsewhere.port}/x")) as liar:
        assert await relayed_cause(tmp_path, f"rtsp://127.0.0.1:{liar.port}/live") == "redirects"
        assert elsewhere.connections == 0


SMUGGLED = {
    "behind a body of no length": "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n\r\nRTSP/1.0 302 Found\r\nLocation: URL\r\n\r\n",
    "with bare line feeds": "RTSP/1.0 302 Found\nCSeq: {cseq}\nLocation: URL\n\n",
    "with a return within": "RTSP/1.0 3\r02 Found\r\nCSeq: {cseq}\r\nLocation: URL\r\n\r\n",
    "with tabs": "RTSP/1.0\t302\tFound\r\nCSeq: {cseq}\r\nLocation: URL\r\n\r\n",
    "with spaces before": " RTSP/1.0 302 Found\r\nCSeq: {cseq}\r\nLocation: URL\r\n\r\n",
    "with two spaces": "RTSP/1.0  302 Found\r\nCSeq: {cseq}\r\nLocation: URL\r\n\r\n",
    "with zeros": "RTSP/1.0 0302 Found\r\nCSeq: {cseq}\r\nLocation: URL\r\n\r\n",
    "of another version": "RTSP/2.0 302 Found\r\nCSeq: {cseq}\r\nLocation: URL\r\n\r\n",
    "behind media": "$\x00\x00\x04abcdRTSP/1.0 302 Found\r\nCSeq: {cseq}\r\nLocation: URL\r\n\r\n",
    "behind empty lines": "\r\n\r\nRTSP/1.0 302 Found\r\nCSeq: {cseq}\r\nLocation: URL\r\n\r\n",
    "behind two lengths": "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Length: 0\r\nContent-Length: 60\r\n\r\n"
    "RTSP/1.0 302 Found\r\nLocation: URL\r\n\r\n",
    "behind a length with a space": "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Length : 60\r\n\r\n"
    "RTSP/1.0 302 Found\r\nCSeq: {cseq}\r\nLocation: URL\r\n\r\n",
    "behind a negative length": "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Length: -5\r\n\r\n"
    "RTSP/1.0 302 Found\r\nCSeq: {cseq}\r\nLocation: URL\r\n\r\n",
    "as a request": "REDIRECT rtsp://x/ RTSP/1.0\r\nCSeq: {cseq}\r\nLocation: URL\r\n\r\n",
    "in capitals": "rtsp/1.0 302 Found\r\nCSeq: {cseq}\r\nLocation: URL\r\n\r\n",
    "in a long line": "RTSP/1.0 200 " + "x" * 9000 + "\r\nRTSP/1.0 302 Found\r\nCSeq: {cseq}\r\nLocation: URL\r\n\r\n",
}


@pytest.mark.parametrize("how", SMUGGLED)
async def test_no_redirect_is_smuggled_past(worker: Worker, how: str) -> None:
    async with counting() as elsewhere:
        text = SMUGGLED[how].replace("URL", f"rtsp://127.0.0.1:{elsewhere.port}/x")

        def answers(method: str, _: int) -> str:
            return rtsp_redirect("")("OPTIONS", 0) if method == "OPTIONS" else text

        async with lying(answers) as liar:
            await cause_of(worker, f"rtsp://127.0.0.1:{liar.port}/live")
        assert elsewhere.connections == 0


async def test_a_redirect_to_oneself_goes_in_no_circle(worker: Worker) -> None:
    async with lying(rtsp_redirect("")) as liar:
        liar.answers = rtsp_redirect(f"rtsp://127.0.0.1:{liar.port}/again")
        assert await cause_of(worker, f"rtsp://127.0.0.1:{liar.port}/live") == "redirects"
        assert len(liar.asked) <= 3


STREAM = StreamSpec(video=VideoSpec(320, 180, fps=10, gop_s=0.5), audio="aac")


@pytest.mark.parametrize("scheme", ["md5", "basic"])
async def test_an_honest_camera_with_a_password_is_read_as_ever(worker: Worker, scheme: str) -> None:
    spec = CameraSpec(streams=(STREAM,), username="admin", password="p@ss:w", schemes=(scheme,))
    camera = Camera(spec)
    await camera.start()
    try:
        facts = await worker.probe(camera.url())
        assert (facts.codec, facts.audio) == ("h264", "aac")
        assert await cause_of(worker, camera.url().replace("ss", "xx")) == "wrong_password"
        assert await cause_of(worker, camera.url().replace("/live", "/none")) == "no_such_stream"
    finally:
        await camera.stop()


async def test_a_camera_that_goes_leaves_nobody_hanging() -> None:
    camera = Camera(CameraSpec(streams=(STREAM,)))
    await camera.start()
    url, loop = camera.url(), asyncio.get_running_loop()

    def watch() -> None:
        with suppress(SourceFailed), open_source(url, SystemClock(), 5, 2, {}) as source:
            for number, _ in enumerate(source.demux()):
                if number == 5:
                    asyncio.run_coroutine_threadsafe(camera.stop(), loop).result(5)

    async with asyncio.timeout(10):
        await asyncio.to_thread(watch)
