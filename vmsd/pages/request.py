"""What the door has found out about a request, for whoever answers it."""

from __future__ import annotations

from aiohttp import web

from vmsd.model.person import Caller
from vmsd.services.open_city import OpenCity

CALLER = web.RequestKey("caller", Caller)
CITY = web.RequestKey("city", OpenCity)
"""The one city the request is about."""
