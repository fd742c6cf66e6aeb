"""Bytes no browser sends, to the real daemon: refused, forgotten, and not felt by anybody else."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from tests.support.site import Site

MIB = 1024**2
HELD = 150
"""Connections kept half-said at once; one address may have 200."""
FELT_S = 0.3
NEXT = b"GET /health HTTP/1.1\r\nHost: x\r\nX-Smuggled: yes\r\n\r\n"


def said(*lines: bytes, body: bytes = b"", method: bytes = b"POST", path: bytes = b"/api/v1/auth/login") -> bytes:
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", b"Host: x", *lines, b"", body])


SMUGGLED = {
    "length and chunks": said(b"Content-Length: 6", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + NEXT),
    "chunks and length": said(b"Transfer-Encoding: chunked", b"Content-Length: 6", body=b"0\r\n\r\n" + NEXT),
    "two lengths": said(b"Content-Length: 0", b"Content-Length: 55", body=NEXT),
    "a list of lengths": said(b"Content-Length: 0, 55", body=NEXT),
    "a signed length": said(b"Content-Length: +0", body=NEXT),
    "a length in hex": said(b"Content-Length: 0x0", body=NEXT),
    "a length with a line": said(b"Content-Length: 0\n55", body=NEXT),
    "chunked twice": said(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=b"0\r\n\r\n" + NEXT),
    "chunked not last": said(b"Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n" + NEXT),
    "an unknown encoding": said(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + NEXT),
    "a space before the colon": said(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n" + NEXT),
    "a tab before the word": said(b"Transfer-Encoding:\x0bchunked", body=b"0\r\n\r\n" + NEXT),
    "a folded header": said(b"Transfer-Encoding:", b" chunked", body=b"0\r\n\r\n" + NEXT),
    "a bare line feed in the chunks": said(b"Transfer-Encoding: chunked", body=b"0\n\n" + NEXT),
    "a chunk with a sign": said(b"Transfer-Encoding: chunked", body=b"-1\r\n\r\n" + NEXT),
    "a chunk without an end": said(b"Transfer-Encoding: chunked", body=b"1\r\naGET" + NEXT),
    "a huge chunk": said(b"Transfer-Encoding: chunked", body=b"fffffffffffffffff\r\n" + NEXT),
    "a chunk extension without end": said(b"Transfer-Encoding: chunked", body=b"0;" + b"a" * 100_000 + b"\r\n\r\n"),
    "bare line feeds": b"GET /health HTTP/1.1\nHost: x\n\n" + NEXT,
    "a carriage return alone": b"GET /health HTTP/1.1\rHost: x\r\r" + NEXT,
    "a null in a name": said(b"Content\x00-Length: 55", body=NEXT),
    "a header with a null": said(b"X: a\x00b", body=NEXT),
}
REFUSED = {
    "two hosts": said(b"Host: y", method=b"GET", path=b"/health"),
    "10,000 headers": said(*(b"X-%d: y" % number for number in range(10_000)), method=b"GET", path=b"/health"),
    "one header of 1 MiB": said(b"X: " + b"y" * MIB, method=b"GET", path=b"/health"),
    "an address of 1 MiB": said(method=b"GET", path=b"/" + b"a" * MIB),
    "no version": b"GET /health\r\n\r\n",
    "a version of tomorrow": b"GET /health HTTP/7.0\r\nHost: x\r\n\r\n",
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tunnel": b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n",
    "TLS on the plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 600,
    "a gzip bomb": said(
        b"Content-Type: application/json",
        b"Content-Encoding: gzip",
        b"Content-Length: %d" % len(gzip.compress(b" " * 64 * MIB)),
        body=gzip.compress(b" " * 64 * MIB),
    ),
    "ten thousand brackets": said(b"Content-Type: application/json", b"Content-Length: 200000", body=b"[" * 200_000),
}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with Site(tmp_path, http={"keepalive_s": 1.0, "body_deadline_s": 2.0}) as site:
        await site.start_vmsd(healthy=False)
        yield site


async def say(site: Site, raw: bytes) -> bytes:
    """All that comes back until the daemon closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.ports.http)
    try:
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                writer.write(raw)
                await writer.drain()
            with contextlib.suppress(ConnectionError):
                return await reader.read()
            return b""
    finally:
        writer.close()


def statuses(answer: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"^HTTP/1\.1 (\d{3})", answer, re.MULTILINE)]


async def test_no_second_request_is_read_out_of_a_doubtful_one(site):
    for name, raw in SMUGGLED.items():
        heard = statuses(await say(site, raw))
        assert all(400 <= status < 500 for status in heard), (name, heard)
        assert len(heard) <= 1, (name, heard)


async def test_what_nobody_honest_sends_is_refused(site):
    for name, raw in REFUSED.items():
        heard = statuses(await say(site, raw))
        assert all(400 <= status < 500 for status in heard), (name, heard)


async def test_all_of_it_at_once_is_felt_by_nobody_and_fills_no_memory(site):
    """The limits close slow ones after a second or two: meanwhile somebody works on as if nothing were."""
    daemon = psutil.Process(site.vmsd.pid)
    bytes_before = daemon.memory_info().rss
    async with asyncio.TaskGroup() as group:
        attackers = [group.create_task(pester(site, number)) for number in range(HELD)]
        waited_s = [await timed(site) for _ in range(60)]
        for attacker in attackers:
            attacker.cancel()
    waited_s.sort()
    assert waited_s[len(waited_s) * 9 // 10] < FELT_S, waited_s[-10:]
    assert daemon.memory_info().rss - bytes_before < 64 * MIB


async def timed(site: Site) -> float:
    began = time.monotonic()
    status, _ = await site.ask("GET", "/api/v1/cameras")
    assert status == 200
    await asyncio.sleep(0.02)
    return time.monotonic() - began - 0.02


async def pester(site: Site, number: int) -> None:
    """One of: half a header, half a body, a bomb, far too many headers; again and again."""
    slow = said(b"Content-Type: application/json", b"Content-Length: 100")
    raw = slow[:40] if number % 2 else slow
    if number % 10 == 0:
        raw = REFUSED["10,000 headers" if number % 20 else "a gzip bomb"]
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            await say(site, raw)
