"""Sources that send their callers elsewhere, and the place they send them to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiohttp import web

from tests.support.sources import jpeg, listening

Head = dict[str, str]


@dataclass
class Counter:
    """A listener that notes whatever is said to it, whoever comes and in whatever protocol."""

    port: int = 0
    connections: int = 0
    said: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.said.append(await reader.read(4096))


@asynccontextmanager
async def counting(host: str = "127.0.0.1") -> AsyncIterator[Counter]:
    """The place nobody may be sent to."""
    counter = Counter()
    async with listening(counter.serve, host) as counter.port:
        yield counter


def sending_to(elsewhere: str, status: int = 302) -> web.Application:
    """A server whose every page is elsewhere; `elsewhere` may hold `{path}`."""
    app = web.Application()

    async def send(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": elsewhere.format(path=request.path)})

    app.router.add_get("/{path:.*}", send)
    return app


def playing(playlist: str, **files: bytes) -> web.Application:
    """A server of HLS with this very playlist, and of a picture."""
    app = web.Application()

    async def play(_: web.Request) -> web.Response:
        return web.Response(body=playlist.encode(), content_type="application/vnd.apple.mpegurl")

    async def file(request: web.Request) -> web.Response:
        return web.Response(body=files.get(request.match_info["name"], b""))

    async def picture(_: web.Request) -> web.Response:
        return web.Response(body=jpeg(1), content_type="image/jpeg")

    app.router.add_get("/index.m3u8", play)
    app.router.add_get("/still.jpg", picture)
    app.router.add_get("/{name}", file)
    return app


Answers = Callable[[str, int], str]
"""What to answer to a method, the how manyth question it is: status line and headers without CSeq."""


@dataclass
class RtspLiar:
    """An RTSP server that answers what a test wants, and counts."""

    answers: Answers
    port: int = 0
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(EOFError, OSError):
            while True:
                first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                head = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
                self.asked.append(first)
                answer = self.answers(first.partition(" ")[0], len(self.asked)).replace("{cseq}", head["cseq"])
                writer.write(answer.encode())
                await writer.drain()


@asynccontextmanager
async def lying(answers: Answers) -> AsyncIterator[RtspLiar]:
    liar = RtspLiar(answers)
    async with listening(liar.serve) as liar.port:
        yield liar


def rtsp_redirect(url: str, status: int = 302) -> Answers:
    """Everything but OPTIONS is elsewhere."""

    def answer(method: str, _: int) -> str:
        if method == "OPTIONS":
            return "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nPublic: DESCRIBE, SETUP, PLAY\r\n\r\n"
        return f"RTSP/1.0 {status} Found\r\nCSeq: {{cseq}}\r\nLocation: {url}\r\n\r\n"

    return answer
