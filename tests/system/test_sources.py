"""Every kind of source through the whole product: online, on the disk, and played."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import av
import psutil
import pytest
from aiohttp import web

from tests.support.processes import Process, until
from tests.support.site import VMSD, Site
from tests.support.sources import (
    GENERATED,
    PictureCamera,
    free_port,
    is_alive,
    pushing,
    relays_of,
    serving,
    serving_hls,
    serving_rtmp,
    tunnel_to,
    tunnels_of,
    until_gone,
)

ONLINE_S = 25
"""Two tries five seconds apart, and the start of a relay on a busy machine."""


async def codec_on_disk(file: Path) -> list[str]:
    """What ffprobe reads in a recording: codec and width."""
    probe = await asyncio.create_subprocess_exec(
        "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=codec_name,width",
        "-of", "csv=p=0", str(file), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await probe.communicate()
    return out.decode().strip().split(",")


def decode_live(url: str, headers: str) -> tuple[int, int, int]:
    """Width and height of what a player shows, and how many pictures it got of them."""
    with av.open(url, options={"headers": headers}, timeout=(10, 10)) as player:
        pictures = []
        for picture in player.decode(video=0):
            pictures.append(picture)
            if len(pictures) == 3:
                break
    return pictures[0].width, pictures[0].height, len(pictures)


async def play(site: Site, stream: str) -> tuple[int, int, int]:
    headers = f"Authorization: Bearer {site.token}\r\nX-City-ID: {site.city_id}\r\n"
    url = f"{site.url}/hls/stream_{stream}/index.m3u8"

    async def playing() -> tuple[int, int, int] | None:
        try:
            return await asyncio.to_thread(decode_live, url, headers)
        except (av.FFmpegError, OSError, IndexError):
            return None

    played: tuple[int, int, int] = await until(playing, 20, "live plays", every_s=0.5)
    return played


async def prove(site: Site, camera_id: str, width: int = 320) -> None:
    """The camera is online, its H.264 is on the disk, and it plays."""
    await site.until_state(camera_id, "online", ONLINE_S)
    await site.until_recording(camera_id)

    async def readable() -> bool:
        return await codec_on_disk(site.files(camera_id)[0]) == ["h264", str(width)]

    await until(readable, 10, "ffprobe reads the recording")
    assert (await play(site, camera_id))[0] == width


def push_url(site: Site, body: dict[str, Any]) -> str:
    return f"rtmp://127.0.0.1:{body['publish']['rtmp_port']}{body['publish']['rtmp_path']}"


async def add_pushing(site: Site) -> dict[str, Any]:
    status, body = await site.ask("POST", "/api/v1/cameras", {"name": "Empurra", "protocol": "rtmp"})
    assert (status, body["applied"]) == (201, True)
    answer: dict[str, Any] = body
    return answer


async def test_a_camera_that_pushes_is_live_and_recorded_and_another_key_is_refused(site: Site, tmp_path: Path) -> None:
    await site.start()
    body = await add_pushing(site)
    url = push_url(site, body)
    async with pushing(tmp_path, url[:-4] + "xxxx") as impostor:
        assert await impostor.wait(10) != 0
        assert (await site.status(body["id"]))["state"] != "online"
    async with pushing(tmp_path, url):
        await prove(site, body["id"])


async def test_cameras_that_are_pulled_by_rtmp_and_hls_are_live_and_recorded(site: Site, tmp_path: Path) -> None:
    async with serving_rtmp(tmp_path) as rtmp, serving_hls(tmp_path) as hls:
        await site.start()
        called = await site.add_camera("RTMP", rtmp, protocol="rtmp")
        listed = await site.add_camera("HLS", hls, protocol="http", sub_source_url=hls)
        await asyncio.gather(prove(site, called), prove(site, listed))
        assert (await play(site, f"{listed}_main"))[0] == 320
        assert len(relays_of(site.folder)) == 2, "one for each of its streams"


@asynccontextmanager
async def heard_hls(folder: Path, kind: str) -> AsyncIterator[str]:
    """A playlist of video with a tone; its address."""
    files = folder / f"hls-{kind}"
    files.mkdir()
    app = web.Application()
    app.router.add_static("/", files)
    tone = ("-f", "lavfi", "-i", "sine=sample_rate=16000", "-c:a", "aac", *GENERATED[-10:], "-f", "hls")
    listed = ("-hls_time", "1", "-hls_segment_type", kind, "-hls_flags", "delete_segments", files / "index.m3u8")
    command = (*GENERATED[:-10], *tone, *listed)
    process = await Process.start(*command, log=folder / f"{kind}.log")
    try:

        async def begun() -> bool:
            return (files / "index.m3u8").exists()

        async with serving(app) as origin:
            await until(begun, 20, "there is a playlist")
            yield f"{origin}/index.m3u8"
    finally:
        await process.end(signal.SIGKILL)


@pytest.mark.parametrize("kind", ["mpegts", "fmp4"])
async def test_a_camera_behind_a_relay_is_heard_when_it_is_to_be_and_only_then(
    site: Site, tmp_path: Path, kind: str
) -> None:
    async with heard_hls(tmp_path, kind) as url:
        await site.start()
        heard = await site.add_camera("Com som", url, protocol="http", audio=True)
        mute = await site.add_camera("Sem som", url, protocol="http")
        await asyncio.gather(prove(site, heard), prove(site, mute))
        assert (await site.status(heard))["codecs"] == ["H264", "MPEG-4 Audio"]
        assert (await site.status(mute))["codecs"] == ["H264"]
        with av.open(str(site.files(heard)[0])) as recorded:
            assert recorded.streams.audio[0].codec_context.sample_rate == 16000
            assert sum(frame.samples for frame in recorded.decode(audio=0)) > 16000


async def test_mjpeg_and_single_pictures_are_live_and_recorded_as_h264(site: Site) -> None:
    async with serving(PictureCamera("sénha").app) as origin:
        await site.start()
        login = {"protocol": "http", "username": "admin", "password": "sénha"}
        stream = await site.add_camera("MJPEG", f"{origin}/broken.mjpg", **login)
        single = await site.add_camera("JPEG", f"{origin}/still.jpg", **login)
        await asyncio.gather(prove(site, stream), prove(site, single))
        for relay in relays_of(site.folder):
            assert "nha" not in " ".join(relay.cmdline())


async def test_a_picture_camera_with_another_password_is_named_so_and_returns_with_the_new_one(site: Site) -> None:
    camera = PictureCamera("velha")
    async with serving(camera.app) as origin:
        await site.start()
        login = {"protocol": "http", "username": "admin", "password": "velha"}
        camera_id = await site.add_camera("MJPEG", f"{origin}/video.mjpg", **login)
        await site.until_state(camera_id, "online", ONLINE_S)
        camera.password = "nova"
        await until_cause(site, camera_id, "wrong_password")
        status, body = await site.ask("PATCH", f"/api/v1/cameras/{camera_id}", {"password": "nova"})
        assert status == 200, body
        await site.until_state(camera_id, "online", ONLINE_S)


async def until_cause(site: Site, camera_id: str, cause: str) -> None:
    async def named() -> bool:
        return (await site.status(camera_id))["cause"] == cause

    await until(named, 20, f"the cause is {cause}")


@pytest.fixture
async def relayed(tmp_path: Path) -> AsyncIterator[tuple[Site, str, str]]:
    """A running site with an MJPEG camera and a tunnelled one with a password, both online."""
    async with AsyncExitStack() as stack:
        origin = await stack.enter_async_context(serving(PictureCamera().app))
        tunnels = {"tunnels.nuvem": {"command": tunnel_to("rtsp://127.0.0.1:{target}/live")}}
        site = await stack.enter_async_context(Site(tmp_path, **tunnels))
        camera = await site.camera("Longe", "--size", "320x240", "--username", "admin", "--password", "p@ss:w")
        await site.start()
        pictures = await site.add_camera("MJPEG", f"{origin}/video.mjpg", protocol="http")
        far = await site.add_camera(
            "Longe", "", protocol="p2p", tunnel="nuvem", tunnel_target=str(camera.port),
            username="admin", password="p@ss:w",
        )  # fmt: skip
        await asyncio.gather(*(site.until_state(one, "online", ONLINE_S) for one in (pictures, far)))
        yield site, pictures, far


async def test_a_tunnelled_camera_is_recorded_and_played_and_returns_when_its_tunnel_died(
    relayed: tuple[Site, str, str],
) -> None:
    site, _, far = relayed
    await prove(site, far)
    (tunnel,) = tunnels_of(site.folder)
    tunnel.kill()
    await site.until_state(far, "offline", 4)
    await until_cause(site, far, "tunnel_down")
    await site.until_state(far, "online", ONLINE_S)


async def test_relayed_cameras_are_recorded_while_vmsd_is_dead_and_end_with_mediamtx(
    relayed: tuple[Site, str, str],
) -> None:
    site, pictures, far = relayed
    await asyncio.gather(site.until_recording(pictures), site.until_recording(far))
    assert site.vmsd
    assert site.mediamtx
    relays = {one.pid for one in relays_of(site.folder)}
    await site.vmsd.end(signal.SIGKILL)
    for camera_id in (pictures, far):
        size = site.files(camera_id)[-1].stat().st_size

        async def grown(camera_id: str = camera_id, size: int = size) -> bool:
            newest = site.files(camera_id)[-1]
            return newest.stat().st_size > size + 2000 or len(site.files(camera_id)) > 2

        await until(grown, 10, "the recording grows")
    assert {one.pid for one in relays_of(site.folder)} == relays
    processes = [*relays_of(site.folder), *tunnels_of(site.folder)]
    assert len(processes) == 3
    assert await site.mediamtx.end(signal.SIGTERM) == 0
    await until_gone(processes, 1)


async def test_no_relay_outlives_its_camera_or_a_killed_mediamtx(relayed: tuple[Site, str, str]) -> None:
    site, pictures, far = relayed
    relays = {camera_id: relay_of(site, camera_id) for camera_id in (pictures, far)}
    assert (await site.ask("DELETE", f"/api/v1/cameras/{pictures}"))[0] == 204
    await until_gone([relays[pictures]], 10)
    assert is_alive(relays[far])
    assert site.mediamtx
    processes = [relays[far], *tunnels_of(site.folder)]
    await site.mediamtx.end(signal.SIGKILL)
    await until_gone(processes, 5)


def relay_of(site: Site, camera_id: str) -> psutil.Process:
    (relay,) = [one for one in relays_of(site.folder) if camera_id in one.cmdline()[-1]]
    return relay


async def test_the_substream_is_live_and_the_main_stream_is_recorded(site: Site) -> None:
    camera = await site.camera("Duas", "--size", "320x240", "--sub", "160x120@10", "--gop-s", "1")
    await site.start()
    camera_id = await site.add_camera("Duas", camera.url, sub_source_url=camera.facts["sub_url"])
    await prove_substream(site, camera_id)


async def prove_substream(site: Site, camera_id: str) -> None:
    await site.until_state(camera_id, "online", ONLINE_S)
    await site.until_recording(camera_id)
    assert (await play(site, camera_id))[:2] == (160, 120)
    assert (await play(site, f"{camera_id}_main"))[:2] == (320, 240)
    assert await codec_on_disk(site.files(camera_id)[0]) == ["h264", "320"]
    assert not (site.recordings / site.city_id / f"{camera_id}-sub").exists()


async def probe(site: Site, url: str, **fields: Any) -> tuple[int, dict[str, Any], float]:
    """Status, answer and how long it took."""
    clock = asyncio.get_running_loop()
    began = clock.time()
    status, body = await site.ask("POST", "/api/v1/cameras/probe", {"source_url": url} | fields)
    return status, body, clock.time() - began


def codes(body: dict[str, Any]) -> list[str]:
    return [one["code"] for one in body["warnings"]]


async def test_a_probe_tells_what_each_kind_of_source_sends(site: Site, tmp_path: Path) -> None:
    async with (
        serving_rtmp(tmp_path) as rtmp,
        serving_hls(tmp_path) as hls,
        serving(PictureCamera("sénha").app) as origin,
    ):
        await site.start()
        login = {"protocol": "http", "username": "admin", "password": "sénha"}
        asked = [
            probe(site, rtmp, protocol="rtmp"),
            probe(site, f"{origin}/video.mjpg", **login),
            probe(site, f"{origin}/still.jpg", **login),
        ]
        pushed, stream, single = [body for status, body, _ in await asyncio.gather(*asked) if status == 200]
        assert (pushed["codec"], pushed["width"], codes(pushed)) == ("h264", 320, [])
        assert pushed["gop_s"] == pytest.approx(1, abs=0.2)
        assert (stream["codec"], codes(stream)) == ("mjpeg", ["mjpeg_no_live"])
        assert stream["fps"] == pytest.approx(8, abs=2)
        assert (single["codec"], single["height"], codes(single)) == ("mjpeg", 240, ["mjpeg_no_live"])
        _, listed, _ = await probe(site, hls, protocol="http")
        assert (listed["codec"], listed["width"], codes(listed)) == ("h264", 320, [])


async def test_a_probe_warns_of_what_will_not_play(site: Site) -> None:
    hard = ("--codec", "h265", "--gop-s", "10", "--audio", "pcma")
    bad = [await site.camera("H.265", *hard), await site.camera("B", "--b-frames", "2")]
    good = await site.camera("Boa", "--audio", "aac")
    await site.start()
    answers = await asyncio.gather(*(probe(site, camera.url) for camera in (*bad, good)))
    modern, reordered, best = (body for _, body, _ in answers)
    assert (modern["codec"], modern["audio"]) == ("h265", "pcma")
    assert set(codes(modern)) == {"h265_browser", "gop_long", "audio_g711_hls"}
    assert (reordered["b_frames"], codes(reordered)) == (True, ["b_frames_webrtc"])
    assert (best["codec"], best["audio"], best["b_frames"], codes(best)) == ("h264", "aac", False, [])
    assert best["fps"] == pytest.approx(10, abs=1)


async def test_a_probe_names_what_stands_in_the_way_within_its_time(site: Site) -> None:
    camera = await site.camera("Fechada", "--username", "admin", "--password", "certa")
    async with serving(PictureCamera("certa").app) as origin, serving(PictureCamera().app) as mute:
        await site.start()
        good = {"username": "admin", "password": "certa"}
        wrong, http = {"username": "admin", "password": "errada"}, {"protocol": "http"}
        bare = f"rtsp://127.0.0.1:{camera.port}"
        asked = {
            "wrong_password": [
                probe(site, f"{bare}/live", **wrong),
                probe(site, f"{origin}/still.jpg", **wrong, **http),
            ],
            "no_such_stream": [probe(site, f"{bare}/nada", **good), probe(site, f"{origin}/nada", **good, **http)],
            "port_closed": [probe(site, f"rtsp://127.0.0.1:{free_port()}/live")],
            "timeout": [probe(site, f"{mute}/silent", **http)],
        }
        for cause, probes in asked.items():
            for status, body, took_s in await asyncio.gather(*probes):
                assert (status, body["cause"]) == (422, cause), body
                assert took_s < 6.5
                assert "certa" not in str(body)


async def test_the_command_probes_too(site: Site, tmp_path: Path) -> None:
    camera = await site.camera("Portaria", "--username", "admin", "--password", "s3nh@")
    process = await Process.start(*VMSD, "camera", "probe", camera.url, log=tmp_path / "probe.log")
    assert await process.wait(15) == 0
    assert json.loads(process.output())["codec"] == "h264"
    refused = await Process.start(*VMSD, "camera", "probe", camera.url.replace("s3nh", "x"), log=tmp_path / "x.log")
    assert await refused.wait(15) == 1
    assert refused.output().count("\n") == 1
