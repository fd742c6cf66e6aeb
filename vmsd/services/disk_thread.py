"""Threads for work on a disk that may hang: each user has its own few, so that one never starves another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")


class DiskThread:
    """A call that hangs occupies one of `threads`; calls that find none free wait, and may be cancelled.

    What runs here must change nothing that is shared: a cancelled call goes on to its end unseen.
    """

    def __init__(self, name: str, threads: int = 1) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.start(work, *args, **kwargs)

    def start(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._pool, lambda: work(*args, **kwargs))

    async def map(self, work: Callable[[Item], T], items: Iterable[Item]) -> list[T]:
        """`work` on each item, in order, shared among the threads in equal parts."""
        todo = list(items)
        parts = [todo[first :: self._threads] for first in range(min(self._threads, len(todo)))]
        done = await asyncio.gather(*(self.start(_each, work, part) for part in parts))
        return [done[at % len(parts)][at // len(parts)] for at in range(len(todo))]

    def close(self) -> None:
        """Take no more calls; those that hang are left behind."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _each(work: Callable[[Item], T], items: Iterable[Item]) -> list[T]:
    return [work(item) for item in items]
