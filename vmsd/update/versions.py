"""Versions of the program, and which of two is newer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

from vmsd.errors import Invalid

_NUMBER = "(?:0|[1-9][0-9]{0,5})"
PATTERN = rf"({_NUMBER}(?:\.{_NUMBER}){{1,3}})(?:~rc([1-9][0-9]{{0,3}}))?(?:\+[a-z0-9.]{{1,20}})?"
_VERSION = re.compile(PATTERN, re.ASCII)
NUMBERS = 4
FINAL = 10_000
"""Above every candidate's number: `1.2~rc3` comes before `1.2`."""


@total_ordering
@dataclass(frozen=True, eq=False)
class Version:
    """What follows a `+` tells of the build, and counts for nothing when two are compared."""

    text: str
    numbers: tuple[int, ...]
    candidate: int

    @property
    def order(self) -> tuple[tuple[int, ...], int]:
        return self.numbers, self.candidate

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.order == other.order

    def __lt__(self, other: Version) -> bool:
        return self.order < other.order

    def __hash__(self) -> int:
        return hash(self.order)

    def __str__(self) -> str:
        return self.text


def parse_version(text: str) -> Version:
    """`Invalid` for what is not written as `1.2`, `1.2.3`, `1.2.3~rc1` or `1.2.3+build`."""
    match = _VERSION.fullmatch(text)
    if match is None:
        raise Invalid(f"{text[:40]!r} is no version")
    numbers = tuple(int(one) for one in match[1].split("."))
    return Version(text, numbers + (0,) * (NUMBERS - len(numbers)), int(match[2] or FINAL))
