"""What a configuration must hold beyond the right types: ranges, names, sources."""

import re
from typing import Any
from urllib.parse import urlsplit

from logs import LEVELS
from quantities import parse_duration

_NAME = re.compile(r"[0-9a-zA-Z_\-/.]+")
_CREDENTIAL = re.compile(r"[a-zA-Z0-9!$()*+.;<=>\[\]^_\-{}@#&]+")
_URL_SOURCES = (
    "rtsp://",
    "rtsps://",
    "rtsp+http://",
    "rtsps+http://",
    "rtmp://",
    "rtmps://",
    "http://",
    "https://",
    "udp+mpegts://",
    "srt://",
    "whep://",
    "wheps://",
)
_CHOICES = {
    "logLevel": tuple(LEVELS),
    "hlsVariant": ("mpegts", "fmp4", "lowLatency"),
    "rtspEncryption": ("no", "optional", "strict"),
    "rtmpEncryption": ("no", "optional", "strict"),
    "authMethod": ("internal", "http", "jwt"),
    "rtspTransport": ("automatic", "udp", "multicast", "tcp"),
    "recordFormat": ("fmp4", "mpegts"),
}
_ADDRESSES = ("api", "metrics", "rtsp", "rtmp", "hls", "webrtc")
_MAX_UDP_PAYLOAD_BYTES = 1472
_DAY_S = 86_400


def check_globals(values: dict[str, Any]) -> None:
    """Raise ValueError with the reason the file would be refused for."""
    _check_choices(values)
    for key in ("readTimeout", "writeTimeout"):
        if parse_duration(values[key]) <= 0:
            raise ValueError(f"'{key}' must be greater than zero")
    size = values["writeQueueSize"]
    if size <= 0:
        raise ValueError("'writeQueueSize' must be greater than zero")
    if size & (size - 1):
        raise ValueError("'writeQueueSize' must be a power of two")
    if values["udpMaxPayloadSize"] > _MAX_UDP_PAYLOAD_BYTES:
        raise ValueError("'udpMaxPayloadSize' must be less than 1472")
    for name in _ADDRESSES:
        if values[name] and not values[f"{name}Address"]:
            raise ValueError(f"'{name}Address' must be set when {name} is enabled")
    secret = values["hlsCDNSecret"]
    if secret and not _CREDENTIAL.fullmatch(secret):
        raise ValueError("'hlsCDNSecret' contains unsupported characters")
    for user in values["authInternalUsers"]:
        _check_user(user)


def _check_user(user: dict[str, Any]) -> None:
    if not user["user"]:
        raise ValueError("empty usernames are not supported")
    if user["user"] == "any" and user["pass"]:
        raise ValueError("using a password with 'any' user is not supported")


def check_path(name: str, values: dict[str, Any]) -> None:
    """Raise ValueError with the reason the file would be refused for."""
    _check_choices(values)
    pattern = name.startswith("~") or name in ("all", "all_others")
    if not pattern:
        try:
            check_name(name)
        except ValueError as error:
            raise ValueError(f"invalid path name '{name}': {error}") from error
    _check_source(values["source"])
    if values["sourceOnDemand"] and values["source"] == "publisher":
        raise ValueError("'sourceOnDemand' is useless when source is 'publisher'")
    if pattern and values["source"] != "publisher" and not values["sourceOnDemand"]:
        raise ValueError(
            "a path with a regular expression (or path 'all_others') and a static source"
            " must have 'sourceOnDemand' set to true"
        )
    _check_recording(values)


def check_name(name: str) -> None:
    if not name:
        raise ValueError("cannot be empty")
    if name[0] == "/":
        raise ValueError("can't begin with a slash")
    if name[-1] == "/":
        raise ValueError("can't end with a slash")
    if not _NAME.fullmatch(name):
        raise ValueError("can contain only alphanumeric characters, underscore, dot, minus, slash")
    if {".", ".."} & set(name.split("/")):
        raise ValueError("can't contain dot path segments")


def _check_choices(values: dict[str, Any]) -> None:
    for key, choices in _CHOICES.items():
        if key in values and values[key] not in choices:
            raise ValueError(f"invalid {key}: '{values[key]}'")


def _check_source(source: str) -> None:
    if source in ("publisher", "redirect"):
        return
    if not source.startswith(_URL_SOURCES):
        raise ValueError(f"invalid source: '{source}'")
    try:
        parts = urlsplit(source)
        host, user, password = parts.hostname, parts.username, parts.password
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"'{source}' is not a valid URL") from error
    if not host or re.search(r"%(?![0-9A-Fa-f]{2})", source) or re.search(r"[\s\x00-\x1f]", source):
        raise ValueError(f"'{source}' is not a valid URL")
    if bool(user) != bool(password):
        raise ValueError("username and password must be both provided")


def _check_recording(values: dict[str, Any]) -> None:
    template = values["recordPath"]
    if "%path" not in template:
        raise ValueError("'recordPath' must contain %path")
    if "%s" not in template and not all(code in template for code in ("%Y", "%m", "%d", "%H", "%M", "%S")):
        raise ValueError("'recordPath' must contain either %s or %Y %m %d %H %M %S")
    segment_s = parse_duration(values["recordSegmentDuration"])
    delete_s = parse_duration(values["recordDeleteAfter"])
    if segment_s > _DAY_S:
        raise ValueError("maximum segment duration is 1 day")
    if delete_s and delete_s < segment_s:
        raise ValueError("'recordDeleteAfter' cannot be lower than 'recordSegmentDuration'")
