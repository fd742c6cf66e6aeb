"""Where the build starts: `python3 -m image`, typed in packaging/ once the package is built."""

import sys

from image.program import main

sys.exit(main(sys.argv[1:]))
