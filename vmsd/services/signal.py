"""What is remembered of one camera's signal between two looks at it, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vmsd.model.state import State

if TYPE_CHECKING:
    from vmsd.mediamtx.answers import Path

STARTING_S = 15.0
"""How long a camera that was just added, or that the box has just begun to watch, may be `starting`."""
FLAPS = 6
FLAP_WINDOW_S = 60.0
STEADY_S = 30.0
"""More than `FLAPS` changes within the window make a camera unstable until it was steady for `STEADY_S`."""


@dataclass
class Signal:
    """Times are monotonic seconds; `available_s` is when the present connection was first seen."""

    first_seen_s: float
    inbound_bytes: int = 0
    available_s: float | None = None
    grew_s: float | None = None
    bitrate: float | None = None
    raw: State = State.STARTING
    raw_since_s: float = 0.0
    flips_s: list[float] = field(default_factory=list)
    unstable: bool = False

    def take(self, path: Path | None, now_s: float) -> None:
        """Note how many bytes have come; a counter that went back means a new connection."""
        if path is None or not path.available:
            self.inbound_bytes, self.available_s, self.bitrate = 0, None, None
            return
        if self.available_s is None or path.inbound_bytes < self.inbound_bytes:
            self.available_s, self.inbound_bytes = now_s, 0
        if path.inbound_bytes != self.inbound_bytes:
            self._measure(path.inbound_bytes, now_s)
            self.inbound_bytes, self.grew_s = path.inbound_bytes, now_s

    def _measure(self, inbound_bytes: int, now_s: float) -> None:
        if self.inbound_bytes and self.grew_s is not None:
            now_bits = 8 * (inbound_bytes - self.inbound_bytes) / max(now_s - self.grew_s, 0.001)
            self.bitrate = now_bits if self.bitrate is None else 0.8 * self.bitrate + 0.2 * now_bits

    def judge(self, now_s: float, stall_s: float) -> State:
        """The state of this look, before any flapping is smoothed.

        A camera that has come back and sent nothing yet is what it was until its time to stall is up.
        """
        if self.available_s is None:
            return self._waiting(State.OFFLINE, now_s)
        if self.grew_s is not None and self.grew_s >= self.available_s:
            return State.ONLINE if now_s - self.grew_s <= stall_s else State.STALLED
        return self._waiting(self.raw if now_s - self.available_s <= stall_s else State.STALLED, now_s)

    def _waiting(self, otherwise: State, now_s: float) -> State:
        fresh = self.grew_s is None and now_s - self.first_seen_s < STARTING_S
        return State.STARTING if fresh else otherwise

    def smooth(self, raw: State, now_s: float) -> State:
        """`raw`, unless the camera flaps: then offline until it has been steady for a while."""
        if raw != self.raw:
            self.raw, self.raw_since_s = raw, now_s
            self.flips_s = [at for at in self.flips_s if now_s - at < FLAP_WINDOW_S] + [now_s]
            self.unstable = self.unstable or len(self.flips_s) > FLAPS
        elif self.unstable and now_s - self.raw_since_s >= STEADY_S:
            self.unstable, self.flips_s = False, []
        return State.OFFLINE if self.unstable else raw

    def forgive(self) -> None:
        """What a missing MediaMTX does to a camera says nothing of the camera."""
        self.flips_s, self.unstable = [], False
