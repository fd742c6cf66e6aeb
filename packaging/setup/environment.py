"""The virtual environment in .venv, the locked packages in it, and the `vmsd` command."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING

from setup.debian import Need
from setup.step import Step

if TYPE_CHECKING:
    from setup.shell import Shell
    from setup.tree import Tree

LOCK = "requirements-dev.lock"
PROJECT = ("pyproject.toml", "vmsd/__init__.py")
PIP = ("-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--quiet")
PROBE = "import sys, pip; print(sys.prefix, sys.version_info >= (3, 11))"
PROBE_S = 30
NETWORK = "check that this machine reaches the Python package index (proxy?), then run the same command again."
REPAIR = "run `make clean` and the same command again."


def needs(tree: Tree) -> tuple[Need, ...]:
    """Name what makes an environment, unless there is one; `remove_broken` comes first."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (Need(f"python{version}-venv", "the virtual environment", lambda: tree.python.exists() or can_make_one()),)


def remove_broken(tree: Tree) -> None:
    """Take a virtual environment that is of no use away, with all that was remembered of it."""
    if not works(tree):
        tree.remove_venv()


def can_make_one() -> bool:
    """Debian ships venv without the ensurepip it needs."""
    return all(importlib.util.find_spec(module) for module in ("venv", "ensurepip"))


def works(tree: Tree) -> bool:
    """Tell whether .venv runs, is new enough and was made for this folder: its scripts name their path."""
    try:
        answer = subprocess.run(  # noqa: S603 - our own interpreter
            [tree.python, "-c", PROBE], capture_output=True, text=True, timeout=PROBE_S, check=False
        )
        first_lines = (tree.venv / "bin" / "pip").read_text("utf-8")[:500]
    except subprocess.TimeoutExpired:
        return True  # a busy machine is no reason to throw it away
    except OSError:
        return False
    return answer.stdout == f"{tree.venv} True\n" and f"{tree.venv}/bin/" in first_lines


def steps(tree: Tree, shell: Shell) -> list[Step]:
    lock = tree.fingerprint(LOCK)
    project = tree.fingerprint(*PROJECT, extra=lock)
    command = tree.venv / "bin" / "vmsd"
    return [
        Step("Virtual environment", tree.python.exists, lambda: make(tree, shell)),
        Step("Python packages", lambda: tree.stamp("packages") == lock, lambda: install(tree, shell, lock)),
        Step(
            "The vmsd command",
            lambda: tree.stamp("project") == project and command.exists(),
            lambda: link(tree, shell, project),
        ),
    ]


def make(tree: Tree, shell: Shell) -> str:
    shell.run([sys.executable, "-m", "venv", tree.venv], REPAIR)
    return f"Python {sys.version.split()[0]} in {tree.venv.name}"


def install(tree: Tree, shell: Shell, lock: str) -> str:
    """Install exactly what the lock names; pip compiles each module, which a start-up of vmsd is glad of."""
    shell.run([tree.python, *PIP, "--require-hashes", "-r", LOCK], NETWORK)
    tree.set_stamp("packages", lock)
    return f"as {LOCK} names them"


def link(tree: Tree, shell: Shell, project: str) -> str:
    shell.run([tree.python, *PIP, "--no-deps", "--no-build-isolation", "-e", "."], REPAIR)
    shell.run([tree.python, "-m", "compileall", "-q", "vmsd"], "correct the file that is named above.")
    tree.set_stamp("project", project)
    return ".venv/bin/vmsd"
