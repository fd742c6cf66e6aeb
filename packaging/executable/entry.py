"""Where the frozen program starts: the commands of `vmsd`, and `-m MODULE` for the processes it starts of itself."""

from __future__ import annotations

import runpy
import sys

OWN_MODULES = frozenset({"vmsd", "vmsd.demo.camera"})
"""What may follow `-m`: there is no Python here to run anything else with."""


def main() -> None:
    if sys.argv[1:2] == ["-m"] and sys.argv[2:3] and sys.argv[2] in OWN_MODULES:
        del sys.argv[:2]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    elif sys.argv[1:] == ["decode"]:
        from vmsd.video import worker_main  # without all that the commands bring

        worker_main.main()
    else:
        from vmsd.__main__ import main as commands

        commands()


main()
