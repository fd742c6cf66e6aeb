"""Empties the outbox.

Reads: what has to go out of the box, and where to. Writes: how far each destination is, and what came of the last
attempts. Keeps true: everything reaches every destination that wants it, at least once, in each city's order; one
that is away holds up no other; what waits stays within its bounds, and no alarm is given up for that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from vmsd.services.central_broker import CentralBroker
from vmsd.services.courier import Courier
from vmsd.services.outbox_bounds import OutboxBounds
from vmsd.services.senders import BrokerSender

SHORTEST_S = 0.002
LANES = 4
"""So many destinations are served at the same time; those that are away are seldom tried, and take up none for long."""


class OutboxLane:
    """Serves one destination after another, whose turn it is; the other lanes serve others meanwhile."""

    deadline_s: ClassVar[float] = 90.0

    def __init__(self, courier: Courier, number: int) -> None:
        self._courier = courier
        self._number = number
        self.busy = False

    @property
    def name(self) -> str:
        return f"outbox-{self._number}"

    @property
    def every_s(self) -> float:
        """Next to nothing while something waits that is due."""
        return max(SHORTEST_S, self._courier.pause_s)

    async def once(self) -> None:
        await self._courier.look()
        one = self._courier.pick()
        if one is None:
            return
        self.busy = True
        try:
            await self._courier.serve(one)
        finally:
            self.busy = False


class OutboxKeeper:
    """`again` starts the next pass at once: much is done in small steps, so that others can write too."""

    name: ClassVar[str] = "outbox"
    every_s: ClassVar[float] = 5.0
    deadline_s: ClassVar[float] = 60.0

    def __init__(self, courier: Courier, bounds: OutboxBounds, central: CentralBroker, brokers: BrokerSender) -> None:
        self._courier = courier
        self._bounds = bounds
        self._central = central
        self._brokers = brokers
        self.again: Callable[[], object] = lambda: None

    async def once(self) -> None:
        await self._central.settle()
        await self._courier.note_passed()
        await self._brokers.keep(self._courier.open_destinations)
        if await self._bounds.keep():
            self.again()


class Bell:
    """Wakes a lane that has nothing to do, when there is something."""

    def __init__(self, courier: Courier, lanes: Sequence[OutboxLane]) -> None:
        self._courier = courier
        self._lanes = lanes
        self.wake: Callable[[OutboxLane], object] = lambda _lane: None

    def ring(self) -> None:
        if self._courier.expect():
            idle = next((lane for lane in self._lanes if not lane.busy), None)
            if idle is not None:
                self.wake(idle)
