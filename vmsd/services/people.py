"""The accounts of the site: adding, changing and removing people, and what a USER may do with which cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

import structlog

from vmsd.clock import Clock
from vmsd.errors import Conflict, FieldProblem, Invalid, NotFound
from vmsd.model.audit import Entry, Who
from vmsd.model.person import ALL_VERBS, EVERY_CAMERA, GUARD_VERBS, Person, Role, Status, Verb
from vmsd.services import person_audit
from vmsd.services.audit import AuditLog
from vmsd.services.groups import ensure_group
from vmsd.services.names import clean_name
from vmsd.services.passwords import Passwords
from vmsd.services.person_audit import Change
from vmsd.store.database import Database, Transaction
from vmsd.store.groups import EVERY_CAMERA_ID, Groups
from vmsd.store.people import People
from vmsd.store.push_facts import forget_all_of
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.sessions import Sessions
from vmsd.store.tokens import Tokens

log = structlog.get_logger()

GroupVerbs = Mapping[str, frozenset[Verb]]
"""Verbs by the name of a camera group; `EVERY_CAMERA` is all of them, with a group and without."""
GUARD_GROUPS: GroupVerbs = {EVERY_CAMERA: GUARD_VERBS}
"""What a USER may do of whom nothing else was said."""
EVERYTHING: GroupVerbs = {EVERY_CAMERA: ALL_VERBS}


@dataclass(frozen=True)
class PersonFields:
    """What is said of an account; `city_id` is None for a SUPERADMIN and for nobody else.

    `groups` are for a USER; None leaves what they have: `GUARD_GROUPS` for who becomes a USER, nothing for one who
    comes from another city.
    """

    name: str
    role: Role = Role.USER
    city_id: int | None = None
    status: Status = "active"
    groups: GroupVerbs | None = None
    must_change: bool = False


@dataclass(frozen=True)
class Secrets:
    """What else of an account a manager may change: a password given in its owner's stead, the second factor gone."""

    password: str | None = field(default=None, repr=False)
    without_totp: bool = False


KEPT = Secrets()


