"""Stands between vmsd and MediaMTX's control API and writes down every call."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

API_ADDRESS = re.compile(r'apiAddress: "127\.0\.0\.1:\d+"')


def inode_of(file: Path) -> int:
    """Another one after every replacement."""
    return file.stat().st_ino


@dataclass
class ApiRecorder:
    """`calls` holds method and path of everything that was asked."""

    port: int
    calls: list[tuple[str, str]] = field(default_factory=list)

    @asynccontextmanager
    async def listening_at(self, port: int) -> AsyncIterator[None]:
        """Takes MediaMTX's place at `port` and passes everything on to where MediaMTX really is."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            yield
        finally:
            await runner.cleanup()

    async def _pass_on(self, request: web.Request) -> web.Response:
        self.calls.append((request.method, request.path))
        url = f"http://127.0.0.1:{self.port}{request.path_qs}"
        headers = {"Authorization": request.headers.get("Authorization", "")}
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.request(request.method, url, data=await request.read(), headers=headers) as answer,
            ):
                return web.Response(status=answer.status, body=await answer.read(), content_type="application/json")
        except aiohttp.ClientError:
            raise web.HTTPBadGateway from None

    @asynccontextmanager
    async def mirrored(self, file: Path, mirror: Path) -> AsyncIterator[None]:
        """Keeps `mirror` saying what `file` says, but with the API where MediaMTX really has it."""
        self._copy(file, mirror)
        copying = asyncio.create_task(self._copy_on(file, mirror))
        try:
            yield
        finally:
            copying.cancel()
            with suppress(asyncio.CancelledError):
                await copying

    async def _copy_on(self, file: Path, mirror: Path) -> None:
        known = inode_of(file)
        while True:
            await asyncio.sleep(0.1)
            if inode_of(file) != known:
                known = inode_of(file)
                self._copy(file, mirror)

    def _copy(self, file: Path, mirror: Path) -> None:
        text, count = API_ADDRESS.subn(f'apiAddress: "127.0.0.1:{self.port}"', file.read_text("utf-8"))
        assert count == 1
        temporary = mirror.with_suffix(".new")
        temporary.write_text(text, "utf-8")
        temporary.rename(mirror)
