"""Decoding apart from the daemon: right pictures, and no request that can hurt the next one."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import av
import pytest

from tests.unit.video import mp4_fixture as mp4
from vmsd.demo.camera_picture import read_strip
from vmsd.errors import BadMedia, DecoderLost, TooMany
from vmsd.video import fmp4
from vmsd.video.frames import MOST_BLOB_BYTES, Message
from vmsd.video.worker import Worker

_SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")
_BABBLER = (sys.executable, "-c", "import sys, time; sys.stdout.write('x' * 99999); time.sleep(60)")
_QUITTER = (sys.executable, "-c", "import os; os._exit(11)")


@asynccontextmanager
async def working(*argv: str, **options):
    worker = Worker(argv or None, **options)
    try:
        yield worker
    finally:
        await worker.close()


def keyframe(second: int = 2) -> fmp4.Keyframe:
    file = BytesIO(mp4.recording().data)
    header = fmp4.read_header(file)
    return fmp4.read_keyframe(file, header, fmp4.scan(file, header).fragments[second].keyframes[0])


def strip_of(jpeg: bytes) -> tuple[int, int]:
    (frame,) = av.CodecContext.create("mjpeg", "r").decode(av.Packet(jpeg))
    gray = frame.reformat(format="gray")
    data, stride = bytes(gray.planes[0]), gray.planes[0].line_size
    rows = (data[row * stride : row * stride + gray.width] for row in range(gray.height))
    return read_strip(b"".join(rows), gray.width, gray.height)


async def until(holds) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - another process has no event to wait for
            await asyncio.sleep(0.01)


async def ended(pid: int) -> None:
    """Returns when the process is gone (or only waits to be collected)."""
    stat = Path(f"/proc/{pid}/stat")
    await until(lambda: not stat.exists() or ") Z " in stat.read_text())


async def test_a_still_shows_the_very_picture_that_was_recorded():
    async with working() as worker:
        for second in (0, 2):
            picture = await worker.jpeg(keyframe(second))
            assert (picture.width, picture.height) == (320, 240)
            assert strip_of(picture.jpeg) == (second * 10, mp4.EPOCH_MS + second * 1000)
            assert 40 < picture.luma_mean < 200


async def test_a_still_is_scaled_in_its_proportions():
    async with working() as worker:
        picture = await worker.jpeg(keyframe(), width=160)
        assert (picture.width, picture.height) == (160, 120)
        assert (await worker.jpeg(keyframe(), width=1)).width == 16


@pytest.mark.parametrize(
    "change",
    [
        {"data": b""},
        {"data": bytes(500)},
        {"data": b"\xff" * 500},
        {"extradata": b"\x01\x42"},
        {"codec": "flv1"},
        {"codec": "h265"},
    ],
)
async def test_bytes_that_are_no_picture_are_bad_media_and_nothing_else(change):
    async with working() as worker:
        with pytest.raises(BadMedia):
            await worker.jpeg(replace(keyframe(), **change))
        assert (await worker.jpeg(keyframe())).width == 320


async def test_a_process_that_died_is_started_again():
    async with working() as worker:
        await worker.jpeg(keyframe())
        pid = worker.pid
        subprocess.run(["kill", "-9", str(pid)], check=True)  # noqa: ASYNC221 - it returns at once
        await ended(pid)
        for _ in range(2):  # the first may still meet the pipe of the dead one
            try:
                picture = await worker.jpeg(keyframe())
            except BadMedia:
                continue
            break
        assert picture.width == 320
        assert worker.pid not in (None, pid)


@pytest.mark.parametrize("argv", [_BABBLER, _QUITTER])
async def test_a_process_that_talks_nonsense_or_quits_is_bad_media(argv):
    async with working(*argv) as worker:
        with pytest.raises(BadMedia):
            await worker.jpeg(keyframe())
        assert worker.pid is None


async def test_a_picture_that_takes_too_long_ends_its_process():
    async with working(*_SLEEPER) as worker:
        asking = asyncio.ensure_future(worker.jpeg(keyframe(), deadline_s=0.3))
        await until(lambda: worker.pid)
        pid = worker.pid
        with pytest.raises(BadMedia):
            await asking
        await ended(pid)


async def test_a_request_given_up_leaves_the_next_one_its_own_answer():
    async with working() as worker:
        await worker.jpeg(keyframe())
        for _ in range(3):
            asking = asyncio.ensure_future(worker.jpeg(keyframe(0)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            assert strip_of((await worker.jpeg(keyframe(2))).jpeg)[0] == 20


async def test_a_queue_that_is_full_refuses_at_once():
    async with working(*_SLEEPER, most_waiting=2) as worker:
        asking = [asyncio.ensure_future(worker.jpeg(keyframe(), deadline_s=0.3)) for _ in range(3)]
        results = await asyncio.gather(*asking, return_exceptions=True)
        kinds = [type(result) for result in results]
        assert (kinds.count(TooMany), kinds.count(DecoderLost)) == (1, 2)


async def test_closing_ends_the_process_and_who_waits_for_it():
    worker = Worker(_SLEEPER)
    asking = asyncio.ensure_future(worker.jpeg(keyframe()))
    await until(lambda: worker.pid)
    pid = worker.pid
    await worker.close()
    with pytest.raises(BadMedia):
        await asking
    await ended(pid)


def test_the_process_ends_when_the_daemon_does():
    child = subprocess.Popen(
        [sys.executable, "-m", "vmsd.video.worker_main"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin
    assert child.stdout
    request = Message({"op": "jpeg", "codec": "h264", "width": None}, (keyframe().extradata, keyframe().data))
    child.stdin.write(request.encode())
    child.stdin.flush()
    assert child.stdout.read(4)
    limits = Path(f"/proc/{child.pid}/limits").read_text()
    child.stdin.close()
    child.stdout.close()
    assert child.wait(10) in (0, 1, 120)
    rows = {row[:25].strip(): row[25:].split()[0] for row in limits.splitlines()[1:]}
    assert rows["Max file size"] == "0"
    assert int(rows["Max address space"]) <= 2 << 30
    assert int(rows["Max cpu time"]) <= 60


async def test_a_message_over_the_limit_is_never_sent():
    async with working() as worker:
        with pytest.raises(BadMedia):
            await worker.jpeg(replace(keyframe(), data=bytes(MOST_BLOB_BYTES + 1)))