class PersonList:
    """Knows nothing of who may do what: that is `services.privileges`. `by` is who does it, for the record."""

    def __init__(self, database: Database, passwords: Passwords, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._store = People(database)
        self._sessions = Sessions(database)
        self._tokens = Tokens(database)
        self._passwords = passwords
        self._clock = clock

    async def is_empty(self) -> bool:
        return await self._store.count() == 0

    async def list(
        self, city_id: int | None = None, *, after: str | None = None, limit: int = 10_000
    ) -> Sequence[Person]:
        """Of one city, or with None of the whole box; `after` is the public id the last page ended with."""
        number = 0 if after is None else (await self.get(after, city_id)).id
        return await self._store.list(city_id, after=number, limit=limit)

    async def get(self, public_id: str, city_id: int | None = None) -> Person:
        """With a city only its own people exist."""
        person = await self._store.get(public_id)
        if city_id is not None and person.city_id != city_id:
            raise NotFound("there is no such person")
        return person

    async def get_named(self, name: str) -> Person:
        person = await self._store.find(clean_name(name))
        if person is None:
            raise NotFound("there is no such person")
        return person

    async def groups_of(self, people: Sequence[Person]) -> Mapping[int, GroupVerbs]:
        """By the person's number, what each may do where."""
        found: dict[int, dict[str, frozenset[Verb]]] = {
            person.id: {} if person.role is Role.USER else dict(EVERYTHING) for person in people
        }
        only = people[0].id if len(people) == 1 else None
        for city_id in {person.city_id for person in people if person.role is Role.USER}:
            if city_id is not None:
                for right in await Groups(Scope(self._database, city_id)).rights(only):
                    if right.person_id in found:
                        found[right.person_id][EVERY_CAMERA if right.group is None else right.group] = right.verbs
        return found

    async def add(self, fields: PersonFields, password: str, by: Who) -> Person:
        """Raises `Conflict` when the name is taken, `Invalid` when something is refused."""
        fields = _checked(fields)
        new = Person(
            id=0,
            public_id=str(uuid4()),
            city_id=fields.city_id,
            name=fields.name,
            role=fields.role,
            password_hash=await self._passwords.hash(password, fields.name),
            status=fields.status,
            must_change=fields.must_change,
        )
        async with self._database.write() as transaction:
            number = await self._store.add(transaction, new, self._clock.wall_ms())
            groups = groups_after(None, fields)
            await self._set_groups(transaction, replace(new, id=number), groups, by)
            await self._tell(transaction, person_audit.added(new, groups or {}, by))
        log.info("person.added", person_id=new.public_id, role=new.role, by=by.person)
        return await self._store.get(new.public_id)

    async def change(self, person: Person, fields: PersonFields, by: Who, secrets: Secrets = KEPT) -> Person:
        """All of it or nothing; `Conflict` when the account has been changed since `person` was read.

        Sessions end with the password, the role, the city, and when the account is disabled; tokens with the
        password and the city. With the role tokens shrink, and while the account is disabled none counts.
        """
        fields = _checked(fields)
        new = _changed(person, fields)
        if secrets.password is not None:
            new = replace(new, password_hash=await self._passwords.hash(secrets.password, new.name))
        change = await self._told(person, new, fields, by, secrets)
        async with self._database.write() as transaction:
            await self._store.change(transaction, new, self._clock.wall_ms())
            await self._keep_a_superadmin(transaction, person)
            await self._change_groups(transaction, person, new, fields, by)
            await self._change_secrets(transaction, new, secrets)
            await self._end_what_counts_no_more(transaction, person, new)
            await self._tell(transaction, *change.entries())
        log.info("person.changed", person_id=person.public_id, role=new.role, status=new.status, by=by.person)
        return await self._store.get(person.public_id)

    async def reset(self, person: Person, password: str, by: Who, *, without_totp: bool = False) -> Person:
        """A new password for somebody who has lost theirs, or from whom it was taken: nothing of before counts."""
        fields = replace(fields_of(person), must_change=False)
        return await self.change(person, fields, by, Secrets(password, without_totp))

    async def remove(self, person: Person, by: Who) -> None:
        """For ever, with sessions, tokens and rights; what they did stays in the audit log, under their name."""
        async with self._database.write() as transaction:
            await self._store.remove(transaction, person)
            await self._keep_a_superadmin(transaction, person)
            await self._tell(transaction, person_audit.removed(person, by))
        log.info("person.removed", person_id=person.public_id, by=by.person)

    async def _told(self, before: Person, new: Person, fields: PersonFields, by: Who, secrets: Secrets) -> Change:
        """What the audit log hears of a change."""
        held = (await self.groups_of([before]))[before.id]
        groups = groups_after(before, fields)
        will_hold = held if groups is None else groups
        return Change(
            before, new, held, EVERYTHING if new.role is not Role.USER else will_hold, by, secrets.without_totp
        )

    async def _tell(self, transaction: Transaction, *entries: Entry) -> None:
        for entry in entries:
            await self._audit.append(transaction, entry, self._clock.wall_ms())

    async def _keep_a_superadmin(self, transaction: Transaction, before: Person) -> None:
        """Somebody must be able to get at everything; asked after the change, which `Conflict` takes back."""
        if before.role is not Role.SUPERADMIN or before.status != "active":
            return
        if await self._store.count_superadmins(transaction) == 0:
            raise Conflict("this is the last active SUPERADMIN")

    async def _change_groups(
        self, transaction: Transaction, before: Person, new: Person, fields: PersonFields, by: Who
    ) -> None:
        groups = groups_after(before, fields)
        if groups is not None and before.city_id not in (None, new.city_id):
            await self._set_groups(transaction, replace(new, city_id=before.city_id), {}, by)
        await self._set_groups(transaction, new, groups, by)

    async def _set_groups(self, transaction: Transaction, person: Person, groups: GroupVerbs | None, by: Who) -> None:
        """In the city of `person`; a group of which nobody has heard comes into being."""
        if groups is None or person.city_id is None:
            return
        city = CityTransaction(transaction, person.city_id)
        store = Groups(Scope(self._database, person.city_id))
        rights: dict[int, frozenset[Verb]] = {}
        for name, verbs in groups.items():
            if verbs and name == EVERY_CAMERA:
                rights[EVERY_CAMERA_ID] = verbs
            elif verbs:
                rights[await ensure_group(city, store, self._audit, name, by, self._clock.wall_ms())] = verbs
        await store.set_rights(city, person.id, rights)

    async def _change_secrets(self, transaction: Transaction, new: Person, secrets: Secrets) -> None:
        now_ms = self._clock.wall_ms()
        if secrets.password is not None:
            await self._store.set_password(transaction, new, new.password_hash, now_ms, must_change=new.must_change)
        if secrets.without_totp:
            await self._store.set_totp(transaction, new, None, now_ms)

    async def _end_what_counts_no_more(self, transaction: Transaction, before: Person, new: Person) -> None:
        reset, moved = new.password_hash != before.password_hash, new.city_id != before.city_id
        if reset or moved or new.role != before.role or new.status == "disabled":
            await self._sessions.end_all_of(transaction, new)
        if reset or moved:
            await self._tokens.remove_all_of(transaction, new)
            await forget_all_of(transaction, new)


def fields_of(person: Person) -> PersonFields:
    """As they are."""
    return PersonFields(person.name, person.role, person.city_id, person.status, None, person.must_change)


def groups_after(before: Person | None, fields: PersonFields) -> GroupVerbs | None:
    """What somebody will have who becomes what `fields` say (`before` None: who is new); None: what they have."""
    if fields.role is not Role.USER:
        return {}
    if fields.groups is not None:
        return fields.groups
    if before is None or before.role is not Role.USER:
        return GUARD_GROUPS
    return None if before.city_id == fields.city_id else {}


def _changed(person: Person, fields: PersonFields) -> Person:
    return replace(
        person,
        name=fields.name,
        role=fields.role,
        city_id=fields.city_id,
        status=fields.status,
        must_change=fields.must_change,
    )


def _checked(fields: PersonFields) -> PersonFields:
    name = clean_name(fields.name)
    if fields.role is Role.SUPERADMIN and fields.city_id is not None:
        raise Invalid("the city was refused", FieldProblem("/city_id", "a SUPERADMIN belongs to no city"))
    if fields.role is not Role.SUPERADMIN and fields.city_id is None:
        raise Invalid("a city is missing", FieldProblem("/city_id", "everybody but a SUPERADMIN belongs to a city"))
    if fields.groups is not None and fields.role is not Role.USER:
        raise Invalid("the groups were refused", FieldProblem("/groups", "only a USER's rights go by group"))
    return replace(fields, name=name, groups=_checked_groups(fields.groups))


def _checked_groups(groups: GroupVerbs | None) -> GroupVerbs | None:
    if groups is None:
        return None
    cleaned = {clean_name(name, "/groups"): verbs for name, verbs in groups.items()}
    if len(cleaned) != len(groups):
        raise Invalid("the groups were refused", FieldProblem("/groups", "a group stands there twice"))
    return cleaned
