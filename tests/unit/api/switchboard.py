"""MediaMTX as WHEP and its API know it, one address for both: what `tests/contract/test_whep.py` says of it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FRAGMENT = "application/trickle-ice-sdpfrag"


@dataclass
class Switchboard:
    """`sessions` are paths by id, `secrets` ids by the end of an address; `refusal` is answered to every offer."""

    sessions: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    kicked: list[str] = field(default_factory=list)
    heard: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    refusal: tuple[int, str] | None = None
    hold: asyncio.Event | None = None
    anew: bytes = b""
    port: int = 0

    def begin(self, path: str) -> str:
        media_id = str(uuid4())
        self.sessions[media_id] = path
        return media_id

    def restart(self) -> None:
        self.sessions.clear()
        self.secrets.clear()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.heard.append(request)
        self.bodies.append(await request.read())
        if request.path == "/v3/webrtcsessions/list":
            items = [{"id": one, "path": path, "state": "read"} for one, path in self.sessions.items()]
            return web.json_response({"itemCount": len(items), "pageCount": 1, "items": items})
        if request.path.startswith("/v3/webrtcsessions/kick/"):
            return self._kick(request.path.rpartition("/")[2])
        if request.method == "POST":
            return await self._offer(request.path[1:].removesuffix("/whep"))
        return self._inside(request)

    def _kick(self, media_id: str) -> web.Response:
        if self.sessions.pop(media_id, None) is None:
            return web.json_response({"status": "error", "error": "session not found"}, status=404)
        self.kicked.append(media_id)
        return web.json_response({"status": "ok"})

    async def _offer(self, path: str) -> web.Response:
        if self.refusal is not None:
            return web.json_response({"status": "error", "error": self.refusal[1]}, status=self.refusal[0])
        media_id, secret = self.begin(path), str(uuid4())
        self.secrets[secret] = media_id
        if self.hold is not None:
            await self.hold.wait()
        response = web.Response(text="v=0 the answer", status=201, content_type="application/sdp")
        headers = {"Location": f"/{path}/whep/{secret}", "ETag": "*", "ID": media_id}
        response.headers.update(headers)
        for name in ("one", "two"):
            response.headers.add("Link", f'<stun:{name}.example>; rel="ice-server"')
        return response

    def _inside(self, request: web.Request) -> web.Response:
        secret = request.path.rpartition("/")[2]
        if self.secrets.get(secret) not in self.sessions:
            return web.json_response({"status": "error", "error": "session not found"}, status=404)
        if request.method == "DELETE":
            del self.sessions[self.secrets.pop(secret)]
            return web.json_response({"status": "ok"})
        if self.anew:
            return web.Response(body=self.anew, content_type=FRAGMENT, headers={"ETag": '"new"'})
        return web.Response(status=204)


@asynccontextmanager
async def switchboard() -> AsyncIterator[Switchboard]:
    board = Switchboard()
    runner = web.ServerRunner(web.Server(board.answer), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    board.port = runner.addresses[0][1]
    try:
        yield board
    finally:
        await runner.cleanup()
