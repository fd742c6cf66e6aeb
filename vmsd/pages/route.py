"""What every page states about itself: whose it is, and what somebody must be to see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from vmsd.model.person import Caller, Role, Verb

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Whose = Literal["public", "person", "city", "site"]


@dataclass(frozen=True)
class PageRoute:
    """One line of the table of pages, in the words of the table of routes.

    `unready` pages stay open to those who must choose a password first, `leaving` ones to people whose city is
    suspended.
    """

    path: str
    handler: Handler
    whose: Whose = "city"
    role: Role = Role.USER
    verb: Verb | None = None
    unready: bool = False
    leaving: bool = False

    def lacking(self, caller: Caller) -> str:
        """Why the page is closed to `caller`, for the words of the refusal: a role, a verb, or `city`."""
        if not caller.role.reaches(self.role):
            return self.role
        if self.verb is not None and self.verb not in caller.verbs:
            return self.verb
        return "city"


_PAGES: dict[Handler, PageRoute] = {}


def table(*pages: PageRoute) -> tuple[PageRoute, ...]:
    """The pages as they are given; from now on `find_page` knows them."""
    _PAGES.update({page.handler: page for page in pages})
    return pages


def find_page(request: web.Request) -> PageRoute | None:
    """The line of the table this request is about."""
    return _PAGES.get(request.match_info.handler)
