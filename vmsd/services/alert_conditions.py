"""What the box raises alerts about by itself: each condition a function of what the daemon knows, all of them here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vmsd.clock import parse_rfc3339, rfc3339
from vmsd.config import Settings
from vmsd.host.disk import DiskUsage
from vmsd.model.alert import AlertKind, Level
from vmsd.model.camera import Camera
from vmsd.model.keeping import Hold
from vmsd.model.person import Role
from vmsd.model.state import Cause
from vmsd.services.answers import NoticeAnswer
from vmsd.services.expiry import Soon

MINUTE_MS = 60_000
DAY_MS = 86_400_000
LOW_HEADROOM = 1.5
"""With less than so many times the headroom at which recording stops somebody should look at the disk."""
LOGINS_WITHIN_S = 600
SHORT_S = 15.0
"""What is over sooner is not told."""
MANY = "many"
"""The subject of many cameras at once."""
SETTLE_S = 10.0
"""For so long it may turn out that it is not one camera that has stopped but many."""
HALF = 0.5
PAUSE_S = 60.0
"""A camera that was told of is not back as long as its recording stands still for so long at a time."""


@dataclass(frozen=True)
class Condition:
    """Something that is so now. Raised when it has been so for `after_s`, over when it has not been for `over_s`.

    One that is told `once` is not raised again after it was closed by hand.
    """

    kind: AlertKind
    subject: str
    level: Level
    since_ms: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    camera: Camera | None = None
    audience: Role = Role.USER
    after_s: float = 0.0
    over_s: float = 0.0
    once: bool = False


@dataclass(frozen=True)
class Silence:
    """A camera that is to be recorded: how long no byte of it has reached the disk, None when none ever has.

    `blamed_s` is how long that is for no known reason: it does not count from before the daemon was started, the camera
    was switched on, or what kept the whole box from recording was over.
    """

    camera: Camera
    quiet_s: float | None
    blamed_s: float
    cause: Cause | None

    def lasts(self, pause_s: float) -> bool:
        """For one that was told of: it has not come back."""
        return self.quiet_s is None or self.quiet_s >= pause_s

    def since_ms(self, now_ms: int) -> int:
        return now_ms - round(1000 * (self.blamed_s if self.quiet_s is None else self.quiet_s))


@dataclass(frozen=True)
class CityFacts:
    """What is known of one city. `folded`: its cameras are being told of as one already."""

    silences: Sequence[Silence]
    holds: Sequence[Hold] = ()
    soon: Soon | None = None
    backlog_ms: int | None = None
    """When the oldest of its news was put in the outbox that is still there."""
    alone: frozenset[str] = frozenset()
    """The cameras that are told of one by one already."""
    folded: bool = False


@dataclass(frozen=True)
class Known:
    """What the daemon knows of the box, and of one city of it."""

    settings: Settings
    now_ms: int
    day: str
    """Of the site's own calendar."""
    notices: Sequence[NoticeAnswer]
    usage: DiskUsage | None
    bytes_per_s: float
    refused_logins: int
    under_attack: bool
    altered: int
    checked: int
    """The number of the last integrity check."""
    explained: bool
    """Nothing can be recorded at the moment, or is meant to be, and that is told of already."""
    city: CityFacts


def conditions(known: Known) -> list[Condition]:
    """Everything that is so now in one city."""
    return [condition for find in ALL for condition in find(known)]


