"""What bodies and answers about people, tokens and groups have in common."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from vmsd.api.bodies import Body
from vmsd.model.person import EVERY_CAMERA, GUARD_VERBS, Verb
from vmsd.model.shapes import Id
from vmsd.services.names import MOST_CHARS, NAME_PATTERN
from vmsd.services.people import GroupVerbs

MOST_GROUPS = 200

Label = Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARS, pattern=NAME_PATTERN)]
AnyVerb = Annotated[Verb, Field(strict=False)]


class GroupRight(Body):
    group: Label = Field(description="The name of a camera group, which comes into being; `*` is every camera.")
    verbs: list[AnyVerb] = Field(max_length=50)


def _from_name(value: Any) -> Any:
    """A name alone is what a guard may do."""
    return {"group": value, "verbs": sorted(GUARD_VERBS)} if isinstance(value, str) else value


def _refuse_twins(rights: list[GroupRight]) -> list[GroupRight]:
    if len({unicodedata.normalize("NFC", right.group) for right in rights}) != len(rights):
        raise PydanticCustomError("twice", "a group stands there twice")
    return rights


GroupRights = Annotated[
    list[Annotated[GroupRight, BeforeValidator(_from_name, json_schema_input_type=GroupRight | Label)]],
    AfterValidator(_refuse_twins),
    Field(max_length=MOST_GROUPS, description="A name alone stands for the verbs view and replay on that group."),
]


class Held(TypedDict):
    """What somebody may do with the cameras of a group."""

    group: Annotated[str, Field(description="`*` is every camera of the city.", examples=[EVERY_CAMERA])]
    verbs: list[Verb]


class Whose(TypedDict):
    id: Id
    name: str


def held_of(groups: GroupVerbs) -> list[Held]:
    """Every camera first, then by name."""
    names = sorted(groups, key=lambda name: (name != EVERY_CAMERA, name))
    return [{"group": name, "verbs": sorted(groups[name])} for name in names]


def group_verbs(rights: list[GroupRight]) -> Mapping[str, frozenset[Verb]]:
    return {right.group: frozenset(right.verbs) for right in rights}
