"""The command a path runs as long as it exists (`runOnInit`); the other hooks are not run."""

import asyncio
import os
import shlex
import signal
from contextlib import suppress
from string import Template

from logs import Journal
from paths import Path

_RESTART_PAUSE_S = 5
_END_S = 3


class InitCommand:
    """Started with its path, restarted when it ends, ended with its path."""

    def __init__(self, path: Path, rtsp_address: str, journal: Journal) -> None:
        self._path = path
        self._environment = {"MTX_PATH": path.name, "RTSP_PORT": rtsp_address.rpartition(":")[2]}
        self._journal = journal
        self._closed = False
        self._task = asyncio.create_task(self._run())

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._task.cancel()
        self._journal.info(f"{self._path.label} runOnInit command stopped")

    async def ended(self) -> None:
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        self._journal.info(f"{self._path.label} runOnInit command started")
        environment = {**os.environ, **self._environment}
        text = Template(self._path.conf["runOnInit"]).safe_substitute(environment)
        while True:
            code = await self._once(shlex.split(text), environment)
            self._journal.info(f"{self._path.label} runOnInit command exited: command exited with code {code}")
            if not self._path.conf["runOnInitRestart"]:
                return
            await asyncio.sleep(_RESTART_PAUSE_S)

    async def _once(self, command: list[str], environment: dict[str, str]) -> int:
        try:
            process = await asyncio.create_subprocess_exec(*command, env=environment, start_new_session=True)
        except OSError:
            return 1
        try:
            return await process.wait()
        finally:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Interrupt what is left of the command's process group, then kill it."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _END_S)
