"""What a caller may do with accounts and tokens: nobody gives, or gets hold of, more than they have themselves.

The door has let them this far: whoever manages people is a GESTOR or a SUPERADMIN whose token, if that is what they
came with, is for `manage`; of other cities' people and tokens they know nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from vmsd.errors import NotAllowed, NotFound
from vmsd.model.person import ALL_VERBS, Caller, Person, Role, Verb
from vmsd.services.people import KEPT, GroupVerbs, PersonFields, Secrets, fields_of, groups_after
from vmsd.store.tokens import ApiToken


def refuse_adding(caller: Caller, fields: PersonFields) -> None:
    """Raises `NotAllowed`."""
    _refuse_beyond(caller, fields)
    _refuse_over_scope(caller, verbs_of(groups_after(None, fields), fields.role))


def refuse_changing(caller: Caller, person: Person, fields: PersonFields, secrets: Secrets) -> None:
    """Raises `NotAllowed`; of their own account people change the name alone here."""
    _refuse_beyond(caller, fields)
    more_than_name = replace(fields, name=person.name) != fields_of(person) or secrets != KEPT
    if person.id == caller.person.id and more_than_name:
        raise NotAllowed("nobody changes this of their own account; it takes another who may, or /api/v1/auth")
    _refuse_over_scope(caller, person.rights.anywhere)
    groups = groups_after(person, fields)
    if groups is not None:
        _refuse_over_scope(caller, verbs_of(groups, fields.role))


def refuse_removing(caller: Caller, person: Person) -> None:
    """Raises `NotAllowed`."""
    if person.id == caller.person.id:
        raise NotAllowed("nobody removes their own account; it takes another who may")
    _refuse_over_scope(caller, person.rights.anywhere)


def verbs_of(groups: GroupVerbs | None, role: Role) -> frozenset[Verb]:
    """All that can be done with them somewhere."""
    if role is not Role.USER:
        return ALL_VERBS
    return frozenset[Verb]().union(*(groups or {}).values())


def _refuse_beyond(caller: Caller, fields: PersonFields) -> None:
    if caller.role is Role.SUPERADMIN:
        return
    if fields.role is Role.SUPERADMIN:
        raise NotAllowed("only a SUPERADMIN makes another one")
    if fields.city_id != caller.person.city_id:
        raise NotAllowed("this is not your city")


def _refuse_over_scope(caller: Caller, verbs: frozenset[Verb]) -> None:
    """A token manages nobody who may do more than it is for: it could log in as them."""
    if not verbs <= caller.scope:
        missing = ", ".join(sorted(verbs - caller.scope))
        raise NotAllowed(f"this token is not for {missing}, and reaches nothing that is")


@dataclass(frozen=True)
class Owners:
    """Of the tokens a caller knows of: one person, one city's people, or with neither everybody."""

    person_id: int | None = None
    city_id: int | None = None


def owners_for(caller: Caller, named_city_id: int | None) -> Owners:
    """`named_city_id` is the one city a SUPERADMIN asks about, if any."""
    if caller.role is Role.USER:
        return Owners(person_id=caller.person.id)
    return Owners(city_id=named_city_id if caller.role is Role.SUPERADMIN else caller.person.city_id)


def knows_only_itself(caller: Caller) -> bool:
    """A token that is not for `manage` is no key to any other."""
    return caller.means == "token" and Verb.MANAGE not in caller.verbs


def refuse_unknown_token(caller: Caller, token: ApiToken, own: ApiToken | None, named_city_id: int | None) -> None:
    """Raises `NotFound`; `own` is the token the caller came with."""
    if own is not None and own.id == token.id:
        return
    owners = owners_for(caller, named_city_id)
    known = token.person.id == caller.person.id or (
        owners.person_id is None and owners.city_id in (None, token.person.city_id)
    )
    if knows_only_itself(caller) or not known:
        raise NotFound("there is no such token")


def refuse_rotating(caller: Caller, token: ApiToken) -> None:
    """Raises `NotAllowed`: a new secret is its owner's alone to see, and never by way of a token that may less."""
    if token.person.id != caller.person.id:
        raise NotAllowed("only its owner is given a new secret of a token")
    _refuse_over_scope(caller, token.scope)


def scope_of_new_token(caller: Caller, wanted: frozenset[Verb] | None) -> frozenset[Verb]:
    """All the caller may do unless less is wanted; raises `NotAllowed`."""
    if knows_only_itself(caller):
        raise NotAllowed("this token is not for manage, so it makes no other")
    if wanted is None:
        return caller.verbs
    if not wanted <= caller.verbs:
        missing = ", ".join(sorted(wanted - caller.verbs))
        raise NotAllowed(f"a token may not do more than who makes it: {missing}")
    return wanted
