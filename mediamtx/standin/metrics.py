"""The metrics endpoint: the few figures of paths and HLS sessions that can be told here."""

from collections.abc import Callable
from typing import Any

from aiohttp import web
from auth import Auth, DeniedError
from hls import HlsServer
from logs import Journal
from paths import Paths

from web import Listener, check_access, denied_answer, not_found, with_origins

_FIGURES = (
    ("paths_inbound_bytes", "inboundBytes"),
    ("paths_outbound_bytes", "outboundBytes"),
    ("paths_inbound_frames_in_error", "inboundFramesInError"),
)


class MetricsServer:
    """Answers `/metrics` in the Prometheus text format."""

    def __init__(
        self,
        values: dict[str, Any],
        paths: Paths,
        auth: Auth,
        *,
        hls: Callable[[], HlsServer | None],
        journal: Journal,
    ) -> None:
        self._paths = paths
        self._auth = auth
        self._hls = hls
        self._journal = journal
        self._address: str = values["metricsAddress"]
        app = web.Application()
        with_origins(app, values["metricsAllowOrigins"], "OPTIONS, GET", "Authorization")
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._listener = Listener(app, self._address)

    async def start(self) -> None:
        await self._listener.start()
        self._journal.info(f"[metrics] started with listener on {self._address} (TCP/HTTP)")

    async def close(self) -> None:
        await self._listener.close()

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            await check_access(self._auth, request, "metrics")
        except DeniedError as denied:
            return denied_answer(denied)
        if request.path != "/metrics" or request.method != "GET":
            return not_found()
        return web.Response(text=self._figures(), content_type="text/plain")

    def _figures(self) -> str:
        lines = []
        for path in self._paths.list():
            item = path.describe()
            state = "ready" if item["available"] else "notReady"
            labels = f'{{name="{path.name}",state="{state}"}}'
            lines.append(f"paths{labels} 1")
            lines += [f"{figure}{labels} {item[key]}" for figure, key in _FIGURES]
            lines.append(f"paths_readers{labels} {len(item['readers'])}")
        hls = self._hls()
        lines += [f'hls_sessions{{id="{s["id"]}",path="{s["path"]}"}} 1' for s in (hls.list_sessions() if hls else [])]
        return "\n".join(lines) + "\n"


class WhepRefusal:
    """Stands on the WebRTC address and has nothing to offer."""

    def __init__(self, values: dict[str, Any]) -> None:
        app = web.Application()
        with_origins(app, values["webrtcAllowOrigins"], "OPTIONS, GET, POST", "Authorization, Content-Type")
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._listener = Listener(app, values["webrtcAddress"])

    async def start(self) -> None:
        await self._listener.start()

    async def close(self) -> None:
        await self._listener.close()

    async def _answer(self, _request: web.Request) -> web.Response:
        return not_found()
