"""One thing somebody should look at, and how bad it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from vmsd.fleet.words import Language, say


class Level(IntEnum):
    """The worse the greater."""

    GREEN = 0
    AMBER = 1
    RED = 2

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Finding:
    """`code` and `facts` are for `words.say`; an `alarm` is a lie, and leaves the site's memory as it was."""

    code: str
    level: Level
    facts: Mapping[str, object] = field(default_factory=dict)
    alarm: bool = False

    def text(self, language: Language) -> str:
        return say(self.code, language, **self.facts)


def amber(code: str, /, **facts: object) -> Finding:
    return Finding(code, Level.AMBER, facts)


def red(code: str, /, *, alarm: bool = False, **facts: object) -> Finding:
    return Finding(code, Level.RED, facts, alarm)


def worst(findings: Iterable[Finding]) -> Level:
    return max((one.level for one in findings), default=Level.GREEN)
