"""Run as `python mediamtx/standin CONFIG.yml`."""

import os
import sys

from app import main

code = main(sys.argv[1:])
sys.stdout.flush()
# Sources may sit in a read that cannot be interrupted; everything worth keeping is closed by now.
os._exit(code)
