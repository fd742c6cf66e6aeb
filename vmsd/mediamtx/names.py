"""What a camera is called in MediaMTX and on the disk, in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

SUB_SUFFIX = "-sub"


@dataclass(frozen=True)
class PathName:
    """`<city>/<camera>` for what is recorded, with `-sub` for the substream; both ids are public UUIDs."""

    city: str
    camera: str
    sub: bool = False

    def __str__(self) -> str:
        return f"{self.city}/{self.camera}{SUB_SUFFIX if self.sub else ''}"


def parse_path_name(text: str) -> PathName | None:
    """None for a path that is none of ours."""
    city, slash, camera = text.partition("/")
    sub = camera.endswith(SUB_SUFFIX)
    camera = camera.removesuffix(SUB_SUFFIX)
    return PathName(city, camera, sub) if slash and _is_uuid(city) and _is_uuid(camera) else None


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
