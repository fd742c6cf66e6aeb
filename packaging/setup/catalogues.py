"""The translations: each web/locale/*/LC_MESSAGES/vmsd.po compiled to the .mo that gettext reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setup.step import Step

if TYPE_CHECKING:
    from setup.shell import Shell
    from setup.tree import Tree


def step(tree: Tree, shell: Shell) -> Step:
    return Step("Translations", lambda: is_done(tree), lambda: compile_all(tree, shell))


def sources(tree: Tree) -> list[str]:
    return sorted(str(file.relative_to(tree.root)) for file in tree.web.glob("locale/*/LC_MESSAGES/*.po"))


def is_done(tree: Tree) -> bool:
    files = sources(tree)
    compiled = all((tree.root / file).with_suffix(".mo").is_file() for file in files)
    return compiled and tree.stamp("catalogues") == tree.fingerprint(*files)


def compile_all(tree: Tree, shell: Shell) -> str:
    files = sources(tree)
    for file in files:
        target = (tree.root / file).with_suffix(".mo")
        tool = tree.venv / "bin" / "pybabel"
        shell.run([tool, "compile", "-i", file, "-o", target], f"correct {file} at the line named above.")
    tree.set_stamp("catalogues", tree.fingerprint(*files))
    return f"{len(files)} compiled" if files else "none yet"
