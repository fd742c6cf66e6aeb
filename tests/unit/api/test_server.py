"""Slow, silent, huge and many: the connections themselves, spoken to byte by byte."""

from __future__ import annotations

import asyncio
import gzip
import time
from typing import TYPE_CHECKING

import pytest

from tests.unit.api.served import serve

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024
QUICK = {"keepalive_s": 0.5, "body_deadline_s": 0.5, "connections": 30, "connections_per_address": 20}


async def talk(
    port: int, *parts: bytes, pause_s: float = 0.0, host: str = "127.0.0.1", head_only: bool = False
) -> bytes:
    """All that comes back until the other side closes, or just the head of the answer."""
    async with asyncio.timeout(8):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(host, 0))
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause_s)
            return await (reader.readuntil(b"\r\n\r\n") if head_only else reader.read())
        except ConnectionError:
            return b""
        finally:
            writer.close()


def post(who: dict[str, str], *lines: str, path: str = "/api/v1/cameras") -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", *lines]
    head += [f"{name}: {value}" for name, value in who.items()]
    return "\r\n".join([*head, "", ""]).encode()


@pytest.fixture
async def quick(tmp_path: Path):
    async with serve(tmp_path, http=QUICK) as served:
        city = await served.city("Aqui")
        await served.person("gestora", "GESTOR", city)
        yield served


async def test_a_body_that_does_not_come_is_not_waited_for(quick):
    who = await quick.token("gestora")
    began = time.monotonic()
    answer = await talk(quick.port, post(who, "Content-Length: 100"), b'{"name":', head_only=True)
    assert b" 408 " in answer.split(b"\r\n")[0]
    assert b"problem+json" in answer
    assert time.monotonic() - began < 5


async def test_a_body_that_trickles_is_cut_off(quick):
    who = await quick.token("gestora")
    answer = await talk(quick.port, post(who, "Content-Length: 100"), *[b" "] * 12, pause_s=0.1, head_only=True)
    assert b" 408 " in answer.split(b"\r\n")[0]


async def test_a_client_that_leaves_in_the_middle_is_no_error_of_ours(quick, capsys):
    who = await quick.token("gestora")
    _, writer = await asyncio.open_connection("127.0.0.1", quick.port)
    writer.write(post(who, "Content-Length: 100") + b'{"name":')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await quick.ask("GET", "/health")).status == 200
    assert "failed" not in capsys.readouterr().out


async def test_headers_that_do_not_come_and_silence_are_closed(quick):
    for said in (
        (),
        (b"GET /health HTT",),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n",),
        (b"GET / HTTP/1.1\r\n", *[b"A: b\r\n"] * 9),
    ):
        began = time.monotonic()
        assert await talk(quick.port, *said, pause_s=0.1) == b""
        assert time.monotonic() - began < 3


async def test_a_body_over_the_limit_is_refused_before_it_is_read(quick):
    who = await quick.token("gestora")
    answer = await talk(quick.port, post(who, f"Content-Length: {10 * MIB}"), b"{", head_only=True)
    assert b" 413 " in answer.split(b"\r\n")[0]
    whole = post(who, f"Content-Length: {10 * MIB}") + b"x" * 10 * MIB
    answer = await talk(quick.port, whole)
    assert b" 413 " in answer.split(b"\r\n")[0]


async def test_a_chunked_body_is_counted_too(quick):
    who = await quick.token("gestora")
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    answer = await talk(quick.port, post(who, "Transfer-Encoding: chunked"), *[chunk] * 20, b"0\r\n\r\n")
    assert b" 413 " in answer.split(b"\r\n")[0]
    small = b"{}\r\n"
    answer = await talk(quick.port, post(who, "Transfer-Encoding: chunked"), b"2\r\n" + small + b"0\r\n\r\n")
    assert b" 422 " in answer.split(b"\r\n")[0]
    answer = await talk(quick.port, post(who, "Transfer-Encoding: chunked"), b"zz\r\n")
    assert answer.split(b"\r\n")[0].split()[1] == b"400"


async def test_a_gzip_bomb_is_not_unpacked(quick):
    bomb = gzip.compress(b" " * 64 * MIB)
    who = await quick.token("gestora")
    answer = await talk(quick.port, post(who, "Content-Encoding: gzip", f"Content-Length: {len(bomb)}") + bomb)
    assert b" 415 " in answer.split(b"\r\n")[0]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost : y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET " + b"/a" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 40,
        b"\r\n\r\n\r\n\r\nnonsense\r\n\r\n",
    ],
    ids=lambda raw: repr(raw[:50]),
)  # fmt: skip
async def test_what_is_no_request_is_refused_and_closed(quick, request_):
    answer = await talk(quick.port, request_)
    assert answer == b"" or answer.split(b" ")[1].startswith(b"4"), answer[:200]
    assert (await quick.ask("GET", "/health")).status == 200


async def test_bytes_that_are_no_text_are_no_credentials(quick):
    for line in (b"Authorization: Bearer vmsd_\xff\xfe", b"Cookie: vmsd=\xff\xfe", b"X-City-ID: \xff"):
        request = b"GET /api/v1/cameras HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + line + b"\r\n\r\n"
        assert b" 401 " in (await talk(quick.port, request)).split(b"\r\n")[0]
    for path in (b"/api/v1/cameras/\xff", b"/hls/stream_\xff/index.m3u8?token=\xff", b"/api/v1/cameras?cursor=\xff"):
        request = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert (await talk(quick.port, request)).split()[1] in (b"400", b"401")


async def test_one_address_has_so_many_connections_and_all_together_so_many(quick):
    opened = []

    async def is_served(host: str) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", quick.port, local_addr=(host, 0))
        opened.append(writer)
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            async with asyncio.timeout(3):
                return bool(await reader.read(12))
        except ConnectionError:
            return False

    assert [await is_served("127.0.0.1") for _ in range(29)] == [True] * 29
    assert await is_served("127.0.0.2")
    assert not await is_served("127.0.0.3")
    for writer in opened:
        writer.close()


async def test_connections_of_one_address_are_counted():
    from vmsd.api.server import Connections
    from vmsd.config import Http

    connections = Connections(Http(connections=30, connections_per_address=10))
    assert [connections.enter("198.51.100.7") for _ in range(12)] == [True] * 10 + [False] * 2
    assert connections.enter("198.51.100.8")
    assert [connections.enter("127.0.0.1") for _ in range(20)] == [True] * 17 + [False] * 3
    for _ in range(20):
        connections.leave("127.0.0.1")
    for _ in range(3):
        connections.leave("198.51.100.7")
    assert connections.enter("198.51.100.7")


async def test_idle_connections_leave_room_again_within_seconds(quick):
    idle = [await asyncio.open_connection("127.0.0.1", quick.port) for _ in range(29)]
    async with asyncio.timeout(5):
        for reader, writer in idle:
            assert await reader.read() == b""
            writer.close()
    assert (await quick.ask("GET", "/health")).status == 200
