"""What a camera's device says of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """As it was at `seen_ms`; None for what it does not say.

    Its clock is `clock_offset_ms` ahead; nobody knows while the box's own is not trusted. `endpoint` is the name it has
    for itself in its network, `stranger` who answers at its address instead of it since then.
    """

    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None
    serial: str | None = None
    mac: str | None = None
    endpoint: str | None = None
    service_url: str | None = None
    clock_offset_ms: int | None = None
    seen_ms: int = 0
    stranger: str | None = None
