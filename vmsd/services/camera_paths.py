"""A camera's paths in MediaMTX: pulled by MediaMTX itself, pushed by the camera, or brought by a relay.

MediaMTX is given addresses that were checked, never names: it would ask for a name again, and call whatever the
answer is by then. Only where a certificate has to bear the name does the name stay: MediaMTX hangs up on whoever
cannot show one, before a word is said.
"""

from __future__ import annotations

import json
import shlex
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from vmsd.config import Settings
from vmsd.errors import Invalid, SourceFailed
from vmsd.mediamtx.config import DesiredPath
from vmsd.mediamtx.names import PathName
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.state import Cause
from vmsd.services.camera_hosts import CameraHosts
from vmsd.services.sources import main_url, sub_url
from vmsd.vendors.urls import SourceUrl, parse

REFUSED = Cause.ADDRESS_REFUSED
"""Its host leads to where no camera may live."""
SEALED = ("rtsps", "rtmps")
"""MediaMTX compares the certificate with the name and the system's authorities; vmsd sets no fingerprint."""


@dataclass(frozen=True)
class Relay:
    """What a relay process needs to bring a camera MediaMTX cannot read itself; kept in a file of its own."""

    file: Path
    content: str


@dataclass(frozen=True)
class Stream:
    """One of a camera's paths, and the relay that brings it."""

    path: DesiredPath
    relay: Relay | None = None


class CameraPaths:
    """`hosts` says where a source may be called."""

    def __init__(self, settings: Settings, hosts: CameraHosts) -> None:
        self._settings = settings
        self._hosts = hosts

    def of(self, city: City, camera: Camera) -> list[Stream]:
        """Raises `SourceFailed` with the cause when the main stream cannot be had; a substream is left out then."""
        main, sub = PathName(city.public_id, camera.public_id), PathName(city.public_id, camera.public_id, sub=True)
        streams: list[Stream] = []
        if camera.pushes:
            streams.append(Stream(_published(camera, main, run="")))
        elif camera.source_url:
            streams.append(self._called(camera, main, main_url(camera)))
        elif camera.protocol == "p2p":
            streams.append(self._relayed(camera, main, None))
        if camera.sub_source_url:
            with suppress(SourceFailed, Invalid):
                streams.append(self._called(camera, sub, sub_url(camera)))
        return streams

    def _called(self, camera: Camera, name: PathName, url: SourceUrl) -> Stream:
        try:
            located = self._hosts.locate(url)
        except Invalid:
            raise _refused() from None
        if camera.protocol == "http":
            return self._relayed(camera, name, located.join())
        source = self._sealed(url) if url.scheme in SEALED else located
        return Stream(DesiredPath(str(name), source.join(), camera.recording_enabled and not name.sub))

    def _sealed(self, url: SourceUrl) -> SourceUrl:
        """By name, and therefore only while the name leads where it may."""
        if self._hosts.leads_astray(url):
            raise _refused()
        return replace(url, port=url.effective_port)

    def _relayed(self, camera: Camera, name: PathName, source: str | None) -> Stream:
        relay = self._relay(camera, name, source)
        run = shlex.join([*program(), "relay", str(relay.file)])
        return Stream(_published(camera, name, run), relay)

    def _relay(self, camera: Camera, name: PathName, source: str | None) -> Relay:
        tunnel = self._settings.tunnels.get(camera.tunnel)
        here = parse(f"rtsp://127.0.0.1:{self._settings.mediamtx.rtsp_port}/{name}", "rtsp")
        content = {
            "source": source,
            "command": [part.replace("{target}", camera.tunnel_target) for part in tunnel.command] if tunnel else None,
            "username": camera.username,
            "password": camera.secret.password,
            "audio": camera.audio,
            "publish": here.with_credentials(camera.public_id, camera.secret.publish_key).join(),
        }
        stem = str(name).rpartition("/")[2]
        return Relay(self._settings.runtime_dir / "relays" / f"{stem}.json", json.dumps(content))


def _refused() -> SourceFailed:
    return SourceFailed(REFUSED, "the host leads to where no camera lives")


def program() -> list[str]:
    """How to start this same program again: frozen or from Python."""
    return [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "vmsd"]


def _published(camera: Camera, name: PathName, run: str) -> DesiredPath:
    return DesiredPath(
        name=str(name),
        source="publisher",
        record=camera.recording_enabled and not name.sub,
        publish_user=camera.public_id,
        publish_key=camera.secret.publish_key or "",
        run=run,
    )


def needs_relay(camera: Camera) -> bool:
    """True for what MediaMTX cannot pull, or not without following it anywhere: tunnels, and all that is HTTP."""
    return camera.protocol in ("http", "p2p")
