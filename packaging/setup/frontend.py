"""The front-end packages: fetched by npm as locked, copied into web/static/vendor by web/vendor.mjs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from setup.debian import Need, command
from setup.step import Step

if TYPE_CHECKING:
    from setup.shell import Shell
    from setup.tree import Tree

INPUTS = ("web/package.json", "web/package-lock.json", "web/vendor.mjs", "web/icons.txt")
OUTPUTS = (
    "static/vendor/hls.light.min.js",
    "static/vendor/leaflet.js",
    "static/vendor/icons.svg",
    "node_modules/axe-core/axe.min.js",
)
NPM = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error")
NETWORK = "check that this machine reaches the npm registry (proxy?), then run the same command again."


def needs(tree: Tree) -> tuple[Need, ...]:
    """Node and npm are wanted only while the files are not there: vmsd itself runs without."""
    if is_done(tree):
        return ()
    return tuple(
        command(name, package, "the front-end files") for name, package in (("node", "nodejs"), ("npm", "npm"))
    )


def is_done(tree: Tree) -> bool:
    return tree.stamp("frontend") == tree.fingerprint(*INPUTS) and all((tree.web / out).is_file() for out in OUTPUTS)


def step(tree: Tree, shell: Shell) -> Step:
    return Step("Front-end files", lambda: is_done(tree), lambda: build(tree, shell))


def build(tree: Tree, shell: Shell) -> str:
    shell.run(NPM, NETWORK, cwd=tree.web, env=cache(tree))
    shell.run(("node", "vendor.mjs"), "correct web/icons.txt or web/package.json.", cwd=tree.web)
    tree.set_stamp("frontend", tree.fingerprint(*INPUTS))
    return "web/static/vendor"


def cache(tree: Tree) -> dict[str, str]:
    """Give npm a folder for its cache where the home folder cannot be written."""
    home = Path(os.environ.get("HOME") or "/nonexistent")
    return {} if os.access(home, os.W_OK) else {"npm_config_cache": str(tree.venv / ".npm")}
