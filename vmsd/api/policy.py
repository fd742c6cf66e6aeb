"""What every route states about itself: which verb it needs, whose it is, and how it is treated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from aiohttp import web

from vmsd.api.bodies import Query
from vmsd.model.person import Needed, Role

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Rate = Literal["read", "write", "heavy", "login", "media", "webhook"]


class Tenant(Enum):
    """Whose business a route is.

    PUBLIC: anybody's. PERSON: anybody's who is logged in. CITY: the one city the request names. CITIES: the
    same, and all of them for a superadmin who names none. SITE: the whole box's, for superadmins.
    """

    PUBLIC = "public"
    PERSON = "person"
    CITY = "city"
    CITIES = "cities"
    SITE = "site"


@dataclass(frozen=True)
class Route:
    """One line of the table.

    `verb` is what the caller must be able to do with some camera at least, and with the one in the path; of several
    any one will do. `role` is the least role. `media` routes also take a viewing token, in `?token=` or as the
    bearer. A `download` is fetched by the browser itself, without our headers: like a page it is about the city the
    session shows. `query` is all that may stand in the query string; None leaves it alone, for pages and for
    players that add what they like. `leaving` routes stay open to people whose city is suspended, `unready` ones to
    those who must choose a password first. `fresh` ones want a session whose owner gave the password a short while
    ago. A `keyed` route also takes an API token in `?token=`, for programs that cannot send headers with a WebSocket.
    A `live` route is asked many times a second: between two checks of a viewing session the door lets it
    through without a look at the store. One that `creates` may be sent twice under one idempotency key. To the key of a
    screen on a wall those with `wall` are open and no others, to the token of a central office those with `status`.
    `cost` names the rate class where the method does not.
    """

    method: str
    path: str
    handler: Handler
    tenant: Tenant
    verb: Needed = None
    role: Role = Role.USER
    media: bool = False
    keyed: bool = False
    download: bool = False
    live: bool = False
    page: bool = False
    query: type[Query] | None = Query
    leaving: bool = False
    unready: bool = False
    fresh: bool = False
    creates: bool = False
    wall: bool = False
    status: bool = False
    cost: Literal["heavy", "login", "webhook"] | None = None

    def __post_init__(self) -> None:
        if self.tenant in (Tenant.CITY, Tenant.CITIES) and self.verb is None and not self.page:
            raise ValueError(f"{self.method} {self.path} is about a city and names no verb")

    @property
    def rate(self) -> Rate:
        """How often it may be asked: one class shares one allowance."""
        if self.cost is not None:
            return self.cost
        if self.media:
            return "media"
        return "read" if self.method == "GET" else "write"
