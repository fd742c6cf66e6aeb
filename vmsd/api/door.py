"""The door: finds out who is calling and which city the request is about, before any handler runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from vmsd.api.bodies import QUERY, read_query
from vmsd.api.ids import find_id
from vmsd.api.policy import Handler, Route, Tenant
from vmsd.api.site import SITE, Site
from vmsd.errors import Malformed, NotAllowed, NotFound, NotLoggedIn
from vmsd.model.city import City
from vmsd.model.person import Caller, Needed, Role, allows
from vmsd.pages.request import CALLER, CITY
from vmsd.services.accounts import TOKEN_PREFIX
from vmsd.services.open_city import OpenCity
from vmsd.services.streams import Stream
from vmsd.services.wall_keys import WALL_PREFIX

COOKIE = "vmsd"
SECURE_COOKIE = "__Host-vmsd"
"""Browsers let nobody but this very host set a cookie of this name, and only over TLS; RFC 6265bis, 4.1.3.2."""
CITY_HEADER = "X-City-ID"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FRESH_S = 600
"""How long after the password was given the most sensitive things may be done."""
ROUTE = web.RequestKey("route", Route)
STREAM = web.RequestKey("stream", Stream)
"""The viewing session whose token the request carries."""


def door(policies: Mapping[web.AbstractRoute, Route]) -> Middleware:
    """The middleware for a route table; what is at no address answers 404 or 405 by itself."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        found = request.match_info.route
        route = policies.get(found)
        if route is None:
            if found.resource is not None:
                raise NotFound("there is nothing at this address")
            return await handler(request)
        request[ROUTE] = route
        if route.tenant == Tenant.PUBLIC:
            _refuse_other_origins(request)
        else:
            await _let_in(request, route, await _caller(request, request.app[SITE], route))
        if route.query is not None:
            request[QUERY] = read_query(request, route.query)
        return await handler(request)

    return check


async def admit_again(request: web.Request) -> None:
    """Raises what the door would raise if the same caller came now: for an answer that lasts, like a WebSocket."""
    before = caller_of(request)
    caller = await request.app[SITE].accounts.check_still_valid(before)
    caller = replace(caller, means=before.means, camera_id=before.camera_id, shown_city_id=before.shown_city_id)
    await _let_in(request, request[ROUTE], caller)


async def _let_in(request: web.Request, route: Route, caller: Caller) -> None:
    site = request.app[SITE]
    if caller.means == "session":
        _refuse_other_origins(request)
        if caller.person.must_change and not route.unready:
            raise NotAllowed("choose a password of your own first", cause="change_password")
    if caller.means == "wall" and not route.wall:
        raise NotAllowed("a wall shows its mosaic and does nothing else")
    if caller.status_only and not route.status:
        raise NotAllowed("this token reads the status of the box and nothing else")
    request[CALLER] = caller
    if route.live and STREAM in request and knows_paths(request):
        return
    own = await _own_city(site, caller)
    if own is not None and own.status == "suspended" and not route.leaving:
        raise NotAllowed("this city is suspended")
    _refuse_too_little(route, caller)
    if route.fresh:
        require_fresh(request)
    if route.tenant in (Tenant.CITY, Tenant.CITIES):
        await _enter_city(request, route, caller, own)


def _refuse_too_little(route: Route, caller: Caller) -> None:
    if route.tenant == Tenant.SITE and caller.role != Role.SUPERADMIN:
        raise NotAllowed("only a superadmin may do this")
    if not caller.role.reaches(route.role) or not allows(caller.verbs, route.verb):
        raise NotAllowed("your account may not do this")


async def _enter_city(request: web.Request, route: Route, caller: Caller, own: City | None) -> None:
    site = request.app[SITE]
    if route.tenant == Tenant.CITIES and own is None and CITY_HEADER not in request.headers and not route.page:
        return
    city = await _city(request, site, route, caller, own)
    request[CITY] = site.open_city(city, caller)
    request[CALLER] = replace(caller, city=city)


async def _caller(request: web.Request, site: Site, route: Route) -> Caller:
    address = request.remote or ""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        if bearer.startswith(WALL_PREFIX):
            return await site.accounts.walls.caller_of(bearer, address)
        if bearer.startswith(TOKEN_PREFIX):
            return await site.accounts.caller_of_token(bearer, address)
        if route.media:
            return await _viewer(request, site, bearer)
        raise NotLoggedIn("this token is not valid")
    if route.keyed and "token" in request.query:
        return await _holder(site, request.query["token"], address)
    if route.media and "token" in request.query:
        return await _viewer(request, site, request.query["token"])
    cookie = request.cookies.get(cookie_name(request))
    if cookie is None:
        raise NotLoggedIn("log in first")
    return await site.accounts.caller_of_session(cookie, address)


