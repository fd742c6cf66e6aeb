"""Where the set-up starts: `python3 -m setup run|test|bench|setup`, typed in packaging/."""

import sys

OLDEST = (3, 11)

if sys.version_info < OLDEST:
    wanted = ".".join(map(str, OLDEST))
    found = ".".join(map(str, sys.version_info[:2]))
    sys.exit(
        f"vmsd needs Python {wanted} or newer, and {sys.executable} is {found}.\n"
        "What to do: use Debian 12 or newer, or name another one: make PYTHON=/usr/bin/python3.13 run"
    )

from setup.program import main  # noqa: E402 - an older Python could not even read it

sys.exit(main(sys.argv[1:]))
