"""The one shape all checks have: a look at one thing, which ends in a mark, what was found, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vmsd.clock import Clock
from vmsd.config import Settings
from vmsd.errors import VmsdError


class Mark(StrEnum):
    PASS = "pass"  # noqa: S105 - a word, not a secret
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One sentence of what was found, one of what to do: none where there is nothing to do."""

    mark: Mark
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Box:
    """What is examined; `settings` are None where the file makes no sense, or is `hidden`, and `mistake` says why."""

    config_file: Path
    clock: Clock
    settings: Settings | None
    mistake: str = ""
    hidden: bool = False

    @property
    def set_up(self) -> Settings:
        """`Unknown` without settings: nothing can be said then."""
        if self.settings is None:
            said = "the settings cannot be read, so that nobody knows where to look"
            raise Unknown(said, AS_ROOT if self.hidden else SETTINGS_FIRST)
        return self.settings


class Unknown(VmsdError):
    """This cannot be examined here; `advice` is how it could be."""

    def __init__(self, detail: str, advice: str) -> None:
        super().__init__(detail)
        self.advice = advice


class Broken(Unknown):
    """This is not as it must be, whichever check has met it."""


AS_ROOT = "run it as root: sudo vmsd doctor"
SETTINGS_FIRST = "put the settings right first"


@dataclass(frozen=True)
class Check:
    """`look` may block, and is ended after `deadline_s`: it runs in a process of its own, and changes nothing."""

    name: str
    look: Callable[[Box], Finding]
    deadline_s: float = 5.0
    hung: str = "see the system's journal (journalctl -b -p warning): something the kernel waits for does not answer"


def passed(found: str) -> Finding:
    return Finding(Mark.PASS, found)


def warned(found: str, advice: str) -> Finding:
    return Finding(Mark.WARN, found, advice)


def failed(found: str, advice: str) -> Finding:
    return Finding(Mark.FAIL, found, advice)
