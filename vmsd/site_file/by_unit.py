"""Has the database part done by `vmsd-site-store.service`, as the user the database belongs to.

The plans go there as a credential, which systemd keeps in memory; what became of them is in `ANSWER`. Nothing of it is
on a disk.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vmsd.errors import Conflict, VmsdError
from vmsd.site_file.storing import Plans, Stored

FOLDER = Path("/run/vmsd-first-start")
UNIT = "vmsd-site-store.service"
PLANS, ANSWER = "plans.json", "answer.json"
CREDENTIAL = "plans"
RESTARTED = (
    "systemd-networkd.service",
    "systemd-timesyncd.service",
    "chrony.service",
    "mediamtx.service",
    "vmsd.service",
    "vmsd-console.service",
)
"""Those of them that run already read their settings again."""


def store_by_unit(plans: Plans, folder: Path = FOLDER) -> Stored:
    """As `storing.store`."""
    folder.mkdir(mode=0o755, exist_ok=True)
    file = folder / PLANS
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            json.dump(asdict(plans), opened)
        done = systemctl("start", UNIT)
        if done:
            raise VmsdError(f"{UNIT} has failed: journalctl -u {UNIT}")
        return _stored(json.loads((folder / ANSWER).read_text("utf-8")))
    except ValueError as error:
        raise VmsdError(f"{UNIT} has said nothing") from error
    finally:
        file.unlink(missing_ok=True)


def given_plans() -> Plans:
    """In the unit: what it is to do."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder is None:
        raise VmsdError(f"this is run by {UNIT} alone")
    return Plans(**json.loads((Path(folder) / CREDENTIAL).read_text("utf-8")))


def answer_of(stored: Stored | Conflict) -> str:
    if isinstance(stored, Conflict):
        return json.dumps({"conflict": str(stored)})
    return json.dumps(asdict(stored))


def _stored(answer: dict[str, Any]) -> Stored:
    if "conflict" in answer:
        raise Conflict(answer["conflict"])
    return Stored(answer["added"], answer["refused"])


def restart_what_runs() -> None:
    systemctl("--no-block", "try-restart", *RESTARTED)


def systemctl(*words: str) -> int:
    return subprocess.run(["/usr/bin/systemctl", *words], check=False, stdin=subprocess.DEVNULL).returncode  # noqa: S603 - ours
