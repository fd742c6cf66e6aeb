"""One round of all sites: so many at a time, each judged by itself, the worst first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vmsd.clock import Clock, rfc3339
from vmsd.fleet.ask import Asker, Refusal, asking
from vmsd.fleet.finding import Finding, Level, red, worst
from vmsd.fleet.judgement import judge
from vmsd.fleet.memory import Memory, Remembered
from vmsd.fleet.sites import Site, Sites
from vmsd.fleet.trust import read_trusted
from vmsd.fleet.words import Language
from vmsd.model.site_status import SiteStatus

IMPOSTORS = frozenset({"certificate", "forged", "other_box"})
"""Refusals that say somebody else may have answered; the others are of sites that do not answer as they should."""


@dataclass(frozen=True)
class Report:
    """Of one site; without a status when there is none that may be believed."""

    site: Site
    took_s: float
    findings: Sequence[Finding]
    status: SiteStatus | None = None
    remembered: Remembered | None = None

    @property
    def level(self) -> Level:
        return worst(self.findings)

    @property
    def order(self) -> tuple[bool, int, str]:
        """Somebody's lie goes before a power cut of a hundred sites."""
        return not any(one.alarm for one in self.findings), -self.level, self.site.name


@dataclass(frozen=True)
class Round:
    """Of all sites, the worst first."""

    at_ms: int
    reports: Sequence[Report]

    @property
    def level(self) -> Level:
        return max((one.level for one in self.reports), default=Level.GREEN)

    @property
    def remembered(self) -> Mapping[str, Remembered]:
        return {one.site.name: one.remembered for one in self.reports if one.remembered is not None}

    def count(self, level: Level) -> int:
        return sum(one.level is level for one in self.reports)


async def ask_all(sites: Sites, memory: Memory, clock: Clock, done: Callable[[], None] = lambda: None) -> Round:
    """`done` is called after each site."""
    turns = asyncio.Semaphore(sites.parallel)

    async def one(site: Site) -> Report:
        async with turns:
            report = await _report(asker, site, memory.sites.get(site.name), clock, sites.stale_s)
        done()
        return report

    async with asking(sites.parallel) as asker:
        reports = await asyncio.gather(*(one(site) for site in sites.items))
    return Round(clock.wall_ms(), sorted(reports, key=lambda report: report.order))


async def _report(asker: Asker, site: Site, known: Remembered | None, clock: Clock, stale_s: float) -> Report:
    began_s = clock.monotonic()
    try:
        body = await asker.ask(site, known.row if known else None)
        now_ms = clock.wall_ms()
        trusted = read_trusted(body, site.box, known, now_ms, stale_s)
    except Refusal as refusal:
        finding = red(refusal.code, alarm=refusal.code in IMPOSTORS, **refusal.facts)
        return Report(site, clock.monotonic() - began_s, [finding])
    findings = [*trusted.findings, *judge(trusted.status, site.least_coverage, now_ms)]
    findings.sort(key=lambda one: (not one.alarm, -one.level))
    return Report(site, clock.monotonic() - began_s, findings, trusted.status, trusted.remembered)


def as_json(found: Round, language: Language) -> dict[str, Any]:
    """For programs: what is wrong by code and in words, and of the status what a table shows."""
    return {
        "format": "vmsd-fleet-status/1",
        "read_at": rfc3339(found.at_ms),
        "level": found.level.word,
        "totals": {"all": len(found.reports), **{level.word: found.count(level) for level in Level}},
        "sites": [_site_json(report, language) for report in found.reports],
    }


def _site_json(report: Report, language: Language) -> dict[str, Any]:
    findings = [
        {"code": one.code, "level": one.level.word, "facts": dict(one.facts), "text": one.text(language)}
        for one in report.findings
    ]
    return {
        "name": report.site.name,
        "url": report.site.url,
        "level": report.level.word,
        "took": round(report.took_s, 3),
        "findings": findings,
        "status": report.status,
    }
