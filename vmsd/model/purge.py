"""What a purge report says, in the shape in which it is kept and leaves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from vmsd.model.keeping import Keeping
from vmsd.model.segment import PurgeReason
from vmsd.model.shapes import Bytes, Count, Id, Time


class RuleTotal(TypedDict):
    """What went under one rule."""

    rule: PurgeReason
    recordings: Count
    bytes: Bytes


class CameraPurges(TypedDict):
    """What went of one camera."""

    camera_id: Id
    name: str
    recordings: Count
    bytes: Bytes
    oldest: Time
    newest: Time


class KeptException(TypedDict):
    """What would have gone by age, and is kept."""

    keeping: Keeping
    periods: Count
    bytes: Bytes
    name: Annotated[str | None, Field(description="Of the incident, or the number of the hold.")]


class SignedHead(TypedDict):
    """What the audit log had come to when the box signed it last."""

    hash: Annotated[str, Field(description="In hex.")]
    at: Time


class LedgerProof(TypedDict):
    """How many lines of the ledger there are, and how many the audit log proves."""

    lines: Count
    proved: Annotated[int | None, Field(ge=0, description="Null when there were too many to look at each.")]


class PurgeFacts(TypedDict):
    recordings: Count
    bytes: Bytes
    oldest: Time | None
    newest: Time | None
    by_rule: list[RuleTotal]
    by_camera: list[CameraPurges]
    kept: list[KeptException]
    ledger: LedgerProof
    audit_head: SignedHead | None
