"""The daemon's life: the store is opened, its parts are put together, it listens, works and takes its leave."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

import aiohttp
import structlog

from vmsd import __version__
from vmsd.api.application import build_app
from vmsd.api.server import Runner as WebRunner
from vmsd.base import Base, open_base, open_volume
from vmsd.clock import Clock
from vmsd.config import Settings
from vmsd.daemon import Daemon, Workers, worker_command
from vmsd.host.daemon_lock import daemon_lock
from vmsd.https import Addresses, Place, Tls, listen
from vmsd.services.probe import Prober
from vmsd.video.worker import Worker

log = structlog.get_logger()

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def run(settings: Settings, listening: Callable[[str], None], clock: Clock | None = None) -> None:
    """The daemon, until cancelled. `listening` is told its address once it answers.

    A bug in a task's loop ends everything: systemd starts it anew, and nothing recorded is lost by that.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(daemon_lock(settings.data_dir))
        base = await stack.enter_async_context(open_base(settings, clock))
        await tell_first_secret(base)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(limit=0))
        )
        prober = Prober(settings.cameras.probe_deadline_s, worker_command(), base.desired.hosts)
        workers = Workers(Worker(worker_command()), prober)
        stack.push_async_callback(workers.close)
        daemon = Daemon(base, open_volume(base), session, workers)
        stack.push_async_exit(daemon.take_leave)
        await daemon.prepare()
        addresses = await _listen(stack, daemon, settings)
        stack.push_async_callback(daemon.announcer.withdraw)
        listening(addresses.https or addresses.http)
        async with asyncio.TaskGroup() as tasks:
            for runner in daemon.runners:
                tasks.create_task(runner.run(), name=runner.task.name)


async def tell_first_secret(base: Base) -> None:
    """On the console, whatever it is: plainly, and not through the log, which would keep it from the operator."""
    first = await base.first_login.prepare()
    if first:
        sys.stdout.write(first.text)
        sys.stdout.flush()


async def _listen(stack: AsyncExitStack, daemon: Daemon, settings: Settings) -> Addresses:
    http, https = settings.http, settings.https
    tls = Tls(Place(https.host, https.port), daemon.certificate.context, https.public_port)
    runner = WebRunner(build_app(daemon.site), http)
    addresses = await listen(stack, runner, Place(http.host, http.port), tls if https.enabled else None)
    log.info("http.listening", http=addresses.http, https=addresses.https, version=__version__)
    return addresses


async def run_until_stopped(settings: Settings) -> None:
    """The daemon, until SIGTERM or SIGINT; then it stops within seconds, and MediaMTX records on."""
    cancel_on_signals()
    with suppress(asyncio.CancelledError):
        await run(settings, lambda _: None)
    log.info("daemon.stopped")


def cancel_on_signals() -> None:
    """From now on SIGTERM and SIGINT cancel the current task."""
    current = asyncio.current_task()
    assert current is not None  # noqa: S101 - called from a coroutine
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, current.cancel)
