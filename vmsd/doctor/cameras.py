"""Whether the cameras can be reached on the network: a connection is made to each, and nothing is said."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress

from vmsd.config import Settings
from vmsd.doctor.check import Box, Check, Finding, Unknown, failed, passed, warned
from vmsd.doctor.database import cameras
from vmsd.errors import Invalid
from vmsd.host.keys import KEY_BYTES, Vault
from vmsd.services.sources import main_url
from vmsd.store.cameras import CameraRows

AT_ONCE = 64
CONNECT_S = 2.5
ALL_S = 12.0
SHOWN = 5
SEALED = "see the page Health for which cameras answer, and above what is said of the keys"


def reachable(box: Box) -> Finding:
    """A camera that pushes, and one behind a tunnel, is not called."""
    rows = CameraRows(Vault(_vault_key(box.set_up)))
    known = [rows.camera(row) for row in cameras(box.set_up)]
    if not known:
        return warned("there are no cameras", "add them on the page Cameras")
    sealed = [camera.name for camera in known if not camera.secret.readable]
    if sealed:
        advice = "restore vault.key from a backup, or give these cameras' addresses and passwords again"
        return failed(f"the addresses of {_names(sealed)} cannot be opened with this box's key", advice)
    places: dict[str, tuple[str, int]] = {}
    for camera in known:
        with suppress(Invalid):
            url = main_url(camera)
            places[camera.public_id] = (url.host, url.effective_port)
    names = {camera.public_id: camera.name for camera in known}
    silent = [f"{names[one]} ({places[one][0]}:{places[one][1]})" for one in _silent(places)]
    called = len(places)
    if silent:
        advice = "see to their power, cable and switch; find them again if their address changed: vmsd camera find"
        return failed(f"{len(silent)} of {called} cameras take no connection: {_names(silent)}", advice)
    return passed(f"all {called} cameras that are called take a connection")


def _silent(places: dict[str, tuple[str, int]]) -> list[str]:
    """Those that did not take one in time, in their order."""
    pool = ThreadPoolExecutor(AT_ONCE)
    calls = {pool.submit(_connects, place): one for one, place in places.items()}
    done, _ = wait(calls, ALL_S)
    pool.shutdown(wait=False, cancel_futures=True)
    good = {calls[call] for call in done if call.result()}
    return [one for one in places if one not in good]


def _connects(place: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(place, CONNECT_S):
            return True
    except OSError:
        return False


def _vault_key(settings: Settings) -> bytes:
    """`Unknown` where it is missing, or systemd's alone."""
    file = settings.data_dir / "keys" / "vault.key"
    if not file.exists():
        raise Unknown(f"the key to the cameras' addresses is not in {file.parent}", SEALED)
    key = file.read_bytes()
    if len(key) != KEY_BYTES:
        raise Invalid(f"{file} is no key")
    return key


def _names(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


CHECKS = (Check("cameras", reachable, 20.0),)
