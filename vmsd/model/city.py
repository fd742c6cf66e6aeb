"""A city: the tenant everything else belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CityStatus = Literal["active", "suspended"]
Plan = Literal["basic", "pro", "premium"]

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
