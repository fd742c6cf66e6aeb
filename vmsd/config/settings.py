"""All settings together, read from one TOML file and the drop-ins beside it, checked whole before anything starts."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from vmsd.config.box import Disk, Http, Https, Mdns, Rates, Site, Update
from vmsd.config.events import Alerts, Amqp, OutboxRules, Plates, Push
from vmsd.config.evidence import Archive, Backup, Exports, Integrity
from vmsd.config.shapes import Section
from vmsd.config.video import CameraRules, LiveLimits, Map, MediaMtx, Tunnel, WebRtc
from vmsd.errors import BadSetting


class Settings(Section):
    """Where things lie.

    `data_dir` holds the database and the keys, `recordings_dir` the video (on the appliance another file
    system), `runtime_dir` what need not survive a boot (tmpfs).
    """

    data_dir: Path
    recordings_dir: Path
    runtime_dir: Path
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    site: Site = Site()
    http: Http = Http()
    rates: Rates = Rates()
    https: Https = Https()
    mdns: Mdns = Mdns()
    mediamtx: MediaMtx = MediaMtx()
    disk: Disk = Disk()
    cameras: CameraRules = CameraRules()
    live: LiveLimits = LiveLimits()
    webrtc: WebRtc = WebRtc()
    integrity: Integrity = Integrity()
    alerts: Alerts = Alerts()
    exports: Exports = Exports()
    map: Map = Map()
    outbox: OutboxRules = OutboxRules()
    amqp: Amqp = Amqp()
    push: Push = Push()
    plates: Plates = Plates()
    update: Update = Update()
    backup: Backup = Backup()
    archive: Archive = Archive()
    tunnels: dict[str, Tunnel] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _no_plain_snapshot_leaves(self) -> Settings:
        if self.archive.enabled and self.archive.snapshots and self.backup.recipient is None:
            raise ValueError(
                "a snapshot of the database leaves the box only for an age key: "
                "set backup.recipient, or archive.snapshots = false"
            )
        return self

    @property
    def database(self) -> Path:
        return self.data_dir / "vmsd.db"

    @property
    def mediamtx_file(self) -> Path:
        return self.runtime_dir / "mediamtx.yml"

    @property
    def own_ports(self) -> frozenset[int]:
        """Ports no camera may be at on this machine."""
        mtx = self.mediamtx
        ports = {mtx.api_port, mtx.metrics_port, mtx.hls_port, mtx.rtsp_port, mtx.rtmp_port, self.http.port}
        return frozenset(ports | {mtx.webrtc_port, self.webrtc.port, self.https.port})

    @field_validator("data_dir", "recordings_dir", "runtime_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        if not path.is_absolute():
            raise ValueError("must be an absolute path")
        return path


def load_settings(file: Path) -> Settings:
    """Read and check `file`, and the drop-ins beside it; `BadSetting` names every field that is wrong."""
    raw = _read_toml(file)
    drop_ins = sorted(file.with_suffix(".d").glob("*.toml"))
    for one in drop_ins:
        raw = _merged(raw, _read_toml(one))
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        where = ", ".join(map(str, [file, *drop_ins]))
        raise BadSetting(f"{where}: " + "; ".join(lines)) from error


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise BadSetting(f"cannot read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"{file} is not valid TOML: {error}") from error


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables field by field; anything else that both have is as the upper one says."""
    both = {
        name: _merged(below[name], above[name])
        for name in below.keys() & above.keys()
        if _are_tables(below, above, name)
    }
    return {**below, **above, **both}


def _are_tables(below: Mapping[str, Any], above: Mapping[str, Any], name: str) -> bool:
    return isinstance(below[name], dict) and isinstance(above[name], dict)
