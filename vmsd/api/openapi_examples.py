"""Examples for the API document, made from its own schemas: what has no example of its own gets a likely value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]
FORMATS = {
    "date-time": "2026-11-20T22:10:00.000Z",
    "uuid": "0f9f6a30-6f6c-4f0e-8f3d-2f6d0c1b7a55",
    "uri": "https://vmsd.local/",
}


class Examples:
    def __init__(self, components: Mapping[str, Schema]) -> None:
        self._components = components

    def of_answer(self, schema: Schema) -> Any:
        """With every member there can be."""
        return self._of(schema, "", whole=True)

    def of_body(self, schema: Schema) -> Any:
        """With what is required, and what has an example of its own."""
        return self._of(schema, "", whole=False)

    def _of(self, schema: Schema, name: str, *, whole: bool) -> Any:
        if "$ref" in schema:
            return self._of(self._resolved(schema), name, whole=whole)
        for word in ("examples", "enum"):
            if word in schema:
                return schema[word][0]
        if "const" in schema:
            return schema["const"]
        if "anyOf" in schema:
            likely = next((one for one in schema["anyOf"] if one.keys() & {"examples", "format"}), {"type": "null"})
            return self._of(likely, name, whole=whole)
        return self._by_type(schema, name, whole=whole)

    def _by_type(self, schema: Schema, name: str, *, whole: bool) -> Any:
        kind = schema.get("type", "null")
        if kind == "object":
            return self._object(schema, whole=whole)
        if kind == "array" and "prefixItems" in schema:
            return [self._of(item, name, whole=whole) for item in schema["prefixItems"]]
        if kind == "array":
            return [self._of(schema["items"], name, whole=whole)]
        make: Callable[[Schema, str], Any] = SIMPLE[kind]
        return make(schema, name)

    def _object(self, schema: Schema, *, whole: bool) -> dict[str, Any]:
        members: Mapping[str, Schema] = schema.get("properties", {})
        needed = members if whole else {*schema.get("required", ()), *filter(_has_own(members), members)}
        return {name: self._of(member, name, whole=whole) for name, member in members.items() if name in needed}

    def _resolved(self, schema: Schema) -> Schema:
        return self._components[schema["$ref"].rpartition("/")[2]]


def _has_own(members: Mapping[str, Schema]) -> Callable[[str], bool]:
    return lambda name: "examples" in members[name]


def _text(schema: Schema, name: str) -> str:
    """A word that says which member it is, where any text will do."""
    made = FORMATS.get(schema.get("format", ""), name or "text")
    return made.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]


SIMPLE: dict[str, Callable[[Schema, str], Any]] = {
    "string": _text,
    "integer": lambda schema, _: schema.get("minimum", 0),
    "number": lambda schema, _: schema.get("minimum", 0.0),
    "boolean": lambda _schema, _: False,
    "null": lambda _schema, _: None,
}
