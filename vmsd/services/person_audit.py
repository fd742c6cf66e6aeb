"""What the audit log is told of an account somebody adds, changes or removes: never a password."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.person import EVERY_CAMERA, Person, Verb

GroupVerbs = Mapping[str, frozenset[Verb]]
"""Verbs by the name of a camera group."""


@dataclass(frozen=True)
class Change:
    """An account before and after, and its rights by group where they were said; `by` is who did it."""

    before: Person
    after: Person
    groups_before: GroupVerbs
    groups_after: GroupVerbs
    by: Who
    without_totp: bool = False

    def entries(self) -> Iterator[Entry]:
        """Whoever moves to another city is told of in both."""
        fields = self._fields()
        if fields:
            yield self._entry(Action.PERSON_CHANGED, fields)
        if self.before.city_id not in (None, self.after.city_id):
            yield entry(Action.PERSON_CHANGED, self.before, self.by, fields)
        if self.before.role != self.after.role or readable(self.groups_before) != readable(self.groups_after):
            yield self._entry(Action.RIGHTS_CHANGED, self._rights())
        if self.before.password_hash != self.after.password_hash:
            yield self._entry(Action.PASSWORD_RESET, {"must_change": self.after.must_change})
        if self.without_totp and self.before.totp is not None:
            yield self._entry(Action.TOTP_DISABLED, {})

    def _fields(self) -> dict[str, Fact]:
        facts: dict[str, Fact] = {}
        for field in ("name", "status", "must_change"):
            if getattr(self.before, field) != getattr(self.after, field):
                facts |= {f"{field}_from": getattr(self.before, field), f"{field}_to": getattr(self.after, field)}
        return facts | ({"city_changed": True} if self.before.city_id != self.after.city_id else {})

    def _rights(self) -> dict[str, Fact]:
        roles: dict[str, Fact] = {}
        if self.before.role != self.after.role:
            roles = {"role_from": self.before.role, "role_to": self.after.role}
        return roles | {"from": readable(self.groups_before), "to": readable(self.groups_after)}

    def _entry(self, action: Action, facts: Mapping[str, Fact]) -> Entry:
        return entry(action, self.after, self.by, {"name": self.after.name, **facts})


def added(person: Person, groups: GroupVerbs, by: Who) -> Entry:
    facts: dict[str, Fact] = {"name": person.name, "role": person.role, "must_change": person.must_change}
    facts["rights"] = readable(groups)
    return entry(Action.PERSON_ADDED, person, by, facts)


def removed(person: Person, by: Who) -> Entry:
    return entry(Action.PERSON_REMOVED, person, by, {"name": person.name, "role": person.role})


def entry(action: Action, person: Person, by: Who, facts: Mapping[str, Fact]) -> Entry:
    """In the person's city; of the whole box for a superadmin."""
    return Entry(action, by, person.city_id, Subject("person", person.public_id), facts=facts)


def readable(groups: GroupVerbs) -> list[str]:
    """Every camera first, then by name; groups on which nothing may be done are not there."""
    names = sorted(groups, key=lambda name: (name != EVERY_CAMERA, name))
    return [f"{name}: {' '.join(sorted(groups[name]))}" for name in names if groups[name]]