def _not_recording(known: Known) -> Iterator[Condition]:
    """Measured on bytes on the disk. While the whole box stands still no camera is blamed that was not before."""
    rules, city = known.settings.alerts, known.city
    late_s = 60 * rules.not_recording_minutes
    told_s = min(late_s, PAUSE_S)
    alone = [one for one in city.silences if one.camera.public_id in city.alone]
    yield from (_silent(known, one) for one in alone if one.lasts(told_s))
    others = [one for one in city.silences if one.camera.public_id not in city.alone]
    fresh = [one for one in others if (one.lasts(told_s) if city.folded else one.blamed_s >= late_s)]
    if known.explained and not city.folded:
        return
    fewest = max(2, rules.many_cameras // 2) if city.folded else rules.many_cameras
    share = HALF / 2 if city.folded else HALF
    if len(fresh) >= fewest and len(fresh) >= share * len(city.silences):
        yield Condition(
            AlertKind.NOT_RECORDING,
            MANY,
            "critical",
            min(one.since_ms(known.now_ms) for one in fresh),
            {"cameras": len(fresh)},
            over_s=60 * rules.recovered_minutes,
        )
    else:
        yield from (_silent(known, one) for one in fresh)


def _silent(known: Known, one: Silence) -> Condition:
    facts = {"cause": one.cause} if one.cause else {}
    over_s = 60 * known.settings.alerts.recovered_minutes
    subject, since_ms = one.camera.public_id, one.since_ms(known.now_ms)
    return Condition(
        AlertKind.NOT_RECORDING, subject, "warning", since_ms, facts, one.camera, after_s=SETTLE_S, over_s=over_s
    )


NOTICES: Mapping[str, tuple[AlertKind, str, Level]] = {
    "breaker_open": (AlertKind.BREAKER, "breaker", "critical"),
    "volume_missing": (AlertKind.DISK, "volume", "critical"),
    "volume_foreign": (AlertKind.DISK, "volume", "critical"),
    "disk_unreadable": (AlertKind.DISK, "volume", "critical"),
    "database_error": (AlertKind.DISK, "database", "critical"),
    "only_protected": (AlertKind.DISK, "only_protected", "warning"),
    "clock_untrusted": (AlertKind.CLOCK, "clock", "warning"),
    "mediamtx_away": (AlertKind.MEDIAMTX, "mediamtx", "critical"),
}
"""Which notices of the box are alerts too: both come from the same look, so that they say the same."""


def _noticed(known: Known) -> Iterator[Condition]:
    for notice in known.notices:
        if notice["code"] in NOTICES:
            kind, subject, level = NOTICES[notice["code"]]
            since_ms = parse_rfc3339(notice["since"]) if notice["since"] else known.now_ms
            reason = notice["facts"].get("reason")
            facts = {"code": notice["code"]} | ({"reason_code": reason} if reason else {})
            yield Condition(kind, subject, level, since_ms, facts, after_s=SHORT_S, over_s=SHORT_S)


def _little_room(known: Known) -> Iterator[Condition]:
    """Before recording stops: the sweeper has not kept up, or something else fills the disk."""
    rules, usage = known.settings.disk, known.usage
    if usage is None or known.explained:
        return
    needed = max(rules.headroom_bytes, rules.headroom_hours * 3600 * known.bytes_per_s)
    if usage.free_bytes < LOW_HEADROOM * needed:
        yield Condition(
            AlertKind.DISK, "headroom", "warning", known.now_ms, {"code": "headroom"}, after_s=60, over_s=300
        )


def _integrity(known: Known) -> Iterator[Condition]:
    """Told again when more was found; how much it is, is of all cities together and not said."""
    if known.altered:
        subject, facts = f"altered:{known.altered}", {"code": "recordings_altered"}
        yield Condition(AlertKind.INTEGRITY, subject, "critical", known.now_ms, facts, audience=Role.GESTOR, once=True)
    stopped = next((one for one in known.notices if one["code"] == "integrity_stopped"), None)
    if stopped is not None:
        since_ms = parse_rfc3339(stopped["since"]) if stopped["since"] else known.now_ms
        subject, facts = f"stopped:{known.checked}", {"code": "integrity_stopped"}
        yield Condition(AlertKind.INTEGRITY, subject, "critical", since_ms, facts, audience=Role.GESTOR, once=True)


def _expiring(known: Known) -> Iterator[Condition]:
    soon = known.city.soon
    if soon is not None:
        facts = {
            "code": "recordings_expiring",
            "recordings": soon.recordings,
            "bytes": soon.bytes,
            "cameras": soon.cameras,
            "first": rfc3339(soon.first_ms),
        }
        subject = f"recordings:{known.day}"
        yield Condition(AlertKind.EXPIRY, subject, "info", known.now_ms, facts, audience=Role.GESTOR, once=True)


def _ending_holds(known: Known) -> Iterator[Condition]:
    """Once a week before the end, and once more, louder, on the last day."""
    for hold in known.city.holds:
        last = hold.deadline_ms - known.now_ms <= DAY_MS
        code, level = ("holds_ending_today", "critical") if last else ("holds_ending", "warning")
        facts = {"code": code, "number": hold.number, "deadline": rfc3339(hold.deadline_ms)}
        subject = f"hold:{hold.public_id}:{hold.deadline_ms}:{'last' if last else 'soon'}"
        loud: Level = "critical" if level == "critical" else "warning"
        yield Condition(AlertKind.EXPIRY, subject, loud, known.now_ms, facts, audience=Role.GESTOR, once=True)


def _backlog(known: Known) -> Iterator[Condition]:
    oldest_ms, rules = known.city.backlog_ms, known.settings.alerts
    if oldest_ms is not None and known.now_ms - oldest_ms >= rules.backlog_minutes * MINUTE_MS:
        facts = {"oldest": rfc3339(oldest_ms)}
        yield Condition(AlertKind.BACKLOG, "outbox", "warning", oldest_ms, facts, audience=Role.GESTOR, over_s=60)


def _failed_logins(known: Known) -> Iterator[Condition]:
    """Without figures: they are of all cities together."""
    if known.under_attack or known.refused_logins >= known.settings.alerts.refused_logins:
        level: Level = "critical" if known.under_attack else "warning"
        yield Condition(
            AlertKind.FAILED_LOGINS, "logins", level, known.now_ms, audience=Role.GESTOR, over_s=LOGINS_WITHIN_S
        )


ALL: tuple[Callable[[Known], Iterator[Condition]], ...] = (
    _not_recording,
    _noticed,
    _little_room,
    _integrity,
    _expiring,
    _ending_holds,
    _backlog,
    _failed_logins,
)
KINDS = frozenset(
    {
        AlertKind.NOT_RECORDING,
        AlertKind.BREAKER,
        AlertKind.DISK,
        AlertKind.CLOCK,
        AlertKind.MEDIAMTX,
        AlertKind.INTEGRITY,
        AlertKind.EXPIRY,
        AlertKind.BACKLOG,
        AlertKind.FAILED_LOGINS,
    }
)
"""What is raised here and by nobody else."""
