"""The set-up as a whole: which steps a purpose takes, in order, and what is said about them."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from setup import catalogues, debian, environment, frontend, mediaserver
from setup.errors import SetupError
from setup.progress import Progress
from setup.shell import Shell
from setup.tree import Tree

if TYPE_CHECKING:
    from setup.debian import Need
    from setup.step import Step

PURPOSES = {
    "run": "what `vmsd demo` needs",
    "test": "what the tests need as well",
    "bench": "what the benchmarks need as well",
    "setup": "like test; a download of MediaMTX that failed is tried again",
}
INTERRUPTED = 130


def main(argv: list[str]) -> int:
    options = parse(argv)
    tree = Tree(options.root.resolve())
    progress = Progress()
    try:
        with tree.locked(lambda: progress.say("Another set-up of this checkout is at work; waiting for it ...")):
            prepare(options.purpose, tree, progress)
    except SetupError as error:
        progress.fail(error, tree.log)
        return 1
    except KeyboardInterrupt:
        progress.say("\nInterrupted. The same command goes on from here.")
        return INTERRUPTED
    return 0


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="setup", description=__doc__)
    purposes = "; ".join(f"{name}: {use}" for name, use in PURPOSES.items())
    parser.add_argument("purpose", choices=PURPOSES, help=purposes)
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[2], help="the checkout")
    return parser.parse_args(argv)


def prepare(purpose: str, tree: Tree, progress: Progress) -> None:
    began = time.monotonic()
    environment.remove_broken(tree)
    every = steps(purpose, tree, Shell(tree, progress.beat))
    due = [step for step in every if not step.is_done()]
    if due:
        tree.start_log()
        progress.say(f"Setting up vmsd in {tree.root}: steps to do: {len(due)} of {len(every)}")
    for number, step in enumerate(due, start=1):
        progress.start(number, len(due), step.title)
        progress.end(step.do())
    if due:
        progress.say(f"Everything is in place ({time.monotonic() - began:.0f} s)")
    if notice := mediaserver.notice(tree):
        progress.warn(notice)


def steps(purpose: str, tree: Tree, shell: Shell) -> list[Step]:
    return [
        debian.step(needs(purpose, tree), shell),
        *environment.steps(tree, shell),
        frontend.step(tree, shell),
        catalogues.step(tree, shell),
        mediaserver.step(tree, shell, try_again=purpose == "setup"),
    ]


def needs(purpose: str, tree: Tree) -> tuple[Need, ...]:
    common = (*environment.needs(tree), *frontend.needs(tree))
    return {
        "run": common,
        "test": common + debian.TEST_NEEDS,
        "setup": common + debian.TEST_NEEDS,
        "bench": common + debian.TEST_NEEDS + debian.BENCH_NEEDS,
    }[purpose]
