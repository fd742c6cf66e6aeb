"""Where the frozen program starts: the commands of `vmsd`, and `-m MODULE` for the processes it starts of itself."""

from __future__ import annotations

import os
import runpy
import sys

OWN_MODULES = frozenset({"vmsd", "vmsd.demo.camera"})
"""What may follow `-m`: there is no Python here to run anything else with."""


def leave_others_alone() -> None:
    """Programs of the system that this one starts are to find the system's libraries, not those in its folder.

    The dynamic linker has read the variable by now: for this program nothing changes.
    """
    given = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if given is None:
        os.environ.pop("LD_LIBRARY_PATH", None)
    else:
        os.environ["LD_LIBRARY_PATH"] = given


def main() -> None:
    leave_others_alone()
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
