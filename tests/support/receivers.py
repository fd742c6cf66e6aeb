"""A server of somebody else's that webhooks are sent to, and that misbehaves when it is told to."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.ports import free_port

HANG = 0
"""Instead of a status: no answer."""


@dataclass
class Receiver:
    """Keeps what it takes: what it answered 2xx to. `status` says what it answers, for each item or for all."""

    port: int
    secret: str = ""
    status: int | Callable[[dict[str, Any]], int] = 204
    headers: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    times: list[float] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    raw: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def numbers(self) -> list[int]:
        """Of the items that were taken, in the order they came."""
        return [one["data"]["number"] for one in self.taken if "number" in one["data"]]

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.asked += 1
        self.times.append(asyncio.get_running_loop().time())
        self.raw.append((dict(request.headers), body))
        self.check(request.headers, body)
        item = json.loads(body) if request.content_type == "application/json" else {}
        status = self.status(item) if callable(self.status) else self.status
        if status == HANG:
            await asyncio.sleep(60)
        if 200 <= status < 300:
            self.taken.append(item)
        return web.Response(status=status, headers=self.headers)

    def check(self, headers: Any, body: bytes) -> None:
        """As the receivers of Standard Webhooks do."""
        if not self.secret:
            return
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert hmac.compare_digest(headers["webhook-signature"], expected)


@asynccontextmanager
async def receiving(port: int | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver(port or free_port())
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", receiver.port).start()
        yield receiver
    finally:
        await runner.cleanup()
