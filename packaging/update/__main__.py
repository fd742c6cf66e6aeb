"""Where it starts: `python -m update`, typed in packaging/ with the project's own Python."""

import sys

from update.program import main

sys.exit(main(sys.argv[1:]))
