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
    from vmsd.model.city import City
    from vmsd.pages.render import Renderer
    from vmsd.services.accounts import Accounts
    from vmsd.services.cities import CityList
    from vmsd.services.interventions import Interventions
    from vmsd.services.live_states import LiveStates
    from vmsd.services.open_city import OpenCity
    from vmsd.services.overview import Overview
    from vmsd.services.probe import Prober
    from vmsd.services.stills import Stills
    from vmsd.services.streams import Streams


@dataclass(frozen=True)
class Site:
    """Built once by `app.py`; `open_city` hands out one city's view of everything."""

    settings: Settings
    clock: Clock
    accounts: Accounts
    cities: CityList
    states: LiveStates
    streams: Streams
    stills: Stills
    prober: Prober
    overview: Overview
    interventions: Interventions
    hls: HlsProxy
    renderer: Renderer
    open_city: Callable[[City], OpenCity]


SITE: web.AppKey[Site] = web.AppKey("site")
