"""The machine itself: clock, kernel, memory, heat."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import psutil

from vmsd.clock import rfc3339
from vmsd.doctor.check import Box, Check, Finding, failed, passed, warned
from vmsd.host.clocksync import read_kernel_clock
from vmsd.host.machine import kernel as kernel_name
from vmsd.host.machine import system_name
from vmsd.services.clock_trust import EARLIEST_MS, LATEST_MS

OLDEST_KERNEL = (5, 10)
"""Of Debian 11: older ones lack what the units ask for."""
MIB = 1 << 20
LEAST_BYTES, FREE_BYTES = 900 * MIB, 200 * MIB
HOT_C, TOO_HOT_C = 80, 95
CHRONY = "install chrony, or give it a server that answers (site.toml: ntp): without one, times in evidence drift"


def clock(box: Box) -> Finding:
    now_ms, kernel_clock = box.clock.wall_ms(), read_kernel_clock()
    if not EARLIEST_MS <= now_ms <= LATEST_MS:
        return failed(f"the clock says {rfc3339(now_ms)}", f"set it: date -s, then hwclock -w; and {CHRONY}")
    if kernel_clock.synchronised is False:
        return warned("nothing keeps the clock right", CHRONY)
    if kernel_clock.synchronised is None:
        return warned("the kernel does not say whether anything keeps the clock right", CHRONY)
    return passed(f"the clock is kept right, off by {abs(kernel_clock.offset_us) / 1000:.3f} ms")


def kernel(_: Box) -> Finding:
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    said = f"{kernel_name()}, {system_name() or 'an unnamed system'}"
    if found and tuple(map(int, found.groups())) < OLDEST_KERNEL:
        return warned(f"{said}: older than this box was tried on", "install Debian 12 or newer")
    return passed(said)


def memory(_: Box) -> Finding:
    found = psutil.virtual_memory()
    said = f"{found.available / MIB:.0f} of {found.total / MIB:.0f} MiB can be had"
    if found.available < FREE_BYTES:
        return warned(said, "see what takes it: systemd-cgtop -m; fewer cameras, or a machine with more")
    return warned(said, "fit more: this is little for a site") if found.total < LEAST_BYTES else passed(said)


def heat(_: Box) -> Finding:
    sensors = psutil.sensors_temperatures()
    degrees = [one.current for found in sensors.values() for one in found if one.current]
    if not degrees:
        return passed("the machine does not say how warm it is")
    hottest = max(degrees)
    said = f"{hottest:.0f} °C at the warmest place"
    if hottest >= TOO_HOT_C:
        return failed(said, "give it air: it slows down or switches itself off")
    return warned(said, "give it more air") if hottest >= HOT_C else passed(said)


def watchdog(_: Box) -> Finding:
    if Path("/dev/watchdog0").exists() or Path("/dev/watchdog").exists():
        return passed("the hardware can restart a machine that hangs")
    return warned("there is no hardware watchdog", "nothing, if this is no appliance; else load its driver, or softdog")


CHECKS = (
    Check("clock", clock),
    Check("kernel", kernel),
    Check("memory", memory),
    Check("heat", heat),
    Check("watchdog", watchdog),
)
