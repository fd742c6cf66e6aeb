"""What every route states about itself: which verb it needs, whose it is, and how it is treated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from aiohttp import web

from vmsd.api.bodies import Query
from vmsd.model.person import Verb

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Tenant(Enum):
    """Whose business a route is.

    PUBLIC: anybody's. PERSON: anybody's who is logged in. CITY: the one city the request names.
    SITE: the whole box's, for superadmins.
    """

    PUBLIC = "public"
    PERSON = "person"
    CITY = "city"
    SITE = "site"


@dataclass(frozen=True)
class Route:
    """One line of the table.

    `media` routes also take a viewing token, in `?token=` or as the bearer. `query` is all that may stand in
    the query string; None leaves it alone, for pages and for players that add what they like. `leaving` routes
    stay open to people whose city is suspended. A `live` route is asked many times a second: between two checks
    of a viewing session the door lets it through without a look at the store.
    """

    method: str
    path: str
    handler: Handler
    tenant: Tenant
    verb: Verb | None = None
    media: bool = False
    live: bool = False
    page: bool = False
    query: type[Query] | None = Query
    leaving: bool = False
