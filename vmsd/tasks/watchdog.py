"""Tells systemd that the daemon is alive, and in one line how it is doing.

Reads: the tasks' pulses, the notices. Writes: nothing; it speaks to systemd alone. Keeps true: a daemon of which the
loop or an essential task hangs is started anew. A task that fails does not hang: MediaMTX or a disk that is away is
no reason to start anything anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import structlog

from vmsd.clock import Clock
from vmsd.host.systemd import Notifier
from vmsd.services.answers import NoticeAnswer
from vmsd.tasks.base import Pulse

log = structlog.get_logger()

ESSENTIAL = frozenset({"clockwatch", "breaker", "reconciler", "observer", "database", "indexer", "sweeper"})
"""Without any one of these, what is recorded is lost, overwritten, or not known of."""
SIGNS = 6
"""Signs of life within the time systemd waits for one: a busy minute may cost some of them."""
LONGEST_PAUSE_S = 10.0


class Watchdog:
    name: ClassVar[str] = "watchdog"
    deadline_s: ClassVar[float] = 5.0

    def __init__(
        self,
        notifier: Notifier,
        clock: Clock,
        *,
        pulses: Callable[[], Sequence[Pulse]],
        notices: Callable[[], Sequence[NoticeAnswer]],
    ) -> None:
        self._notifier = notifier
        self._clock = clock
        self._pulses = pulses
        self._notices = notices
        self._told = ""
        self._hung: Sequence[str] = ()

    @property
    def every_s(self) -> float:
        return min(LONGEST_PAUSE_S, (self._notifier.watchdog_s or LONGEST_PAUSE_S) / SIGNS)

    async def once(self) -> None:
        now_s, pulses = self._clock.monotonic(), self._pulses()
        hung = sorted(pulse.name for pulse in pulses if pulse.name in ESSENTIAL and pulse.hung(now_s))
        if not hung:
            self._notifier.alive()
        elif hung != self._hung:
            log.error("watchdog.hung", tasks=hung)
        self._hung = hung
        self._tell([pulse.name for pulse in pulses if pulse.late(now_s)])

    def _tell(self, late: Sequence[str]) -> None:
        parts = [
            ("hung", self._hung),
            ("late", sorted(set(late) - set(self._hung))),
            ("notices", sorted({notice["code"] for notice in self._notices()})),
        ]
        words = "; ".join(f"{what}: {', '.join(names)}" for what, names in parts if names) or "everything is on time"
        if words != self._told:
            self._told = words
            self._notifier.tell(words)
