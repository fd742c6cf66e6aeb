"""Runs every check in a process of its own, all at the same time: one that hangs is left behind, whatever hangs it.

A thread would not do: a program whose thread waits for a dead disk cannot end.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from vmsd.doctor.check import AS_ROOT, Box, Broken, Check, Finding, Mark, Unknown, failed, warned
from vmsd.errors import VmsdError
from vmsd.host.priority import yield_to_others

PIECE_BYTES = 65_536


@dataclass
class _Running:
    check: Check
    pid: int
    pipe: int
    ends_s: float
    told: bytes = b""


def examine(checks: Sequence[Check], box: Box) -> list[Finding]:
    """In their order; done after the longest deadline at the latest. For a program without threads."""
    running = [_start(check, box) for check in checks]
    findings: dict[int, Finding] = {}
    while waiting := [one for one in running if one.pid not in findings]:
        left_s = min(one.ends_s for one in waiting) - box.clock.monotonic()
        readable, _, _ = select.select([one.pipe for one in waiting], [], [], max(0.0, left_s))
        for one in waiting:
            if one.pipe in readable and _read(one):
                findings[one.pid] = _finding(one)
            elif one.pipe not in readable and box.clock.monotonic() >= one.ends_s:
                findings[one.pid] = failed(f"no answer within {one.check.deadline_s:g} s", one.check.hung)
    for one in running:
        _leave(one)
    return [findings[one.pid] for one in running]


def _start(check: Check, box: Box) -> _Running:
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        _look(check, box, theirs)
    os.close(theirs)
    return _Running(check, pid, ours, box.clock.monotonic() + check.deadline_s)


def _look(check: Check, box: Box, pipe: int) -> None:
    """In the new process, which ends here; what it starts is of its group and ends with it."""
    code = 1
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        yield_to_others()
        finding = _judge(check, box)
        os.write(pipe, json.dumps([finding.mark, finding.found, finding.advice]).encode())
        code = 0
    finally:
        os._exit(code)


def _judge(check: Check, box: Box) -> Finding:
    try:
        return check.look(box)
    except PermissionError as error:
        what = error.filename or "what has to be looked at"
        return warned(f"this user may not look at {what}", AS_ROOT)
    except Broken as error:
        return failed(str(error), error.advice)
    except Unknown as error:
        return warned(str(error), error.advice)
    except subprocess.TimeoutExpired as error:
        return failed(f"{error.cmd[0]} does not end", check.hung)
    except (VmsdError, OSError) as error:
        return failed(f"it could not be examined: {error}", "see to this first, then ask again")


def _read(one: _Running) -> bool:
    """True once all has been said."""
    piece = os.read(one.pipe, PIECE_BYTES)
    one.told += piece
    return not piece


def _finding(one: _Running) -> Finding:
    try:
        mark, found, advice = json.loads(one.told)
    except ValueError:
        return failed("the check itself broke off", "please report this, with the output of vmsd doctor --json")
    return Finding(Mark(mark), found, advice)


def _leave(one: _Running) -> None:
    """Whoever hangs in the kernel is not waited for."""
    os.close(one.pipe)
    with suppress(OSError):
        os.killpg(one.pid, signal.SIGKILL)
    with suppress(OSError):
        os.waitpid(one.pid, os.WNOHANG)
