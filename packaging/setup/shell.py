"""Runs one command for a step: output to the log, a beat each second, its last lines when it fails."""

from __future__ import annotations

import os
import subprocess
import textwrap
from typing import TYPE_CHECKING

from setup.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from setup.tree import Tree

BEAT_S = 1.0
LAST_LINES = 12
STOP_S = 10


class Shell:
    def __init__(self, tree: Tree, beat: Callable[[], None]) -> None:
        self._tree = tree
        self._beat = beat

    def run(
        self,
        command: Sequence[str | Path],
        advice: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Return all the command said; `SetupError` with `advice` when it fails."""
        words = [str(word) for word in command]
        code, said = self.answer(words, cwd, env)
        if code != 0:
            what = f"`{textwrap.shorten(' '.join(words), 70)}` ended with code {code}"
            raise SetupError(what, advice, "\n".join(said.splitlines()[-LAST_LINES:]))
        return said

    def answer(
        self, words: list[str], cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Return the exit code and all the command said; 127 when there is no such command."""
        self._tree.make_stamps_folder()
        with self._tree.log.open("a+b") as log:
            log.write(f"$ {' '.join(words)}\n".encode())
            log.flush()
            begin = log.tell()
            try:
                code = self._wait(words, log.fileno(), cwd or self._tree.root, {**os.environ, **(env or {})})
            except OSError as error:
                return 127, f"{words[0]}: {error.strerror}"
            log.seek(begin)
            return code, log.read().decode(errors="replace")

    def _wait(self, words: list[str], output: int, cwd: Path, env: Mapping[str, str]) -> int:
        child = subprocess.Popen(  # noqa: S603 - fixed commands, no shell
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=cwd, env=env
        )
        try:
            while True:
                try:
                    return child.wait(BEAT_S)
                except subprocess.TimeoutExpired:
                    self._beat()
        finally:
            stop(child)


def stop(child: subprocess.Popen[bytes]) -> None:
    """Let no command outlive the set-up that was interrupted."""
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
