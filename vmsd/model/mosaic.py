"""Saved grids of cameras, and the screens on a wall that show one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Layout = Literal["1x1", "2x2", "3x3", "4x4"]
CELLS: Mapping[Layout, int] = {"1x1": 1, "2x2": 4, "3x3": 9, "4x4": 16}
"""How many tiles a layout has; they are counted from 0, row by row."""


@dataclass(frozen=True)
class Carousel:
    """The one tile that changes by itself: it shows these cameras, by their numbers, for so many seconds each."""

    cell: int
    camera_ids: tuple[int, ...]
    seconds: int


@dataclass(frozen=True)
class Mosaic:
    """`owner_id` is None for one of the whole city's, `expires_ms` set for one nobody has saved.

    `cells` has the cameras' numbers by cell; `hotspot` is the cell that shows whatever is touched or alarmed.
    """

    id: int
    public_id: str
    owner_id: int | None
    name: str
    layout: Layout
    hotspot: int | None
    carousel: Carousel | None
    number: int | None
    expires_ms: int | None
    created_ms: int
    changed_ms: int
    cells: Mapping[int, int] = field(default_factory=dict)

    @property
    def shared(self) -> bool:
        return self.owner_id is None

    @property
    def camera_ids(self) -> frozenset[int]:
        """All it ever shows, in whatever tile."""
        carousel = self.carousel.camera_ids if self.carousel else ()
        return frozenset((*self.cells.values(), *carousel))


@dataclass(frozen=True)
class Wall:
    """A screen that shows a mosaic to whoever stands before it; `person` is who made it."""

    id: int
    public_id: str
    name: str
    mosaic_id: int
    mosaic_public_id: str
    mosaic_name: str
    person: str | None
    person_name: str | None
    created_ms: int
    last_seen_ms: int | None
