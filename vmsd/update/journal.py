"""What is being updated and how far it has come: one folder that is whole or not there, and one word in it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from vmsd.errors import BadSetting, Conflict, Invalid, NotFound
from vmsd.host.durable import sync
from vmsd.update.manifest import Kind
from vmsd.update.places import Places
from vmsd.update.versions import Version, parse_version

PLAN, PHASE, KIND, REASON, VERDICT = "plan.json", "phase", "kind", "reason", "verdict"
ROOM, GONE = ".room", ".gone"
INTERRUPTED = "interrupted"
"""There when the box was switched off before the new version could show what it is: that may be tried again."""
MOST_BYTES = 64 * 1024
REMEMBERED = 32
"""Updates that were taken back, by their digests."""


class Phase(StrEnum):
    """`vmsd-update-steps.sh` reads and writes the same words.

    `staged`: all is at hand, nothing has been changed. `installing`: old and new may be mixed, so that what is found
    so at boot is taken back. `installed`: the other slot is whole, and the next boot goes there. `trial`: the new
    version runs and has to prove itself. `returning`: the old one is being put back. The rest is the end.
    """

    STAGED = "staged"
    INSTALLING = "installing"
    INSTALLED = "installed"
    TRIAL = "trial"
    RETURNING = "returning"
    CONFIRMED = "confirmed"
    RETURNED = "returned"


OVER = frozenset({Phase.CONFIRMED, Phase.RETURNED})


@dataclass(frozen=True)
class Before:
    """How the box did before: the new version need not do better."""

    answers: bool = False
    mediamtx: bool = False
    disk: bool = False
    recording: int = 0


@dataclass(frozen=True)
class Plan:
    """Never changes once it is written. `slots` are the old and the new one, of an appliance."""

    id: str
    kind: Kind
    old: str
    new: str
    digest: str
    began: str
    confirm_s: float
    before: Before = field(default_factory=Before)
    slots: tuple[str, str] | None = None


class Journal:
    """Changed by root alone, one process at a time (`locked`); anybody may read."""

    def __init__(self, places: Places) -> None:
        self._places = places

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Raises `Conflict` while another process is at it."""
        if not self._places.state.exists():
            self._places.state.mkdir(parents=True, exist_ok=True)
            self._places.state.chmod(0o755)
        handle = os.open(self._places.state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Conflict("an update is being worked on by another command") from error
            yield
        finally:
            os.close(handle)

    def phase(self) -> Phase | None:
        """None when no update is under way."""
        try:
            return Phase(_read(self._places.current / PHASE).decode("ascii", "replace").strip())
        except (FileNotFoundError, ValueError):
            return None

    def plan(self) -> Plan:
        """`NotFound` when no update is under way, `BadSetting` when what is known of it has been damaged."""
        try:
            told = json.loads(_read(self._places.current / PLAN))
            before, slots = Before(**told.pop("before")), told.pop("slots")
            return Plan(**told, before=before, slots=tuple(slots) if slots else None)
        except FileNotFoundError as error:
            raise NotFound("no update is under way") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadSetting(f"{self._places.current / PLAN} cannot be understood") from error

    def is_on_trial(self, plan: Plan) -> bool:
        """This very one: it may have been confirmed or taken back by hand, and another one have come, meanwhile."""
        try:
            return self.phase() is Phase.TRIAL and self.plan().id == plan.id
        except NotFound:
            return False

    def new_room(self) -> Path:
        """An empty folder to make an update ready in, which everybody may look into whatever the caller's umask."""
        self.sweep()
        room = self._places.state / ROOM
        room.mkdir()
        room.chmod(0o755)
        return room

    def sweep(self) -> None:
        """Remove what was being made ready, or being removed, when that was cut off."""
        for name in (ROOM, GONE):
            shutil.rmtree(self._places.state / name, ignore_errors=True)

    def begin(self, room: Path, plan: Plan) -> None:
        """From here on there is an update; `Conflict` when there is one already."""
        if self.phase() is not None:
            raise Conflict("an update is under way already: see `vmsd update status`")
        shutil.rmtree(self._places.current, ignore_errors=True)
        words = {PLAN: json.dumps(asdict(plan), indent=1), KIND: plan.kind, PHASE: Phase.STAGED.value}
        for name, text in words.items():
            write_readable(room / name, text)
        room.rename(self._places.current)
        sync(self._places.state)

    def enter(self, phase: Phase, reason: str = "") -> None:
        """One word is replaced by another: the reason, which explains it, is there first."""
        if reason:
            write_readable(self._places.current / REASON, reason)
        write_readable(self._places.current / PHASE, phase.value)

    def reason(self) -> str:
        """Why the phase is what it is; empty where that needs no words."""
        return self._words(REASON)

    def judge(self, reason: str) -> None:
        """Why the version on trial has to go; whoever takes it back reads it."""
        write_readable(self._places.current / VERDICT, reason)

    def forgive(self) -> None:
        """Nothing speaks against the version that is taken back."""
        write_readable(self._places.current / INTERRUPTED, "1")

    def verdict(self) -> str:
        return self._words(VERDICT)

    def _words(self, name: str) -> str:
        with suppress(FileNotFoundError):
            return _read(self._places.current / name).decode("utf-8", "replace").strip()[:500]
        return ""

    def conclude(self, ended: str) -> None:
        """Of one that is confirmed or returned: remember what has to be. May be repeated; `clear` comes next."""
        plan, phase = self.plan(), self.phase()
        if phase is Phase.CONFIRMED:
            self._raise_floor(parse_version(plan.new))
        elif plan.digest not in self.taken_back() and not (self._places.current / INTERRUPTED).exists():
            known = [*self._taken_back(), plan.digest][-REMEMBERED:]
            write_readable(self._places.state / "taken-back.json", json.dumps(known))
        last = {"old": plan.old, "new": plan.new, "result": str(phase), "reason": self.reason(), "began": plan.began}
        write_readable(self._places.state / "last.json", json.dumps(last | {"ended": ended}))

    def clear(self) -> None:
        """There is no update any more."""
        gone = self._places.state / GONE
        shutil.rmtree(gone, ignore_errors=True)
        self._places.current.rename(gone)
        sync(self._places.state)
        shutil.rmtree(gone, ignore_errors=True)

    def last(self) -> dict[str, Any] | None:
        """How the update before ended."""
        return self._told("last.json")

    def _told(self, name: str) -> dict[str, Any] | None:
        with suppress(FileNotFoundError, ValueError):
            told: dict[str, Any] = json.loads(_read(self._places.state / name))
            return told
        return None

    def note_refusal(self, file: str, reason: str, at: str) -> None:
        """The last one is kept."""
        self._places.state.mkdir(mode=0o755, parents=True, exist_ok=True)
        name = ascii(file)[1:-1]  # a stick's file system gives any bytes
        told = {"file": name, "reason": reason[:500], "at": at}
        write_readable(self._places.state / "refused.json", json.dumps(told))

    def refused(self) -> dict[str, Any] | None:
        return self._told("refused.json")

    def floor(self) -> Version | None:
        """The highest version that was ever confirmed here; one the disk has lost keeps nobody from a newer one."""
        with suppress(FileNotFoundError, ValueError, Invalid):
            return parse_version(_read(self._places.state / "floor").decode().strip())
        return None

    def taken_back(self) -> frozenset[str]:
        return frozenset(self._taken_back())

    def _taken_back(self) -> list[str]:
        with suppress(FileNotFoundError, ValueError):
            return [str(one) for one in json.loads(_read(self._places.state / "taken-back.json"))]
        return []

    def _raise_floor(self, version: Version) -> None:
        floor = self.floor()
        if floor is None or floor < version:
            write_readable(self._places.state / "floor", version.text)


def write_readable(file: Path, text: str) -> None:
    """Whole or not at all, for everybody to read."""
    new = file.with_name(f".{file.name}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        os.fchmod(handle, 0o644)
        opened.write(text)
        opened.flush()
        os.fsync(handle)
    new.rename(file)
    sync(file.parent)


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(MOST_BYTES)
