"""What is written down of what people and the box did, and how each row is bound to the one before it.

The chain: `hash = SHA-256(previous || canonical)`. `previous` is the hash of the row with the number before,
32 zero bytes for row 1. `canonical` is the row as a JSON array after RFC 8785 (no space, UTF-8, integers, strings
and null), in this order: version (1), seq, city_id, city, at_ms, clock_trusted, person, person_name, role,
address, action, subject_kind, subject, reason, facts. `facts` is a string: a JSON object with sorted keys.

The signed head: Ed25519 over the five lines of `statement`. The box is named by the fingerprint of its key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

VERSION = 1
GENESIS = bytes(32)
"""What the first row has for the hash of a row before it."""


class Action(StrEnum):
    """What a row tells of. Words are added, never renamed: old rows keep them for ever."""

    LOGIN_DONE = "login.done"
    LOGIN_REFUSED = "login.refused"
    LOGIN_LOCKED = "login.locked"
    LOGIN_SECOND_FACTOR_REFUSED = "login.second_factor_refused"
    LOGOUT_DONE = "logout.done"
    SESSION_ENDED = "session.ended"
    REAUTHENTICATED = "session.reauthenticated"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - an action, not a password
    PASSWORD_RESET = "password.reset"  # noqa: S105 - as above
    TOTP_ENABLED = "totp.enabled"
    TOTP_DISABLED = "totp.disabled"
    PERSON_ADDED = "person.added"
    PERSON_CHANGED = "person.changed"
    PERSON_REMOVED = "person.removed"
    RIGHTS_CHANGED = "rights.changed"
    GROUP_ADDED = "group.added"
    GROUP_CHANGED = "group.changed"
    GROUP_REMOVED = "group.removed"
    TOKEN_ADDED = "token.added"  # noqa: S105 - as above
    TOKEN_ROTATED = "token.rotated"  # noqa: S105 - as above
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - as above
    CITY_ADDED = "city.added"
    CITY_CHANGED = "city.changed"
    CITY_REMOVED = "city.removed"
    CAMERA_ADDED = "camera.added"
    CAMERA_CHANGED = "camera.changed"
    CAMERA_REGROUPED = "camera.regrouped"
    CAMERA_REMOVED = "camera.removed"
    CAMERA_MOVED = "camera.moved"
    CAMERA_REPLACED = "camera.replaced"
    CAMERA_CLOCK_SET = "camera.clock_set"
    RECORDING_ENABLED = "recording.enabled"
    RECORDING_DISABLED = "recording.disabled"
    RETENTION_CHANGED = "retention.changed"
    VIEW_LIVE = "view.live"
    VIEW_REPLAY = "view.replay"
    RECORDING_DOWNLOADED = "recording.downloaded"
    RECORDING_PRESERVED = "recording.preserved"
    RECORDING_RELEASED = "recording.released"
    RECORDING_PURGED = "recording.purged"
    RECORDING_VANISHED = "recording.vanished"
    EXPORT_ASKED = "export.asked"
    EXPORT_DONE = "export.done"
    EXPORT_FAILED = "export.failed"
    EXPORT_CANCELLED = "export.cancelled"
    EXPORT_DOWNLOADED = "export.downloaded"
    EXPORT_DELIVERED = "export.delivered"
    EXPORT_REMOVED = "export.removed"
    INCIDENT_ADDED = "incident.added"
    INCIDENT_CHANGED = "incident.changed"
    INCIDENT_CLOSED = "incident.closed"
    HOLD_ADDED = "hold.added"
    HOLD_CHANGED = "hold.changed"
    HOLD_CONFIRMED = "hold.confirmed"
    HOLD_ENDED = "hold.ended"
    MOSAIC_ADDED = "mosaic.added"
    MOSAIC_CHANGED = "mosaic.changed"
    MOSAIC_REMOVED = "mosaic.removed"
    WALL_ADDED = "wall.added"
    WALL_REVOKED = "wall.revoked"
    CONTINUITY_CERTIFIED = "continuity.certified"
    PURGE_REPORTED = "purge.reported"
    ACCEPTANCE_ASKED = "acceptance.asked"
    ACCEPTANCE_DONE = "acceptance.done"
    ACCEPTANCE_FAILED = "acceptance.failed"
    ACCEPTANCE_CANCELLED = "acceptance.cancelled"
    INTEGRITY_ASKED = "integrity.asked"
    INTEGRITY_CHECKED = "integrity.checked"
    RECORDING_QUARANTINED = "recording.quarantined"
    RECORDING_ALTERED = "recording.altered"
    RECORDING_RATIONED = "recording.rationed"
    WEBHOOK_KEY_ADDED = "webhook_key.added"
    WEBHOOK_KEY_REMOVED = "webhook_key.removed"
    PLATE_READER_SET = "plate_reader.set"
    PLATE_READER_REMOVED = "plate_reader.removed"
    WANTED_ADDED = "wanted.added"
    WANTED_CHANGED = "wanted.changed"
    WANTED_REMOVED = "wanted.removed"
    DETECTIONS_SEARCHED = "detections.searched"
    DETECTIONS_EXPORTED = "detections.exported"
    DETECTIONS_ANONYMISED = "detections.anonymised"
    POWER_RECOVERED = "power.recovered"
    MARK_ADDED = "mark.added"
    MOTION_CHANGED = "motion.changed"
    DESTINATION_ADDED = "destination.added"
    DESTINATION_CHANGED = "destination.changed"
    DESTINATION_REMOVED = "destination.removed"
    DESTINATION_GONE = "destination.gone"
    AUDIT_EXPORTED = "audit.exported"
    CERTIFICATE_CHANGED = "certificate.changed"
    CLOCK_STEPPED = "clock.stepped"
    CLOCK_CONFIRMED = "clock.confirmed"
    CLOCK_CORRECTED = "clock.corrected"
    MAINTENANCE_BEGUN = "maintenance.begun"
    MAINTENANCE_ENDED = "maintenance.ended"
    DATABASE_BACKED_UP = "database.backed_up"
    DATABASE_RESTORED = "database.restored"
    ARCHIVE_SENT = "archive.sent"
    INDEX_REBUILT = "index.rebuilt"
    VOLUME_ADOPTED = "volume.adopted"
    BREAKER_OPENED = "breaker.opened"
    BREAKER_CLOSED = "breaker.closed"
    MAP_PLAN_CHANGED = "map.plan_changed"
    MAP_PLAN_REMOVED = "map.plan_removed"
    THRESHOLDS_CHANGED = "thresholds.changed"
    ALERT_ACKNOWLEDGED = "alert.acknowledged"
    ALERT_HELD = "alert.held"
    ALERT_CLOSED = "alert.closed"
    DAEMON_STARTED = "daemon.started"
    DAEMON_STOPPED = "daemon.stopped"


Fact = str | int | bool | list[str] | None


@dataclass(frozen=True)
class Who:
    """Who did it, as they were called then; all None is the box itself."""

    person: str | None = None
    name: str | None = None
    role: str | None = None
    address: str | None = None


@dataclass(frozen=True)
class Subject:
    """What it was done to, such as `camera` and its public id."""

    kind: str
    id: str


@dataclass(frozen=True)
class Entry:
    """Something to write down. `city_id` is None for what concerns the whole box.

    `facts` are for what the other fields do not say: small, and never a secret.
    """

    action: Action
    who: Who = field(default_factory=Who)
    city_id: int | None = None
    subject: Subject | None = None
    reason: str | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)


class Record(NamedTuple):
    """One row, its fields in the order of the canonical form. `city_id` and `seq` never leave the box.

    A city must not see `seq` or `previous`: they would tell how much happens in the other cities.
    """

    version: int
    seq: int
    city_id: int | None
    city: str | None
    at_ms: int
    clock_trusted: int
    person: str | None
    person_name: str | None
    role: str | None
    address: str | None
    action: str
    subject_kind: str | None
    subject: str | None
    reason: str | None
    facts: str
    previous: bytes = b""
    hash: bytes = b""

    @property
    def id(self) -> str:
        """What the outside knows it by."""
        return self.hash.hex()


_CANONICAL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_FACTS = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def canonical(record: Record) -> bytes:
    return _CANONICAL.encode(record[:-2]).encode("utf-8", "surrogateescape")


def hash_of(record: Record) -> bytes:
    return hashlib.sha256(record.previous + canonical(record)).digest()


def canonical_facts(facts: Mapping[str, Fact]) -> str:
    return _FACTS.encode(dict(facts))


@dataclass(frozen=True)
class Head:
    """What the chain had come to when the box signed it."""

    seq: int
    hash: bytes
    at_ms: int
    clock_trusted: bool
    public_key: bytes
    signature: bytes = b""


def fingerprint(public_key: bytes) -> str:
    """The SHA-256 of the 32 bytes of an Ed25519 public key, in hexadecimal."""
    return hashlib.sha256(public_key).hexdigest()


def statement(head: Head) -> bytes:
    """The text a head's signature is over; each line ends with a line feed."""
    lines = (
        f"vmsd audit head v1 of box {fingerprint(head.public_key)}",
        f"row {head.seq}",
        f"hash {head.hash.hex()}",
        f"time {head.at_ms}",
        f"clock {'trusted' if head.clock_trusted else 'untrusted'}",
    )
    return "".join(f"{line}\n" for line in lines).encode()


class Flaw(StrEnum):
    """What is wrong with the chain."""

    CHANGED = "changed"
    """A row is not what it was when it was written."""
    MISSING = "missing"
    """A row is not there."""
    REORDERED = "reordered"
    """A row stands in another's place."""
    REWRITTEN = "rewritten"
    """The rows fit each other, but the box has signed something else."""
    TRUNCATED = "truncated"
    """The chain ends before a row the box has signed."""
    HEAD_FORGED = "head_forged"
    """A head does not carry this box's signature."""


@dataclass(frozen=True)
class Fault:
    """The first row that is not as it should be."""

    seq: int
    flaw: Flaw


@dataclass(frozen=True)
class Verdict:
    """`length` is the number of rows there are, `head` the hash of the last one."""

    length: int
    head: bytes
    fault: Fault | None = None

    @property
    def valid(self) -> bool:
        return self.fault is None


@dataclass(frozen=True)
class AuditSearch:
    """`action` is the beginning of one; `text` is looked for in every text of the row, A-Z like a-z."""

    action: str | None = None
    person: str | None = None
    subject: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    text: str | None = None
