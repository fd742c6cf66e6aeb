"""The schemas of the API document, made by pydantic from the very types the code reads and answers with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NotRequired

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from typing_extensions import TypedDict

from vmsd.api.bodies import Query
from vmsd.api.operation import Operation

Schema = dict[str, Any]
REF = "#/components/schemas/{model}"
Wanted = dict[tuple[JsonSchemaMode, Any], TypeAdapter[Any]]


class ProblemField(TypedDict):
    """One thing wrong with one field."""

    pointer: str
    detail: str


class Problem(TypedDict):
    """Why a request was refused: RFC 9457.

    `errors` stand there with 422, `cause` where a program can use it, `request_id` where the box's log says more.
    """

    type: str
    title: str
    status: int
    detail: str
    errors: NotRequired[list[ProblemField]]
    cause: NotRequired[str]
    request_id: NotRequired[str]


PROBLEM_EXAMPLE = {"type": "about:blank", "title": "Not found", "status": 404, "detail": "there is no such camera"}


class _Plain(GenerateJsonSchema):
    """Without titles, which only repeat the names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's hook
        return False

    def normalize_name(self, name: str) -> str:
        """`Listing[CameraAnswer]` is `Listing_CameraAnswer`."""
        return super().normalize_name(name).strip("_")


class Schemas:
    """`components` is complete from the start; each `of_` is a reference to it, or a schema of its own."""

    def __init__(self, told: Sequence[tuple[Operation, type[Query] | None]]) -> None:
        self._schemas, self.components = _generate(_wanted(told))
        self._patches = {
            operation.patch: self._add_patch(operation.patch) for operation, _ in told if operation.patch is not None
        }
        names = {query: self._name_of(query) for _, query in told if query is not None}
        self._queries = {query: self.components[name] for query, name in names.items()}
        for name in names.values():
            self.components.pop(name, None)

    def of_answer(self, answer: Any) -> Schema:
        return self._schemas["serialization", answer]

    def of_body(self, operation: Operation) -> Schema | None:
        if operation.patch is not None:
            return self._patches[operation.patch]
        return None if operation.body is None else self._schemas["validation", operation.body]

    def of_query(self, query: type[Query]) -> Schema:
        """The object its members would be."""
        return self._queries[query]

    def _name_of(self, model: type[BaseModel]) -> str:
        """Of its component."""
        return str(self._schemas["validation", model]["$ref"]).rpartition("/")[2]

    def _add_patch(self, model: type[BaseModel]) -> Schema:
        whole = self._name_of(model)
        name = whole.removeprefix("New") + "Patch"
        self.components[name] = _patch(self.components[whole])
        return {"$ref": REF.format(model=name)}


def _wanted(told: Sequence[tuple[Operation, type[Query] | None]]) -> Wanted:
    wanted: Wanted = {("serialization", Problem): TypeAdapter(Problem)}
    for operation, query in told:
        if operation.answer is not None:
            wanted["serialization", operation.answer] = TypeAdapter(operation.answer)
        for model in (operation.body, operation.patch, query):
            if model is not None:
                wanted["validation", model] = TypeAdapter(model)
    return wanted


def _generate(wanted: Wanted) -> tuple[dict[Any, Schema], dict[str, Schema]]:
    keyed = [(key, key[0], adapter) for key, adapter in wanted.items()]
    made, together = TypeAdapter.json_schemas(keyed, ref_template=REF, schema_generator=_Plain)
    components: dict[str, Schema] = together.get("$defs", {})
    for component in components.values():
        component.pop("title", None)
    return {key: schema for (key, _), schema in made.items()}, components


def _patch(schema: Schema) -> Schema:
    """The same object with nothing required: what is left out stays as it is, so there are no defaults either."""
    members = {name: _without(member, "default") for name, member in schema["properties"].items()}
    patch = _without(schema, "required", "description") | {"properties": members}
    return {"description": "What is left out stays as it is."} | patch


def _without(schema: Schema, *names: str) -> Schema:
    return {name: value for name, value in schema.items() if name not in names}
