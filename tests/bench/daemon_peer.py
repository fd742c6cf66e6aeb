"""The peer of the start-up and memory figures: the same libraries, one route, nothing else."""

import aiosqlite
import argon2
import jinja2
import pydantic
import structlog
from aiohttp import web

STACK = (aiosqlite, argon2, jinja2, pydantic, structlog)


async def health(_request: web.Request) -> web.Response:
    return web.json_response({"status": "healthy", "libraries": len(STACK)})


def main(port: int) -> None:
    app = web.Application()
    app.router.add_get("/health", health)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    import sys

    main(int(sys.argv[1]))
