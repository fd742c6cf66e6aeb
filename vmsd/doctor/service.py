"""The daemon and its units."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from pathlib import Path

from vmsd.doctor.check import Box, Check, Finding, failed, passed, warned
from vmsd.doctor.database import is_daemon_running
from vmsd.host.starts import CRASHES, NAME, WINDOW_S
from vmsd.update.journal import OVER, Journal, Phase
from vmsd.update.places import Places

ANSWER_S = 3.0
ANSWER_BYTES = 65_536
UNITS = ("vmsd.service", "mediamtx.service", "vmsd-render.service")
SYSTEMD = Path("/run/systemd/system")
LOOK = "see journalctl -u vmsd"
PARTS = {"mediamtx": "MediaMTX", "database": "the database", "disk": "the recordings volume"}


def daemon(box: Box) -> Finding:
    """What `/health` says, over this machine's own HTTP."""
    settings = box.set_up.http
    host = settings.host if settings.host not in ("", "0.0.0.0") else "127.0.0.1"  # noqa: S104 - compared, not bound
    try:
        told = _health(host, settings.port)
    except TimeoutError:
        return failed(f"vmsd does not answer at port {settings.port}", f"systemctl restart vmsd, and {LOOK}")
    except (OSError, ValueError, http.client.HTTPException) as error:
        if is_daemon_running(box.set_up.data_dir):
            return failed(f"vmsd runs and does not answer at port {settings.port}: {error}", LOOK)
        return failed("vmsd does not run: nothing is shown, indexed or deleted", f"systemctl start vmsd, and {LOOK}")
    wrong = [words for name, words in PARTS.items() if told.get(name) is not True]
    if wrong:
        return failed(f"vmsd is degraded: {', '.join(wrong)}", "see to that here below, and to the page Health")
    if told.get("status") != "healthy":
        return failed("vmsd says it is degraded", "it may be in safe mode: see the page Health, and journalctl -u vmsd")
    return passed("vmsd answers and is healthy")


def _health(host: str, port: int) -> dict[str, object]:
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/health")
        told = json.loads(connection.getresponse().read(ANSWER_BYTES))
    finally:
        connection.close()
    if not isinstance(told, dict):
        raise ValueError("something else answers there")  # noqa: TRY004 - what came is wrong, not what was given
    return told


def crashes(box: Box) -> Finding:
    """As the daemon notes them at each start, until the next boot."""
    try:
        told = json.loads((box.set_up.runtime_dir / NAME).read_bytes())
        at_s = [float(one) for one in told["crashes_s"]]
    except FileNotFoundError:
        return passed("no end of vmsd by itself is noted")
    except (ValueError, TypeError, KeyError):
        return warned("the note about ends of vmsd makes no sense", "nothing: the next start writes it anew")
    recent = sum(0 <= box.clock.monotonic() - one <= WINDOW_S for one in at_s)
    if recent >= CRASHES:
        return failed(f"vmsd has ended by itself {recent} times within five minutes: safe mode", LOOK)
    return (
        warned(f"vmsd has ended by itself {recent} times lately", LOOK) if recent else passed("no end by itself lately")
    )


def units(_: Box) -> Finding:
    program = shutil.which("systemctl")
    if program is None or not SYSTEMD.exists():
        return passed("systemd does not run here: there are no units to look at")
    command = [program, "show", "--property=Id,LoadState,ActiveState,Result,NRestarts", *UNITS]
    told = subprocess.run(command, capture_output=True, timeout=ANSWER_S, check=False).stdout  # noqa: S603 - fixed words
    found = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in told.decode().split("\n\n")
    ]
    loaded = [one for one in found if one.get("LoadState") == "loaded"]
    if not loaded:
        return passed("the units are not installed: vmsd is started by something else")
    down = [f"{one['Id']} is {one.get('ActiveState')}" for one in loaded if _is_down(one)]
    if down:
        return failed("; ".join(down), "systemctl start them, and see journalctl -b of each")
    restarted = [
        f"{one['Id']} {one['NRestarts']} times" for one in loaded if one.get("NRestarts", "0") not in ("0", "")
    ]
    if restarted:
        return warned(f"systemd has started anew: {', '.join(restarted)}", "see journalctl -b of each for why")
    return passed(f"{', '.join(one['Id'] for one in loaded)} as they should be")


def _is_down(unit: dict[str, str]) -> bool:
    """What renders the configuration runs once, and is inactive then."""
    if unit.get("ActiveState") == "failed":
        return True
    return unit.get("Id") != "vmsd-render.service" and unit.get("ActiveState") not in (
        "active",
        "activating",
        "reloading",
    )


def update(_: Box) -> Finding:
    journal = Journal(Places())
    phase = journal.phase()
    if phase is None:
        return passed("no update is under way")
    plan = journal.plan()
    said = f"{plan.old} to {plan.new}: {phase}"
    if phase is Phase.RETURNED:
        return warned(f"the last update was taken back ({said})", "see vmsd update status for why, then try again")
    if phase in OVER:
        return passed(f"the last update is done ({said})")
    if phase is Phase.TRIAL:
        return warned(f"a new version is on trial ({said})", "wait: it is confirmed or taken back by itself")
    return warned(f"an update is under way ({said})", "leave the power on, and ask again in ten minutes")


CHECKS = (
    Check("vmsd", daemon, 6.0, "systemctl restart vmsd"),
    Check("crashes", crashes),
    Check("units", units, 6.0, "systemd itself does not answer: restart the machine when nobody needs it"),
    Check("update", update),
)
