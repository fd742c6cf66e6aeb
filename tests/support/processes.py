"""Child processes of a test, each with its output in a file."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any


def die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Process:
    """A child that is surely gone when the test is over."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self.log = log

    @classmethod
    async def start(cls, *command: object, log: Path, env: dict[str, str] | None = None) -> Process:
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *map(str, command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | (env or {}),
                preexec_fn=die_with_parent,
            )
        return cls(process, log)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def end(self, number: int = signal.SIGTERM, within_s: float = 15) -> int:
        """Send a signal and wait for the end; the exit code."""
        if self.running:
            self._process.send_signal(number)
        try:
            async with asyncio.timeout(within_s):
                return await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise

    async def wait(self, within_s: float) -> int:
        async with asyncio.timeout(within_s):
            return await self._process.wait()

    def output(self) -> str:
        return self.log.read_text("utf-8", "replace")


async def until(what: Callable[[], Awaitable[Any]], within_s: float, why: str, every_s: float = 0.1) -> Any:
    """The first true answer of `what`; fails with `why` and the last answer when the time is up."""
    answer: Any = None
    try:
        async with asyncio.timeout(within_s):
            while not (answer := await what()):  # noqa: ASYNC110 - other processes set no event
                await asyncio.sleep(every_s)
    except TimeoutError:
        raise AssertionError(f"not within {within_s} s: {why} (last answer: {answer!r})") from None
    return answer
