"""What handlers may use: the parts of the running daemon, under one key of the application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmsd.clock import Clock
    from vmsd.config import Settings
    from vmsd.live.hls import HlsProxy
    from vmsd.live.whep import WhepClient
    from vmsd.model.city import City
    from vmsd.model.person import Caller
    from vmsd.pages.render import Renderer
    from vmsd.services.accounts import Accounts
    from vmsd.services.audit import AuditLog
    from vmsd.services.calls import Calls
    from vmsd.services.cities import CityList
    from vmsd.services.continuity import Continuity
    from vmsd.services.discovery import Discovery
    from vmsd.services.download_audit import DownloadAudit
    from vmsd.services.feed import Feed
    from vmsd.services.health_board import HealthBoard
    from vmsd.services.integrity import Integrity
    from vmsd.services.interventions import Interventions
    from vmsd.services.live_states import LiveStates
    from vmsd.services.maintenance import Maintenance
    from vmsd.services.map import BaseMap
    from vmsd.services.metrics import Metrics
    from vmsd.services.motion import MotionWatch
    from vmsd.services.open_city import OpenCity
    from vmsd.services.overview import Overview
    from vmsd.services.people import PersonList
    from vmsd.services.plate_reports import PlateReports
    from vmsd.services.probe import Prober
    from vmsd.services.site_figures import SiteFigures
    from vmsd.services.site_metrics import SiteMetrics
    from vmsd.services.site_status import SiteStatuses
    from vmsd.services.stills import Stills
    from vmsd.services.stream_facts import StreamFacts
    from vmsd.services.streams import Streams
    from vmsd.services.tokens import TokenList
    from vmsd.services.viewing_audit import ViewingAudit
    from vmsd.store.idempotency import KeptAnswers


@dataclass(frozen=True)
class Site:
    """Built once by `app.py`; `open_city` hands out one city's view of everything."""

    settings: Settings
    clock: Clock
    accounts: Accounts
    cities: CityList
    people: PersonList
    tokens: TokenList
    states: LiveStates
    streams: Streams
    facts: StreamFacts
    stills: Stills
    prober: Prober
    discovery: Discovery
    overview: Overview
    metrics: Metrics
    interventions: Interventions
    integrity: Integrity
    maintenance: Maintenance
    continuity: Continuity
    audit: AuditLog
    viewings: ViewingAudit
    downloads: DownloadAudit
    hls: HlsProxy
    whep: WhepClient
    calls: Calls
    renderer: Renderer
    feed: Feed
    motion: MotionWatch
    health: HealthBoard
    figures: SiteFigures
    site_metrics: SiteMetrics
    statuses: SiteStatuses
    base_map: BaseMap
    plate_reports: PlateReports
    kept_answers: KeptAnswers
    open_city: Callable[[City, Caller], OpenCity]


SITE: web.AppKey[Site] = web.AppKey("site")
