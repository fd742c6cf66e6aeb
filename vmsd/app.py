"""The daemon's life: the store is opened, its parts are put together, it listens, works and takes its leave."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

import aiohttp
import structlog

from vmsd import __version__
from vmsd.api.application import build_app
from vmsd.api.safe_mode import answer_status_alone
from vmsd.api.server import Runner as WebRunner
from vmsd.base import Base, open_base, open_volume
from vmsd.clock import Clock, SystemClock
from vmsd.config import Settings
from vmsd.daemon import Daemon, Workers, worker_command
from vmsd.host.daemon_lock import daemon_lock
from vmsd.host.starts import Starts
from vmsd.host.systemd import Notifier, notifier_of
from vmsd.https import Addresses, Place, Tls, listen
from vmsd.services.probe import Prober
from vmsd.video.worker import Worker

log = structlog.get_logger()

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
SAFE_S = 3600.0
"""How long safe mode lasts before everything is tried again: nobody may be there to ask for it."""


async def run(settings: Settings, listening: Callable[[str], None], clock: Clock | None = None) -> None:
    """The daemon, until cancelled. `listening` is told its address once it answers.

    A bug in a task's loop ends everything: systemd starts it anew, and nothing recorded is lost by that.
    """
    notifier = notifier_of(os.environ)
    async with AsyncExitStack() as stack:
        stack.enter_context(daemon_lock(settings.data_dir))
        safe_mode = _look_back(stack, settings, notifier)
        base = await stack.enter_async_context(open_base(settings, clock))
        await tell_first_secret(base, spoken=not notifier.listened_to)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(limit=0))
        )
        prober = Prober(settings.cameras.probe_deadline_s, worker_command(), base.desired.hosts)
        workers = Workers(Worker(worker_command()), prober)
        stack.push_async_callback(workers.close)
        daemon = Daemon(base, open_volume(base), session, workers, notifier, safe_mode=safe_mode)
        stack.push_async_exit(daemon.take_leave)
        await daemon.prepare()
        addresses = await _listen(stack, daemon, settings)
        stack.push_async_callback(daemon.announcer.withdraw)
        stack.callback(notifier.stopping)
        notifier.ready(f"listening at {addresses.https or addresses.http}")
        listening(addresses.https or addresses.http)
        await _work(daemon)


def _look_back(stack: AsyncExitStack, settings: Settings, notifier: Notifier) -> bool:
    """Whether this daemon has kept ending by itself: asked only where systemd starts it again each time."""
    if not notifier.listened_to:
        return False
    starts = stack.enter_context(Starts(settings.runtime_dir, SystemClock().monotonic()))
    if starts.is_loop:
        log.error("daemon.safe_mode", crashes=len(starts.crashes_s))
    return starts.is_loop


async def _work(daemon: Daemon) -> None:
    """Until cancelled; in safe mode only for a while: the next start then tries everything again."""
    with suppress(TimeoutError):  # a task's own would come in a group
        async with asyncio.timeout(SAFE_S if daemon.safe_mode else None), asyncio.TaskGroup() as tasks:
            for runner in daemon.working:
                tasks.create_task(runner.run(), name=runner.task.name)


async def tell_first_secret(base: Base, *, spoken: bool = True) -> None:
    """On the console, whatever it is: plainly, and not through the log, which would keep it from the operator.

    Under systemd the console is the journal, which is kept and read by many: there it only says where the secret is.
    """
    first = await base.first_login.prepare()
    if first:
        sys.stdout.write(first.text if spoken else f"the single-use password of {first.name} is in {first.file}\n")
        sys.stdout.flush()


async def _listen(stack: AsyncExitStack, daemon: Daemon, settings: Settings) -> Addresses:
    http, https = settings.http, settings.https
    tls = Tls(Place(https.host, https.port), daemon.certificate.context, https.public_port)
    site = build_app(daemon.site)
    if daemon.safe_mode:
        site.middlewares.insert(0, answer_status_alone)
    runner = WebRunner(site, http)
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
