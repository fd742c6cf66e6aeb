"""The addresses of destinations: what may be one, and how one is shown without its secrets."""

from __future__ import annotations

from yarl import URL

from vmsd.errors import FieldProblem, Invalid
from vmsd.host.amqp import USUAL_PORTS
from vmsd.model.destination import Chosen
from vmsd.services.outgoing_places import OutgoingPlaces, Refused, Unknown

SCHEMES: dict[Chosen, tuple[str, ...]] = {"webhook": ("https", "http"), "amqp": ("amqps", "amqp")}
ENCRYPTED = {"https", "amqps"}
HIDDEN = "***"
SPACE = 32
"""Below it are control characters."""


async def check_address(kind: Chosen, text: str, places: OutgoingPlaces) -> None:
    """Raises `Invalid`. A name nobody knows at the moment is taken: the box may not be connected yet."""
    url = _parsed(text)
    if url.scheme not in SCHEMES[kind]:
        raise refused(f"must begin with {' or '.join(f'{scheme}://' for scheme in SCHEMES[kind])}")
    if not url.host or url.fragment:
        raise refused("must name a host, and have nothing behind a #")
    if kind == "webhook" and (url.user is not None or url.password is not None):
        raise refused("holds no user and no password: what is sent is signed")
    if kind == "amqp" and url.query_string:
        raise refused("has nothing behind a ?")
    try:
        await places.find(url.raw_host or "", _port(url), encrypted=url.scheme in ENCRYPTED)
    except Unknown:
        return
    except Refused as error:
        raise refused(error.strerror or "cannot be used") from None


def shown_address(text: str) -> str:
    """Without a password, and without what stands in a query."""
    url = URL(text)
    if url.password is not None:
        url = url.with_password(HIDDEN)
    return str(url.with_query(None)) + (f"?{HIDDEN}" if url.query_string else "")


def _parsed(text: str) -> URL:
    if any(ord(letter) <= SPACE for letter in text):
        raise refused("has no spaces in it")
    try:
        url = URL(text)
        _port(url)
    except (ValueError, KeyError):
        raise refused("is not an address") from None
    return url


def _port(url: URL) -> int:
    return url.port or USUAL_PORTS.get(url.scheme, 0)


def refused(detail: str) -> Invalid:
    return Invalid("the address was refused", FieldProblem("/url", detail))
