"""Who is calling, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vmsd.model.city import City


class Role(StrEnum):
    SUPERADMIN = "SUPERADMIN"
    GESTOR = "GESTOR"
    USER = "USER"


class Verb(StrEnum):
    """What can be done with a camera or a city."""

    VIEW = "view"
    REPLAY = "replay"
    EXPORT = "export"
    PRESERVE = "preserve"
    MANAGE = "manage"
    CONFIGURE = "configure"


ROLE_VERBS: dict[Role, frozenset[Verb]] = {
    Role.SUPERADMIN: frozenset(Verb),
    Role.GESTOR: frozenset(Verb),
    Role.USER: frozenset({Verb.VIEW, Verb.REPLAY}),
}


@dataclass(frozen=True)
class Person:
    """An account; `city_id` is None for a superadmin, who belongs to no city."""

    id: int
    public_id: str
    city_id: int | None
    name: str
    role: Role
    password_hash: str


@dataclass(frozen=True)
class Caller:
    """The person behind one request and how they proved it."""

    person: Person
    means: str
    """`session`, `token` or `viewing`."""
    session_hash: bytes | None = None
    token_hash: bytes | None = None
    """Of the API token they proved it with."""
    shown_city_id: int | None = None
    """The city a superadmin's pages show."""
    camera_id: int | None = None
    """Set for a viewing token: the only camera it opens."""
    city: City | None = None
    """The city this request is about, once the door has opened it."""

    @property
    def name(self) -> str:
        return self.person.name

    @property
    def role(self) -> Role:
        return self.person.role

    @property
    def city_id(self) -> str | None:
        return self.city.public_id if self.city else None

    @property
    def city_name(self) -> str | None:
        return self.city.name if self.city else None

    @property
    def verbs(self) -> frozenset[Verb]:
        return ROLE_VERBS[self.person.role]
