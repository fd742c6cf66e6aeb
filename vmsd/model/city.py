"""A city: the tenant everything else belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CityStatus = Literal["active", "suspended"]
Plan = Literal["basic", "pro", "premium"]

DAY_MS = 86_400_000

PLAN_DAYS: dict[Plan, int] = {"basic": 7, "pro": 15, "premium": 30}
"""Days of recording each plan promises; set by the product."""


@dataclass(frozen=True)
class City:
    id: int
    public_id: str
    name: str
    status: CityStatus
    plan: Plan
    created_ms: int
    changed_ms: int

    @property
    def retention_days(self) -> int:
        return PLAN_DAYS[self.plan]


@dataclass(frozen=True)
class Former:
    """How many days recordings were kept until that was made fewer, at `changed_ms`."""

    days: int
    changed_ms: int

    def covers(self, start_ms: int, end_ms: int, now_ms: int) -> bool:
        """Whether a recording from before the change would still be kept."""
        return start_ms < self.changed_ms and end_ms > now_ms - self.days * DAY_MS
