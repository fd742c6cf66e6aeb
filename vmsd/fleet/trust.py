"""Whether a status is the box's own, of now, and whether its audit log follows from what was seen before.

Only what is signed by the key that is known is looked at any further. What is remembered is kept as it was when
anything is wrong with the log or the key, so that the alarm stays until somebody has looked into it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import TypeAdapter, ValidationError

from vmsd.clock import parse_rfc3339
from vmsd.fleet.ask import Refusal
from vmsd.fleet.finding import Finding, amber, red
from vmsd.fleet.memory import Remembered
from vmsd.fleet.words import duration
from vmsd.model.audit import Head, fingerprint, statement
from vmsd.model.site_status import SignedStatus, SiteStatus, StatusAudit
from vmsd.services.box_seal import canonical_json

SERIAL_DIGITS = 12
_SIGNED = TypeAdapter(SignedStatus)


@dataclass(frozen=True)
class Trusted:
    """A document that its box has signed; `remembered` is what is to be known of the site from now on."""

    status: SiteStatus
    remembered: Remembered
    findings: Sequence[Finding] = field(default=())


def read_trusted(body: bytes, box: str | None, known: Remembered | None, now_ms: int, stale_s: float) -> Trusted:
    """`box` is the fingerprint of the key it must be signed with, if that is known; `Refusal` when it is not."""
    document = _parse(body)
    signed = _shaped(document)
    status = signed["status"]
    fingerprint_now = _signer(document, signed)
    expected = box or (known.box if known else None)
    if expected is not None and fingerprint_now != expected:
        raise Refusal("other_box", {"box": fingerprint_now[:SERIAL_DIGITS].upper()})
    if known is not None and known.box != fingerprint_now:
        known = None  # somebody has written down that there is another box now
    made_ms = _time(status["made_at"])
    first = [] if expected else [amber("first", box=fingerprint_now[:SERIAL_DIGITS].upper())]
    age = [*_replayed(status, made_ms, known), *_age(status, made_ms, now_ms, stale_s)]
    log = [*_head(status["audit"], fingerprint_now), *_follows(status["audit"], known)]
    untouched = known is not None and any(one.alarm for one in (*age, *log))
    audit, believed_ms = status["audit"], _believed(status, made_ms, known, now_ms, stale_s)
    new = Remembered(fingerprint_now, audit["row"], audit["hash"], believed_ms, now_ms)
    return Trusted(status, known if untouched and known is not None else new, [*first, *age, *log])


def _parse(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Refusal("not_a_status", {"why": "JSON"}) from None
    if not isinstance(document, dict):
        raise Refusal("not_a_status", {"why": "JSON"})
    return document


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _shaped(document: dict[str, Any]) -> SignedStatus:
    """Members that are not known yet are let be: a newer box may say more."""
    try:
        return _SIGNED.validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        raise Refusal("not_a_status", {"why": place}) from None


def _signer(document: dict[str, Any], signed: SignedStatus) -> str:
    """The fingerprint of the key that has signed all of it; `Refusal` when it has not."""
    signature, box = signed["signature"], signed["status"]["box"]
    try:
        public_key = bytes.fromhex(signature["public_key"])
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(bytes.fromhex(signature["signature"]), canonical_json(document["status"]))
    except (ValueError, InvalidSignature):
        raise Refusal("forged", {}) from None
    known_as = fingerprint(public_key)
    if not box["fingerprint"] == signature["fingerprint"] == known_as or box["public_key"] != signature["public_key"]:
        raise Refusal("forged", {})
    return known_as


def _time(text: str) -> int:
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        raise Refusal("not_a_status", {"why": "made_at"}) from None


def _replayed(status: SiteStatus, made_ms: int, known: Remembered | None) -> Sequence[Finding]:
    """A box that has just woken up in 1970 says itself that its clock is not to be trusted, and is no replay."""
    earlier = known is not None and made_ms < known.made_ms
    return [red("replayed", alarm=True)] if earlier and status["clock"]["trusted"] else []


def _believed(status: SiteStatus, made_ms: int, known: Remembered | None, now_ms: int, stale_s: float) -> int:
    """The time its next document may not be before: never one nobody vouches for, nor one that is yet to come."""
    last_ms = known.made_ms if known else 0
    if not status["clock"]["trusted"]:
        return last_ms
    return max(last_ms, min(made_ms, now_ms + round(stale_s * 1000)))


def _age(status: SiteStatus, made_ms: int, now_ms: int, stale_s: float) -> Sequence[Finding]:
    """A clock the box itself does not trust is told of elsewhere, and says nothing about the age."""
    if not status["clock"]["trusted"]:
        return []
    age_s = (now_ms - made_ms) / 1000
    if age_s > stale_s:
        return [red("old", ago=duration(age_s))]
    return [red("ahead", ago=duration(-age_s))] if age_s < -stale_s else []


def _head(audit: StatusAudit, box: str) -> Sequence[Finding]:
    """The last head the box has signed on its own belongs to this log and this key."""
    signed = audit["signed"]
    if signed is None:
        return []
    try:
        public_key = bytes.fromhex(signed["public_key"])
        head = Head(signed["row"], bytes.fromhex(signed["hash"]), signed["at_ms"], signed["clock_trusted"], public_key)
        Ed25519PublicKey.from_public_bytes(public_key).verify(bytes.fromhex(signed["signature"]), statement(head))
    except (ValueError, InvalidSignature):
        return [red("audit_head_forged", alarm=True)]
    same_row = signed["row"] == audit["row"] and signed["hash"] != audit["hash"]
    if fingerprint(public_key) != box or same_row:
        return [red("audit_head_forged", alarm=True)]
    return (
        [red("audit_back", alarm=True, row=audit["row"], known=signed["row"])] if signed["row"] > audit["row"] else []
    )


def _follows(audit: StatusAudit, known: Remembered | None) -> Sequence[Finding]:
    """The row that was the last one then is still there, and is the same."""
    if known is None or known.row == 0:
        return []
    if audit["row"] < known.row:
        return [red("audit_back", alarm=True, row=audit["row"], known=known.row)]
    if audit["row"] == known.row:
        return [] if audit["hash"] == known.hash else [red("audit_forked", alarm=True, row=known.row)]
    asked = audit["asked"]
    if asked is None or asked["row"] != known.row:
        return [red("audit_unproven", alarm=True, row=known.row)]
    return [] if asked["hash"] == known.hash else [red("audit_forked", alarm=True, row=known.row)]
