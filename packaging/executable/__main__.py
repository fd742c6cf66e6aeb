"""Where the build starts: `python3 -m executable`, typed in packaging/."""

import sys

from executable.program import main

sys.exit(main(sys.argv[1:]))
