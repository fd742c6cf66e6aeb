"""Ports that nobody takes between being chosen and being listened at.

Below the range the kernel gives to outgoing connections, and each worker of the test run has its own share.
"""

from __future__ import annotations

import itertools
import os
import random
import socket
from dataclasses import fields

from vmsd.demo.plan import Ports

FIRST, SHARE, WORKERS = 15_000, 1_000, 16
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw15").removeprefix("gw")) % WORKERS
_numbers = itertools.cycle(range(FIRST + _worker * SHARE, FIRST + (_worker + 1) * SHARE))
for _ in range(random.randrange(SHARE)):  # two test runs at once do not begin at the same one
    next(_numbers)


def free_port() -> int:
    """One that was free when asked, and that this process has not given out for a long time."""
    for number in itertools.islice(_numbers, SHARE):
        with socket.socket() as attempt:
            try:
                attempt.bind(("127.0.0.1", number))
            except OSError:
                continue
            return number
    raise AssertionError("every port is taken")


def site_ports() -> Ports:
    return Ports(*(free_port() for _ in fields(Ports)))
