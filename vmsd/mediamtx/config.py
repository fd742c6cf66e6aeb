"""Renders MediaMTX's complete configuration file from the desired state, checks it, and puts it in place."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml

from vmsd.errors import BadSetting

NAME = re.compile(r"[0-9a-zA-Z_\-/.]+")


@dataclass(frozen=True)
class DesiredPath:
    """One path. `source` is `publisher` for what is pushed to us, by a camera or by the relay of `run`.

    `publish_key` is the password the publisher needs, its user name being `publish_user`.
    """

    name: str
    source: str
    record: bool
    publish_user: str = ""
    publish_key: str = ""
    run: str = ""

    def __repr__(self) -> str:
        return f"DesiredPath({self.name})"


LEAST_SEGMENTS = 7
"""What MediaMTX's low-latency HLS keeps at least; with fewer its server does not come up."""


@dataclass(frozen=True)
class WebRtcServer:
    """`port` is on loopback; pictures are taken and given at `media_port` of `media_host`, every address when empty.

    `hosts` are what browsers are told to try besides the addresses of the `interfaces`, of all when none is named.
    """

    port: int
    media_host: str
    media_port: int
    hosts: Sequence[str] = ()
    interfaces: Sequence[str] = ()

    @property
    def media_address(self) -> str:
        return f"{self.media_host}:{self.media_port}"

    @property
    def told_hosts(self) -> list[str]:
        """One that is listened at alone is the only one that answers, besides those that forward to it."""
        return [self.media_host, *self.hosts] if self.media_host else list(self.hosts)


@dataclass(frozen=True)
class Server:
    """The settings of MediaMTX that do not depend on cameras; ports are on loopback but RTMP's."""

    recordings_dir: Path
    api_port: int
    metrics_port: int
    hls_port: int
    rtsp_port: int
    rtmp_address: str
    user: str
    password: str
    cdn_secret: str
    segment_s: int
    hls_segment_s: float
    hls_segments: int
    hls_part_ms: int = 200
    webrtc: WebRtcServer | None = None
    """None switches it off."""

    @property
    def kept_segments(self) -> int:
        return max(self.hls_segments, LEAST_SEGMENTS)


@dataclass(frozen=True)
class Desired:
    """Everything the file says. `record` is false while the circuit breaker is open."""

    server: Server
    record: bool
    paths: Sequence[DesiredPath]


def render(template: Path, desired: Desired) -> str:
    """The complete file as text; `BadSetting` when MediaMTX would refuse it."""
    environment = jinja2.Environment(  # noqa: S701 - YAML, every value goes through `yaml`
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"yaml": json.dumps, "sha256": hashed}
    text = environment.from_string(template.read_text("utf-8")).render(
        server=desired.server, record=desired.record, paths=sorted(desired.paths, key=lambda path: path.name)
    )
    check(text)
    return text


def hashed(secret: str) -> str:
    """A secret as MediaMTX's `authInternalUsers` compares it without the file giving it away."""
    return "sha256:" + base64.b64encode(hashlib.sha256(secret.encode()).digest()).decode()


def check(text: str) -> None:
    """Refuse what ends MediaMTX: a file that does not parse, a bad name, a source it cannot read."""
    try:
        loaded: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadSetting("the rendered MediaMTX configuration is not YAML") from error
    for name, path in (loaded["paths"] or {}).items():
        if not NAME.fullmatch(name) or ".." in name:
            raise BadSetting(f"{name!r} is no name for a path")
        if not re.match(r"(publisher$|(rtsps?|rtmps?|https?)://)", path["source"]):
            raise BadSetting(f"the source of {name} is none MediaMTX reads")


class ConfigFile:
    """The file MediaMTX watches: replaced whole or not at all, and never rewritten for nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last_good = path.with_suffix(".last.yml")

    def write(self, text: str, *, even_if_same: bool = False) -> bool:
        """Put `text` in place (temporary file, fsync, rename, fsync); False when it stood there already."""
        if not even_if_same and self.read() == text:
            return False
        _replace(self.path, text)
        return True

    def keep_as_good(self, text: str) -> None:
        """Remember what MediaMTX was seen to have loaded."""
        if _read(self.last_good) != text:
            _replace(self.last_good, text)

    def read(self) -> str | None:
        """None when there is no such file, or one that is no text."""
        return _read(self.path)


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o640)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        os.fchmod(handle, 0o640)  # MediaMTX is in the group, whatever the umask
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
