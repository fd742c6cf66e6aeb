"""Who is calling, and what they may do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from vmsd.model.audit import Who
from vmsd.model.city import City

Status = Literal["active", "disabled"]


class Role(StrEnum):
    SUPERADMIN = "SUPERADMIN"
    GESTOR = "GESTOR"
    USER = "USER"

    def reaches(self, least: Role) -> bool:
        """Whether this role may do what needs at least the other."""
        order = (Role.USER, Role.GESTOR, Role.SUPERADMIN)
        return order.index(self) >= order.index(least)


class Verb(StrEnum):
    """What can be done with a camera.

    MANAGE is what and how long it records, CONFIGURE what it is, PLATES the number plates it has read.
    """

    VIEW = "view"
    REPLAY = "replay"
    EXPORT = "export"
    PRESERVE = "preserve"
    MANAGE = "manage"
    CONFIGURE = "configure"
    PLATES = "plates"


class ScopeWord(StrEnum):
    """What a token may be for: the verbs, or the site's status and figures and nothing else, which stands alone."""

    VIEW = Verb.VIEW.value
    REPLAY = Verb.REPLAY.value
    EXPORT = Verb.EXPORT.value
    PRESERVE = Verb.PRESERVE.value
    MANAGE = Verb.MANAGE.value
    CONFIGURE = Verb.CONFIGURE.value
    PLATES = Verb.PLATES.value
    STATUS_READ = "status:read"


WALL = "WALL"
"""What the audit log has for the role of a screen on a wall."""
Needed = Verb | tuple[Verb, ...] | None
"""What must be allowed: this verb, any one of these, or nothing in particular."""
ALL_VERBS = frozenset(Verb)
GUARD_VERBS = frozenset({Verb.VIEW, Verb.REPLAY, Verb.PLATES})
"""What somebody may do with cameras of whom nothing else was said."""
EVERY_CAMERA = "*"
"""Where a group is named: all cameras of the city, those without a group too."""


def allows(held: Collection[Verb], needed: Needed) -> bool:
    """Whether who holds these verbs has what is needed."""
    if needed is None:
        return True
    return needed in held if isinstance(needed, Verb) else not frozenset(needed).isdisjoint(held)


@dataclass(frozen=True)
class Rights:
    """Verbs on every camera of a city, and more verbs on the cameras of some of its groups, by their number.

    With `cameras` all this goes for these alone, by their number.
    """

    everywhere: frozenset[Verb] = frozenset()
    groups: Mapping[int, frozenset[Verb]] = field(default_factory=lambda: MappingProxyType({}))
    cameras: frozenset[int] | None = None

    def on(self, group_id: int | None, camera_id: int | None = None) -> frozenset[Verb]:
        """On this camera of this group, or of none; without a camera what goes for all of the group's."""
        if self.cameras is not None and camera_id not in self.cameras:
            return frozenset()
        more = frozenset[Verb]() if group_id is None else self.groups.get(group_id, frozenset())
        return self.everywhere | more

    @property
    def anywhere(self) -> frozenset[Verb]:
        return self.everywhere.union(*self.groups.values())

    def groups_with(self, verbs: Collection[Verb]) -> frozenset[int] | None:
        """The groups where at least one of the verbs may be done with every camera; None for all of the city's."""
        if self.cameras is not None:
            return frozenset()
        if not self.everywhere.isdisjoint(verbs):
            return None
        return frozenset(group for group, held in self.groups.items() if not held.isdisjoint(verbs))

    def limited_to(self, scope: frozenset[Verb]) -> Rights:
        groups = {group: verbs & scope for group, verbs in self.groups.items()}
        return Rights(self.everywhere & scope, groups, self.cameras)


ALL_RIGHTS = Rights(ALL_VERBS)


@dataclass(frozen=True)
class Person:
    """An account; `city_id` is None for a superadmin, who belongs to no city.

    `secret_until_ms` is when the password stops counting (None: never), `totp` the sealed second factor.
    """

    id: int
    public_id: str
    city_id: int | None
    name: str
    role: Role
    password_hash: str = field(repr=False)
    status: Status = "active"
    rights: Rights = Rights()
    must_change: bool = False
    secret_until_ms: int | None = None
    totp: bytes | None = field(default=None, repr=False)
    totp_step: int = 0
    created_ms: int = 0
    changed_ms: int = 0
    last_login_ms: int | None = None


@dataclass(frozen=True)
class Seat:
    """What a screen on a wall is let in with: its key, and the number of the mosaic it shows."""

    key_hash: bytes = field(repr=False)
    mosaic_id: int


@dataclass(frozen=True)
class Caller:
    """The person behind one request and how they proved it.

    A screen on a wall calls as somebody of its own name, who may view the cameras of its mosaic and nothing else.
    """

    person: Person
    means: Literal["session", "token", "viewing", "wall"]
    address: str = ""
    session_hash: bytes | None = None
    token_hash: bytes | None = None
    """Of the API token they proved it with."""
    scope: frozenset[Verb] = ALL_VERBS
    """The most an API token may do, whatever its owner may."""
    status_only: bool = False
    """Set for the token of a central office: it reads the status of the box, and is kept out of everything else."""
    proved_ms: int = 0
    """When the session's owner last gave their password, on the wall clock."""
    shown_city_id: int | None = None
    """The city a superadmin's pages show."""
    camera_id: int | None = None
    """Set for a viewing token: the only camera it opens."""
    city: City | None = None
    """The city this request is about, once the door has opened it."""
    seat: Seat | None = None
    """Set for a wall, and for the viewing tokens it has opened."""

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
    def rights(self) -> Rights:
        return self.person.rights.limited_to(self.scope)

    @property
    def verbs(self) -> frozenset[Verb]:
        """Those that may be done with at least one camera."""
        return self.rights.anywhere

    @property
    def who(self) -> Who:
        """The caller, as the audit log names them."""
        role = self.person.role if self.seat is None else WALL
        return Who(self.person.public_id, self.person.name, role, self.address or None)
