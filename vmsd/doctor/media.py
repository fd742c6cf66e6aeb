"""MediaMTX: the program, its answer, its configuration."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import tomllib
from base64 import b64encode
from pathlib import Path

from vmsd.assets import mediamtx_dir
from vmsd.config import Settings
from vmsd.doctor.check import AS_ROOT, Box, Broken, Check, Finding, Unknown, failed, passed, warned

PACKAGED = Path("/usr/lib/vmsd/mediamtx")
VERSION_S, ANSWER_S = 4.0, 3.0
ANSWER_BYTES = 65_536
RESTART = "systemctl restart mediamtx, and see journalctl -u mediamtx"
HUNG = f"it takes connections and says nothing: {RESTART}"


def program(_: Box) -> Finding:
    """The one that would be started is the one this release was tried with."""
    pinned = tomllib.loads((mediamtx_dir() / "version.toml").read_text("utf-8"))["version"]
    found = _find_program()
    if found is None:
        return warned("MediaMTX is not installed here", "install the vmsd package, or put mediamtx on the PATH")
    command = [str(found), "--version"]
    told = subprocess.run(command, capture_output=True, timeout=VERSION_S, check=False)  # noqa: S603 - our own program
    version = told.stdout.decode("utf-8", "replace").strip().removeprefix("v")
    if version != pinned:
        return warned(f"{found} is {version or 'of no version'}, not {pinned}", "install the one of the package")
    return passed(f"{found}, {version}")


def _find_program() -> Path | None:
    packaged = next((one for one in (PACKAGED, PACKAGED / "mediamtx") if one.is_file()), None)
    on_path = shutil.which("mediamtx")
    return packaged or (Path(on_path) if on_path else None)


def answers(box: Box) -> Finding:
    port, login = box.set_up.mediamtx.api_port, _login(box.set_up)
    try:
        status, body = _ask(port, login)
    except TimeoutError:
        return failed(f"MediaMTX does not answer at port {port}", HUNG)
    except (OSError, http.client.HTTPException) as error:
        return failed(f"MediaMTX does not answer at port {port}: {error}", f"start it: {RESTART}")
    if status != http.client.OK:
        advice = "restart mediamtx.service, which renders its configuration anew"
        return failed(f"what answers at port {port} does not take this box's password ({status})", advice)
    version = _version(body)
    if "stand" in version:
        return failed(f"a stand-in answers ({version})", "install MediaMTX: the stand-in is for trying alone")
    return passed(f"MediaMTX {version} answers")


def _ask(port: int, login: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/v3/info", headers={"Authorization": f"Basic {login}"})
        answer = connection.getresponse()
        return answer.status, answer.read(ANSWER_BYTES)
    finally:
        connection.close()


def _login(settings: Settings) -> str:
    file = settings.data_dir / "keys" / "mediamtx.json"
    try:
        said = json.loads(file.read_bytes())
        return b64encode(f"vmsd:{said['password']}".encode()).decode()
    except FileNotFoundError as error:
        raise Unknown(f"MediaMTX's password is not in {file.parent}", "start vmsd, which makes one") from error
    except (ValueError, TypeError, KeyError) as error:
        raise Broken(f"{file} makes no sense", "restore it from a backup") from error


def _version(body: bytes) -> str:
    try:
        told = json.loads(body)
    except ValueError:
        return "of no version"
    version = told.get("version") if isinstance(told, dict) else None
    return re.sub(r"[^\w.+-]", "", str(version or "of no version")).removeprefix("v")


def configuration(box: Box) -> Finding:
    file = box.set_up.mediamtx_file
    if not file.parent.exists():
        return failed(f"{file.parent} is not there", "start vmsd and MediaMTX: it is made at each start")
    if not file.exists():
        return failed(
            f"{file} is not there", f"vmsd render-mediamtx --out {file}, or start mediamtx.service: {AS_ROOT}"
        )
    return passed(f"{file} is there")


CHECKS = (
    Check("mediamtx", program),
    Check("mediamtx answers", answers, 6.0, HUNG),
    Check("mediamtx settings", configuration),
)
