"""How often one caller may ask: a bucket per caller and class of route, empty for whoever asks too often."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import get_args

from aiohttp import web
from aiohttp.typedefs import Middleware

from vmsd.api.door import ROUTE, caller_of
from vmsd.api.policy import Handler, Rate, Route, Tenant
from vmsd.clock import Clock
from vmsd.config import Rates
from vmsd.errors import NotLoggedIn, TooMany

MOST_BUCKETS = 20_000
"""Of more callers than this, those who asked longest ago are forgotten."""
TOLERANCE_NS = 1000
"""What the clock's seconds may be off by, as fractions, after years; the shortest step is a hundred times as long."""


class Buckets:
    """Token buckets, each kept as the one moment when it will be full again; in memory, so a restart refills them."""

    def __init__(self, rates: Rates, clock: Clock) -> None:
        self._clock = clock
        classes = {name: getattr(rates, name) for name in get_args(Rate)}
        self._step_ns: dict[Rate, int] = {name: round(1e9 / rate.per_s) for name, rate in classes.items()}
        """Until one token is back; whole numbers, because they are added up."""
        self._depth_ns = {name: self._step_ns[name] * rate.burst for name, rate in classes.items()}
        self._full_ns: OrderedDict[tuple[Rate, Hashable], int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_ns)

    def take(self, rate: Rate, who: Hashable) -> None:
        """One token; raises `TooMany` with the very second there is one again. Being refused costs nothing more."""
        key, now_ns = (rate, who), round(self._clock.monotonic() * 1e9)
        full_ns = max(self._full_ns.get(key, now_ns), now_ns) + self._step_ns[rate]
        short_ns = full_ns - now_ns - self._depth_ns[rate] - TOLERANCE_NS
        if short_ns > 0:
            self._full_ns.move_to_end(key)
            raise TooMany("too many requests; wait a while", retry_after_s=math.ceil(short_ns / 1e9))
        self._full_ns[key] = full_ns
        self._full_ns.move_to_end(key)
        if len(self._full_ns) > MOST_BUCKETS:
            self._full_ns.popitem(last=False)


def limit_strangers(buckets: Buckets, policies: Mapping[web.AbstractRoute, Route]) -> Middleware:
    """Outside the door: what needs no login, what is at no address, and those the door does not know, by address.

    Somebody who is logged in takes nothing from their address and is not stopped by others behind the same one.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = policies.get(request.match_info.route)
        if route is None or route.tenant == Tenant.PUBLIC:
            buckets.take(route.rate if route else "read", request.remote)
            return await handler(request)
        try:
            return await handler(request)
        except NotLoggedIn:
            buckets.take("read", request.remote)
            raise

    return check


def limit_callers(buckets: Buckets) -> Middleware:
    """Inside the door: each person, and each of their API tokens, by themselves."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = request.get(ROUTE)
        if route is not None and route.tenant != Tenant.PUBLIC:
            caller = caller_of(request)
            buckets.take(route.rate, (caller.person.id, caller.means, caller.token_hash))
        return await handler(request)

    return check
