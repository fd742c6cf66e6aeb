"""The one shape of all steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Step:
    """`is_done` is quick and changes nothing; `do` may be repeated and returns what it did."""

    title: str
    is_done: Callable[[], bool]
    do: Callable[[], str]
