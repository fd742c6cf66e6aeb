"""Where the build starts: `python3 -m deb`, typed in packaging/ once the executable is built."""

import sys

from deb.program import main

sys.exit(main(sys.argv[1:]))
