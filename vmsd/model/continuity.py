"""The continuity certificate, member by member, as it is signed and as it leaves the box."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from vmsd.model.outage import OutageKind
from vmsd.model.shapes import Bytes, Count, Id, Ratio, Seconds, Time
from vmsd.model.timeline import GapCause

LocalTime = Annotated[
    str,
    Field(
        description="RFC 3339 in the site's zone, with its offset at that time.",
        examples=["2026-11-20T19:10:00.000-03:00"],
    ),
]
Hex = Annotated[str, Field(pattern="^[0-9a-f]+$", examples=["5e884898da28047151d0e56f8dc62927"])]


class Issuer(TypedDict):
    """Who asked for it."""

    id: Id | None
    name: str | None
    role: str | None


class BoxIdentity(TypedDict):
    """`serial` is the beginning of the fingerprint, the SHA-256 of the public key."""

    serial: Annotated[str, Field(examples=["5E884898DA28"])]
    public_key: Hex
    fingerprint: Hex


class Named(TypedDict):
    id: Id
    name: str


CertifiedPeriod = TypedDict(
    "CertifiedPeriod",
    {"start": Time, "end": Time, "from": Time, "to": Time, "local_start": LocalTime, "local_end": LocalTime},
)
CertifiedPeriod.__doc__ = "What was asked for; `from` and `to` are the part in which the camera could have recorded."


class CertifiedGap(TypedDict):
    start: Time
    end: Time
    local_start: LocalTime
    local_end: LocalTime
    seconds: Seconds
    cause: GapCause
    detail: str | None
    purged_at: Time | None


class CertifiedSpan(TypedDict):
    start: Time
    end: Time
    clock_trusted: bool


class CertifiedFiles(TypedDict):
    """The files behind it: how many, and of how many something is true."""

    count: Count
    bytes: Bytes
    hashed: Annotated[int, Field(ge=0, description="Their SHA-256 was taken after they were closed.")]
    running: Annotated[int, Field(ge=0, description="Still being written when this was issued.")]
    damaged: Annotated[int, Field(ge=0, description="Torn, as by a power cut; only what is whole of them counts.")]
    altered: Annotated[int, Field(ge=0, description="Not the bytes that were hashed.")]
    clock_untrusted: Count
    clock_corrected: Count


class CertifiedClock(TypedDict):
    """The clock when this was issued; `untrusted_seconds` of what was recorded have times nobody vouches for."""

    trusted: bool
    synchronised: bool | None
    reason: str | None
    untrusted_seconds: Seconds


class CertifiedOutage(TypedDict):
    kind: OutageKind
    start: Time
    end: Time | None
    facts: dict[str, Any]


class AuditHead(TypedDict):
    """The end of the audit log when the box signed it last."""

    hash: Hex
    at: Time


class Software(TypedDict):
    vmsd: str
    mediamtx: str | None


class ContinuityCertificate(TypedDict):
    """`coverage` is the share with video, never rounded up to all of it; seconds are those of `from` to `to`."""

    format: Literal["vmsd-continuity/1"]
    id: Id
    issued_at: Time
    issued_by: Issuer
    site: str
    time_zone: Annotated[str, Field(examples=["America/Sao_Paulo"])]
    box: BoxIdentity
    city: Named
    camera: Named
    period: CertifiedPeriod
    coverage: Ratio
    requested_seconds: Seconds
    recorded_seconds: Seconds
    missing_seconds: Seconds
    gaps: list[CertifiedGap]
    spans: list[CertifiedSpan]
    segments: CertifiedFiles
    clock: CertifiedClock
    outages: list[CertifiedOutage]
    audit_head: AuditHead | None
    software: Software


class Signature(TypedDict):
    """Over the canonical JSON of the document: UTF-8, sorted keys, no spaces, letters as they are."""

    algorithm: Literal["Ed25519"]
    public_key: Hex
    fingerprint: Hex
    signature: Hex