async def _holder(site: Site, key: str, address: str) -> Caller:
    if key.startswith(WALL_PREFIX):
        return await site.accounts.walls.caller_of(key, address)
    return await site.accounts.caller_of_token(key, address)


async def _viewer(request: web.Request, site: Site, token: str) -> Caller:
    """A viewing token counts while it is used and what it was opened with counts."""
    stream = site.streams.use(token)
    if site.streams.must_be_checked(stream):
        caller = await site.accounts.check_still_valid(stream.caller)
        stream = site.streams.note_checked(stream, caller)
    request[STREAM] = stream
    return replace(
        stream.caller,
        means="viewing",
        address=request.remote or "",
        camera_id=stream.camera_id,
        shown_city_id=stream.city_id,
    )


def knows_paths(request: web.Request) -> bool:
    """Whether this viewing session was looked into a moment ago, for this very camera."""
    stream = request[STREAM]
    return stream.paths is not None and stream.camera_public_id == request.match_info["camera_id"]


def _refuse_other_origins(request: web.Request) -> None:
    """A cookie alone changes nothing from another site: the browser must say the request is our own page's."""
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("Origin")
    same_origin = origin is None or _host_of(origin) == request.headers.get("Host")
    same_site = request.headers.get("Sec-Fetch-Site") in (None, "same-origin", "none")
    if not same_site or not same_origin:
        raise NotAllowed("this request comes from another site")


def _host_of(origin: str) -> str | None:
    """None for `null` and for what is no origin at all."""
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None


async def _own_city(site: Site, caller: Caller) -> City | None:
    """None for a superadmin, who belongs to no city."""
    city_id = caller.person.city_id
    return None if city_id is None else await site.cities.get_by_id(city_id)


async def _city(request: web.Request, site: Site, route: Route, caller: Caller, own: City | None) -> City:
    named = request.headers.get(CITY_HEADER)
    if named is not None:
        return await _named_city(site, caller, own, named)
    if own is not None:
        return own
    if caller.means == "viewing" or (caller.means == "session" and (route.page or route.media or route.download)):
        return await _shown_city(site, caller)
    raise Malformed(f"say which city in the {CITY_HEADER} header")


async def _named_city(site: Site, caller: Caller, own: City | None, named: str) -> City:
    public_id = find_id(named)
    if public_id is None:
        raise Malformed(f"{CITY_HEADER} is not a UUID")
    if own is not None:
        if own.public_id != public_id:
            raise NotAllowed("this is not your city")
        return own
    city = await site.cities.get(public_id)
    if caller.means == "viewing" and city.id != caller.shown_city_id:
        raise NotAllowed("this viewing token is another city's")
    return city


async def _shown_city(site: Site, caller: Caller) -> City:
    if caller.shown_city_id is not None:
        return await site.cities.get_by_id(caller.shown_city_id)
    cities = await site.cities.list(limit=1)
    if not cities:
        raise NotFound("there is no city yet")
    return cities[0]


def encrypted(request: web.Request) -> bool:
    """Whether the browser speaks TLS, with us or with a proxy that says so.

    Nobody gains by saying so wrongly: it only keeps their own cookie off plain connections.
    """
    return request.secure or request.headers.get("X-Forwarded-Proto") == "https"


def cookie_name(request: web.Request) -> str:
    """Of the session; under TLS the plain one does not count, whoever on the network may have set it."""
    return SECURE_COOKIE if encrypted(request) else COOKIE


def city_of(request: web.Request) -> OpenCity:
    """The city the door opened for this request."""
    return request[CITY]


def caller_of(request: web.Request) -> Caller:
    return request[CALLER]


def require_fresh(request: web.Request) -> None:
    """For a part of a request that is as sensitive as a `fresh` route."""
    caller = caller_of(request)
    if caller.means == "session" and request.app[SITE].clock.wall_ms() - caller.proved_ms > FRESH_S * 1000:
        raise NotAllowed("give your password once more for this", cause="reauthenticate")


def verb_of(request: web.Request) -> Needed:
    """What the caller must be able to do with a camera this request is about."""
    return request[ROUTE].verb
