"""What the HTTP servers share: listening, answers in the real server's shapes, allowed origins."""

import json
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web
from auth import Auth, Credentials, DeniedError, read_credentials

_SERVER = "mediamtx"


def json_answer(value: Any, status: int = 200) -> web.Response:
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return web.Response(text=body, status=status, content_type="application/json", charset="utf-8")


def error_answer(status: int, message: str) -> web.Response:
    return json_answer({"status": "error", "error": message}, status)


def not_found() -> web.Response:
    return web.Response(status=404, body=b"404 page not found", content_type="text/plain")


def denied_answer(denied: DeniedError) -> web.Response:
    answer = error_answer(401, str(denied))
    if denied.ask:
        answer.headers["WWW-Authenticate"] = 'Basic realm="mediamtx"'
    return answer


def credentials_of(request: web.Request) -> Credentials:
    return read_credentials(request.headers.get("Authorization", ""))


async def check_access(auth: Auth, request: web.Request, action: str, path: str = "") -> str:
    return await auth.check(action, path, request.remote or "127.0.0.1", credentials_of(request))


def split_address(address: str) -> tuple[str | None, int]:
    """Host and port of a listen address; no host means every interface."""
    host, _, port = address.rpartition(":")
    return host.strip("[]") or None, int(port)


def with_origins(app: web.Application, allowed: list[str], methods: str, headers: str) -> None:
    """Mark every answer with the server's name and the origin it allows, and answer preflights."""

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Server"] = _SERVER
        if origin := _allowed_origin(request.headers.get("Origin", ""), allowed):
            response.headers["Access-Control-Allow-Origin"] = origin

    @web.middleware
    async def preflight(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.method == "OPTIONS" and request.headers.get("Access-Control-Request-Method"):
            answer = {"Access-Control-Allow-Methods": methods, "Access-Control-Allow-Headers": headers}
            return web.Response(status=204, headers=answer)
        handled: web.StreamResponse = await handler(request)
        return handled

    app.on_response_prepare.append(prepare)
    app.middlewares.append(preflight)


def _allowed_origin(origin: str, allowed: list[str]) -> str | None:
    if origin and any(fnmatchcase(origin, pattern) for pattern in allowed if pattern != "*"):
        return origin
    return "*" if "*" in allowed else None


class Listener:
    """One HTTP server on one address."""

    def __init__(self, app: web.Application, address: str) -> None:
        self._app = app
        self._host, self._port = split_address(address)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, self._host, self._port, reuse_address=True).start()

    async def close(self) -> None:
        if self._runner:
            await self._runner.cleanup()
            self._runner = None
