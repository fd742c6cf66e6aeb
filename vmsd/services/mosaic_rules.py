"""What fits into a mosaic: how many cameras, in which cells, each once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmsd.errors import FieldProblem, Invalid
from vmsd.model.mosaic import CELLS, Carousel, Layout, Mosaic

SHORTEST_S = 3
LONGEST_S = 3600
"""How long a carousel may show one camera."""
MOST_TURNS = 64
"""Cameras of a carousel."""


@dataclass(frozen=True)
class CarouselFields:
    cell: int
    cameras: Sequence[str]
    seconds: int


@dataclass(frozen=True)
class MosaicFields:
    """What a person says of a mosaic, cameras by their public ids.

    With `cameras` None nothing was said of them, and nothing of the carousel unless `is_carousel_said`.
    """

    name: str
    layout: Layout
    cameras: Sequence[str | None] | None
    hotspot: int | None
    carousel: CarouselFields | None
    number: int | None
    shared: bool
    ephemeral: bool
    is_carousel_said: bool = True


def cells_said(
    fields: MosaicFields, before: Mosaic | None, seen: Mapping[str, int], special: frozenset[int]
) -> Mapping[int, int]:
    """By cell; a camera the caller knows nothing of keeps the cell they have left empty."""
    kept = before.cells if before is not None else {}
    if fields.cameras is None:
        return fitted(kept, fields.layout, special)
    refuse_more_than_fit(fields.layout, len(fields.cameras))
    refuse_twins(fields.cameras, "/cameras")
    said = {cell: _number(one, seen, f"/cameras/{cell}") for cell, one in enumerate(fields.cameras) if one is not None}
    visible = frozenset(seen.values())
    hidden = {cell: number for cell, number in kept.items() if number not in visible and cell not in said}
    return fitted(said | hidden, fields.layout, special)


def carousel_said(fields: MosaicFields, before: Mosaic | None, seen: Mapping[str, int]) -> Carousel | None:
    """As it is to be from now on; cameras the caller knows nothing of stay in it, at its end."""
    said = fields.carousel
    if not fields.is_carousel_said and before is not None:
        refuse_foreign_cell(fields.layout, before.carousel.cell if before.carousel else None, "/carousel/cell")
        return before.carousel
    if said is None:
        return None
    refuse_foreign_cell(fields.layout, said.cell, "/carousel/cell")
    refuse_twins(said.cameras, "/carousel/cameras")
    numbers = [_number(one, seen, f"/carousel/cameras/{place}") for place, one in enumerate(said.cameras)]
    kept = before.carousel.camera_ids if before is not None and before.carousel else ()
    hidden = [number for number in kept if number not in seen.values()][:MOST_TURNS]
    return Carousel(said.cell, (*numbers, *hidden), said.seconds)


def _number(public_id: str, seen: Mapping[str, int], pointer: str) -> int:
    number = seen.get(public_id)
    if number is None:
        raise refused(pointer, "there is no such camera")
    return number


def special_cells(hotspot: int | None, carousel: Carousel | None) -> frozenset[int]:
    """Cells that show something else than a camera of their own."""
    return frozenset(cell for cell in (hotspot, carousel.cell if carousel else None) if cell is not None)


def refuse_foreign_cell(layout: Layout, cell: int | None, pointer: str) -> None:
    """Raises `Invalid` for a cell the layout does not have."""
    if cell is not None and not 0 <= cell < CELLS[layout]:
        raise refused(pointer, f"the layout {layout} has the cells 0 to {CELLS[layout] - 1}")


def refuse_more_than_fit(layout: Layout, count: int) -> None:
    """Raises `Invalid` for more places than the layout has cells."""
    if count > CELLS[layout]:
        raise refused("/cameras", f"the layout {layout} has room for {CELLS[layout]} cameras")


def refuse_twins(cameras: Sequence[str | None], pointer: str) -> None:
    """Raises `Invalid` for a camera that stands there twice."""
    known: set[str] = set()
    for place, camera in enumerate(cameras):
        if camera in known:
            raise refused(f"{pointer}/{place}", "this camera stands there twice")
        if camera is not None:
            known.add(camera)


def fitted(cells: Mapping[int, int], layout: Layout, taken: frozenset[int]) -> Mapping[int, int]:
    """The same cameras in a smaller layout: those whose cell is gone go to the first free ones; raises `Invalid`.

    `taken` are cells that are kept free of them, as long as there are others.
    """
    size = CELLS[layout]
    refuse_more_than_fit(layout, len(cells))
    stay = {cell: camera for cell, camera in cells.items() if cell < size}
    free = [cell for cell in range(size) if cell not in stay]
    free.sort(key=lambda cell: cell in taken)
    moved = [cells[cell] for cell in sorted(cells) if cell >= size]
    return stay | dict(zip(free, moved, strict=False))


def refused(pointer: str, detail: str) -> Invalid:
    return Invalid("the mosaic was refused", FieldProblem(pointer, detail))
