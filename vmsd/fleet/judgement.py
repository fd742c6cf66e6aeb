"""What of a site's own figures somebody should look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vmsd.clock import parse_rfc3339
from vmsd.fleet.finding import Finding, amber, red
from vmsd.model.site_status import SiteStatus, StatusPromise

WORN = 0.9
"""Of a disk's expected life: time to order another."""
MOST_NAMED, ID_CHARS = 3, 8
KNOWN_NOTICES = frozenset(
    {"breaker_open", "volume_missing", "volume_foreign", "disk_unreadable", "clock_untrusted", "mediamtx_away"}
    | {"safe_mode", "database_error"}
)
"""What has a line of its own here."""


def judge(status: SiteStatus, least_coverage: float, now_ms: int) -> Sequence[Finding]:
    return [
        *_parts(status),
        *_recording(status, least_coverage),
        *_promise(status["promise"], now_ms),
        *_people(status),
    ]


def _parts(status: SiteStatus) -> Iterator[Finding]:
    disk, clock = status["disk"], status["clock"]
    if status["safe_mode"]:
        yield red("safe_mode")
    if not status["database"]:
        yield red("database")
    if not status["mediamtx"]["alive"]:
        yield red("mediamtx")
    if not clock["trusted"]:
        yield red("clock", reason=clock["reason"] or "?")
    elif clock["synchronised"] is False:
        yield amber("clock_drifts")
    if disk["condition"] != "ok":
        yield red("volume", condition=disk["condition"])
    elif not disk["recording"]:
        yield red("not_recording", reason=disk["reason"] or "?")
    if disk["failing"]:
        yield red("disk_failing")
    if (disk["wear_ratio"] or 0) >= WORN:
        yield amber("disk_worn", percent=round((disk["wear_ratio"] or 0) * 100))


def _recording(status: SiteStatus, least_coverage: float) -> Iterator[Finding]:
    counts, worst = status["counts"], status["coverage"]["worst"]
    if counts["all"] == 0:
        yield amber("no_cameras")
    if counts["unrecorded"]:
        yield red("unrecorded", count=counts["unrecorded"], which=_unrecorded(status))
    if worst is not None and worst < least_coverage:
        yield amber("low_coverage", percent=percent(worst))


def _unrecorded(status: SiteStatus) -> str:
    """The first of them by their ids, as they stand on the box's own pages, and why they have no picture."""
    found = [one for one in status["cameras"] if one["enabled"] and not one["recording"]][:MOST_NAMED]
    told = ", ".join(f"{one['id'][:ID_CHARS]} ({one['cause'] or one['state']})" for one in found)
    return f": {told}" if told else ""


def _promise(promise: StatusPromise, now_ms: int) -> Iterator[Finding]:
    """At risk until the first recording had to go too early, broken from then on."""
    holds, promised, breaks_at = promise["holds_days"], promise["promised_days"], promise["breaks_at"]
    if holds is None or promised is None or holds >= promised:
        return
    if breaks_at is not None and _after(breaks_at, now_ms):
        yield amber("promise_breaks", at=breaks_at[:10], holds=float(holds), promised=promised)
    else:
        yield red("promise_broken", holds=float(holds), promised=promised)


def _after(text: str, now_ms: int) -> bool:
    try:
        return parse_rfc3339(text) > now_ms
    except (ValueError, OverflowError):
        return False


def _people(status: SiteStatus) -> Iterator[Finding]:
    if status["alerts"]["critical"]:
        yield amber("alerts_open", count=status["alerts"]["critical"])
    if status["tasks_late"]:
        yield amber("tasks_late", names=", ".join(status["tasks_late"][:3]))
    for notice in status["notices"]:
        if notice["code"] not in KNOWN_NOTICES and notice["level"] != "info":
            yield (red if notice["level"] == "error" else amber)("notice", name=notice["code"])


def percent(ratio: float) -> float:
    """To one place, never rounded up to all of it."""
    return int(ratio * 1000) / 10
