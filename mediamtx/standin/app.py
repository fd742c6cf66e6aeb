"""The whole stand-in: what it is made of, and how a new configuration changes it."""

import asyncio
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path as FilePath
from typing import Protocol

from api import VERSION, ApiServer, Door
from auth import Auth
from hls import HlsServer
from hooks import InitCommand
from logs import Journal
from metrics import MetricsServer, WhepRefusal
from ondemand import OnDemand
from paths import Path, Paths, Source
from pull import Pull, can_pull
from rtmp import RtmpServer
from rtsp import RtspServer
from settings import ConfigError, Settings, load_settings

_POLL_S = 0.2
_MIN_RELOAD_INTERVAL_S = 1.0
_SETTLE_S = 0.01
_RESTART_ALL = ("log", "auth", "metrics", "pprof", "readTimeout", "write", "udp", "dumpPackets")
_RESTART_ALL_TOO = ("rtspAddress", "rtspEncryption", "sysLogPrefix")


class Server(Protocol):
    async def start(self) -> None: ...

    async def close(self) -> None: ...


class Standin:
    """Made of a good configuration; runs until a signal or until a bad one is put in its place."""

    def __init__(self, file: FilePath, settings: Settings) -> None:
        self._file = file
        self._settings = settings
        self._journal = Journal()
        self._auth = Auth(settings.globals["authInternalUsers"])
        self._paths = Paths(self._journal, self._changed)
        self._paths.start_source = self._start_source
        self._demand = OnDemand(self._paths, self._start_source)
        self._makers: dict[str, Callable[[], Server]] = {
            "metrics": self._make_metrics,
            "rtsp": self._make_rtsp,
            "rtmp": self._make_rtmp,
            "hls": self._make_hls,
            "webrtc": lambda: WhepRefusal(self._settings.globals),
            "api": self._make_api,
        }
        self._servers: dict[str, Server] = {}
        self._commands: dict[Path, InitCommand] = {}
        self._stop = asyncio.Event()
        self._turn = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changes: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Run to the end and return the process's exit code."""
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._interrupt)
        self._configure_logs()
        self._announce()
        chores = [self._watch(self._signature()), self._demand.sweep(), self._stop.wait()]
        tasks = [asyncio.create_task(chore) for chore in chores]
        try:
            await self._open()
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except OSError as error:
            self._journal.error(str(error))
            return 1
        finally:
            for task in tasks:
                task.cancel()
            await self._close(list(self._servers))
            self._paths.close()
            await self._follow_commands()
        return 0

    def _announce(self) -> None:
        self._journal.warn(
            "THIS IS A STAND-IN, NOT MEDIAMTX: it speaks for tests and demonstrations what vmsd needs of"
            " MediaMTX v1.20.1; no WebRTC (WHEP answers 404), no RTSP or RTMP readers, no playback, no hook but"
            " runOnInit"
        )
        self._journal.info(f"MediaMTX {VERSION}, linux, {platform.machine()}")
        self._journal.info(f"configuration loaded from {self._file.absolute()}")

    def _configure_logs(self) -> None:
        values = self._settings.globals
        self._journal.configure(values["logLevel"], structured=values["logStructured"])

    def _interrupt(self) -> None:
        self._journal.info("shutting down gracefully")
        self._stop.set()

    async def _open(self) -> None:
        """Start whatever is not running and should."""
        values = self._settings.globals
        self._paths.apply(self._settings)
        await self._follow_commands()
        for name, make in self._makers.items():
            if values[name] and name not in self._servers:
                self._servers[name] = server = make()
                await server.start()

    async def _follow_commands(self) -> None:
        """Run the command of every path that has one, and no other."""
        paths = self._paths.list()
        gone = [path for path in self._commands if path not in paths]
        for path in gone:
            self._commands[path].close()
        for path in gone:
            await self._commands[path].ended()
        for path in gone:
            self._commands.pop(path, None)
        address = self._settings.globals["rtspAddress"]
        for path in paths:
            if path.conf["runOnInit"] and path not in self._commands:
                self._commands[path] = InitCommand(path, address, self._journal)

    async def _close(self, names: Iterable[str]) -> None:
        for name in names:
            if server := self._servers.pop(name, None):
                await server.close()

    def _make_hls(self) -> HlsServer:
        return HlsServer(self._settings.globals, self._paths, self._demand, self._auth, self._journal)

    def _make_api(self) -> ApiServer:
        return ApiServer(
            Door(self._auth, self._journal),
            paths=self._paths,
            settings=lambda: self._settings,
            hls=self._find_hls,
            change=self._change_soon,
        )

    def _make_metrics(self) -> MetricsServer:
        values = self._settings.globals
        return MetricsServer(values, self._paths, self._auth, hls=self._find_hls, journal=self._journal)

    def _make_rtsp(self) -> RtspServer:
        return RtspServer(self._settings.globals, self._paths, self._auth, self._journal)

    def _make_rtmp(self) -> RtmpServer:
        return RtmpServer(self._settings.globals, self._paths, self._auth, self._journal)

    def _find_hls(self) -> HlsServer | None:
        server = self._servers.get("hls")
        return server if isinstance(server, HlsServer) else None

    def _start_source(self, path: Path) -> Source | None:
        if path.conf["source"] in ("publisher", "redirect"):
            return None
        if not can_pull(path.conf["source"]):
            self._journal.error(f"{path.label} the stand-in cannot pull this kind of source")
            return None
        pull = Pull(path, self._settings.globals, self._journal)
        if self._loop and not path.conf["sourceOnDemand"]:
            self._loop.call_soon(pull.start)
        return pull

    def _changed(self, path: Path) -> None:
        """From any thread: the path's stream has come or gone."""
        if self._loop:
            self._loop.call_soon_threadsafe(self._follow, path)

    def _follow(self, path: Path) -> None:
        if hls := self._find_hls():
            hls.follow(path)

    def _change_soon(self, settings: Settings) -> None:
        self._settings, old = settings, self._settings
        task = asyncio.create_task(self._change(old))
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)

    async def _change(self, old: Settings) -> None:
        """Bring the servers and paths from the old settings to those in force."""
        async with self._turn:
            new = self._settings
            changed = {key for key, value in new.globals.items() if old.globals[key] != value}
            users = {"authInternalUsers"}
            self._auth.users = new.globals["authInternalUsers"]
            if any(key.startswith(_RESTART_ALL) or key in _RESTART_ALL_TOO for key in changed - users):
                await self._close(list(self._servers))
                self._paths.close()
                self._configure_logs()
            await self._close([name for name in self._makers if any(key.startswith(name) for key in changed)])
            await self._open()

    async def _watch(self, seen: object) -> None:
        """Reload on a replaced or rewritten file; what changes within a second after a reload is missed."""
        reloaded_at = 0.0
        while True:
            await asyncio.sleep(_POLL_S)
            signature = self._signature()
            if signature is None or signature == seen:
                continue
            seen = signature
            if time.monotonic() - reloaded_at < _MIN_RELOAD_INTERVAL_S:
                continue
            await asyncio.sleep(_SETTLE_S)
            reloaded_at = time.monotonic()
            await self._reload()

    def _signature(self) -> object:
        try:
            stat = self._file.stat()
        except OSError:
            return None
        return (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size)

    async def _reload(self) -> None:
        self._journal.info("reloading configuration (file changed)")
        try:
            settings = load_settings(self._file)
            self._settings, old = settings, self._settings
            await self._change(old)
        except (ConfigError, OSError) as error:
            self._journal.error(str(error))
            self._stop.set()


def main(arguments: list[str]) -> int:
    if "--version" in arguments:
        sys.stdout.write(VERSION + "\n")
        return 0
    file = FilePath(arguments[0] if arguments else "mediamtx.yml")
    try:
        settings = load_settings(file)
    except ConfigError as error:
        sys.stdout.write(f"ERR: {error}\n")
        return 1
    return asyncio.run(Standin(file, settings).run())
