"""What must not be lost: exports, checks, copies elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from vmsd.config.shapes import MIB, Section, check_age_recipient


class Exports(Section):
    """A finished export is kept for `kept_days`. `queued` may be open per city, `at_once` are made at the same time.

    `days` and `cameras` are the most one may span; after `attempts` that the box itself broke off it has failed.
    """

    kept_days: int = Field(30, ge=1, le=366)
    days: int = Field(31, ge=1, le=35)
    cameras: int = Field(64, ge=1, le=500)
    queued: int = Field(100, ge=1, le=1000)
    at_once: int = Field(1, ge=1, le=4)
    attempts: int = Field(3, ge=1, le=10)


class Integrity(Section):
    """Every night at `at`, by the site's own time, disk and database are compared, and recordings read again.

    Read is `bytes_per_s` at most, and for `hours` at most: the next night goes on where this one ended.
    """

    at: str = Field("03:30", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    bytes_per_s: int = Field(20 * MIB, ge=MIB)
    hours: float = Field(4, gt=0, le=20)


class Backup(Section):
    """Copies of the database lie on the recordings volume, which is on another file system than the database.

    Where it is not, everybody is told, unless `may_share_disk` says that it is meant to be so. `recipient` is the
    public half of an age key of the operator's: `vmsd backup` then writes for it, and with the box's keys.
    """

    recipient: str | None = None
    may_share_disk: bool = False

    @field_validator("recipient")
    @classmethod
    def _known_kind(cls, text: str | None) -> str | None:
        if text is not None:
            check_age_recipient(text)
        return text


class Archive(Section):
    """Sealed packages, snapshots of the database and heads of the audit log, kept in an S3-compatible store too.

    Off without an `endpoint`. The secret half of `access_key` is the content of `secret_file`, or of a systemd
    credential named `archive.secret`. `ca_file` is the only authority whose certificate counts, in PEM. Where the
    store may be is said under `[outbox]`: `networks`, `plain_in_lan`. `bytes_per_s` is sent at most. While the bucket
    offers object lock, nobody may delete what is sent for `lock_days`. Everybody is told when something has waited
    for `late_hours`.
    """

    endpoint: str | None = Field(None, pattern=r"^https?://[^\s/@?#]+(/[^\s@?#]*)?$", max_length=300)
    bucket: str = Field("", pattern=r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$")
    region: str = Field("us-east-1", pattern=r"^[A-Za-z0-9-]{1,40}$")
    access_key: str = Field("", pattern=r"^[^\s/]{0,128}$")
    secret_file: Path | None = None
    virtual_host: bool = False
    prefix: str = Field("", pattern=r"^([A-Za-z0-9_-][A-Za-z0-9_.-]{0,59}/){0,4}$")
    ca_file: Path | None = None
    bytes_per_s: int = Field(512 * 1024, ge=16 * 1024)
    deadline_s: float = Field(120, ge=5, le=600)
    lock_days: int = Field(0, ge=0, le=3660)
    lock_mode: Literal["GOVERNANCE", "COMPLIANCE"] = "GOVERNANCE"
    packages: bool = True
    snapshots: bool = True
    audit_heads: bool = True
    queued: int = Field(100, ge=1, le=10_000)
    late_hours: float = Field(24, ge=1, le=720)

    @property
    def enabled(self) -> bool:
        return self.endpoint is not None

    @model_validator(mode="after")
    def _complete(self) -> Archive:
        for name, file in (("secret_file", self.secret_file), ("ca_file", self.ca_file)):
            if file is not None and not file.is_absolute():
                raise ValueError(f"{name} must be an absolute path")
        if self.enabled and not (self.bucket and self.access_key):
            raise ValueError("an endpoint comes with a bucket and an access_key")
        if self.endpoint is not None:
            place = urlsplit(self.endpoint)
            if place.port == 0 or (self.virtual_host and re.fullmatch(r"[0-9.]+|.*:.*", place.hostname or "")):
                raise ValueError("endpoint must have a port from 1 on, and a name where virtual_host is set")
        return self
