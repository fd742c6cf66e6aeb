"""The HLS proxy in a real aiohttp process, with a signed token checked on every request.

`/check/...` answers only that: it is the service nginx asks who may see.
"""

import asyncio
import hashlib
import hmac
import sys

import aiohttp
from aiohttp import web

from vmsd.clock import SystemClock
from vmsd.errors import VmsdError
from vmsd.live.hls import HlsLimits, HlsProxy

KEY = b"the key of the benchmark"


def sign(text: str) -> str:
    return f"{text}.{hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()}"


def check(token: str) -> str:
    text, _, _ = token.rpartition(".")
    if not hmac.compare_digest(sign(text), token):
        raise web.HTTPUnauthorized
    return text


async def main(origin: str, port: int) -> None:
    session = aiohttp.ClientSession()
    limits = HlsLimits(requests_per_viewer=10_000)
    proxy = HlsProxy(session=session, origin_url=origin, cdn_secret="s" * 32, clock=SystemClock(), limits=limits)

    async def handle(request: web.Request) -> web.StreamResponse:
        token = request.query.get("token", "")
        viewer = check(token)
        try:
            return await proxy.serve(
                request,
                request.match_info["id"],
                request.match_info["file"],
                viewer=viewer,
                query={"token": token},
            )
        except VmsdError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error

    async def answer_nginx(request: web.Request) -> web.Response:
        check(request.query.get("token", ""))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_get("/check/{tail:.*}", answer_nginx)
    app.router.add_get("/hls/stream_{id}/{file}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
