"""What the door has found out about a request, for whoever answers it."""

from __future__ import annotations

from aiohttp import web

from vmsd.model.person import Caller
from vmsd.services.open_city import OpenCity
from vmsd.services.wall_keys import WallKeys

CALLER = web.RequestKey("caller", Caller)
CITY = web.RequestKey("city", OpenCity)
"""The one city the request is about."""
WALLS: web.AppKey[WallKeys] = web.AppKey("walls", WallKeys)
"""Knows the keys of screens on walls."""
