"""What is posted is sent on to every WebSocket, and nothing else: no door, no database, no thought."""

from __future__ import annotations

import sys

from aiohttp import web

SOCKETS: set[web.WebSocketResponse] = set()


async def listen(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    SOCKETS.add(socket)
    try:
        async for _ in socket:
            pass
    finally:
        SOCKETS.discard(socket)
    return socket


async def tell(request: web.Request) -> web.Response:
    text = await request.text()
    for socket in tuple(SOCKETS):
        await socket.send_str(text)
    return web.Response(status=202)


async def up(_request: web.Request) -> web.Response:
    return web.Response()


def main() -> None:
    app = web.Application()
    app.router.add_get("/", up)
    app.router.add_get("/ws", listen)
    app.router.add_post("/", tell)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
