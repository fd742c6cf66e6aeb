"""What a request carries besides its body: parts of the path, the query, headers."""

from __future__ import annotations

import re
from typing import Any

from vmsd.api.openapi_schemas import Schemas
from vmsd.api.operation import Operation
from vmsd.api.policy import Route, Tenant

CITY_TENANTS = (Tenant.CITY, Tenant.CITIES)
WHOSE = {
    Tenant.CITY: "The city the request is about. A superadmin must say it; for everybody else it is their own.",
    Tenant.CITIES: "The city the request is about. A superadmin who names none means all of them.",
}
ETAG = {"type": "string", "examples": ['"5f4dcc3b5aa765d61d83"']}
UUID = {"type": "string", "format": "uuid"}
KEY = {"type": "string", "pattern": r"^[\x21-\x7e]+$", "minLength": 1, "maxLength": 255}
NOT_MODIFIED = 304
_PART = re.compile(r"\{(\w+)(?::([^{}]+))?\}")


def template(path: str) -> str:
    """The path as OpenAPI writes it: without patterns, and without parts that may be empty."""
    return _PART.sub(lambda part: "" if _may_be_empty(part) else f"{{{part[1]}}}", path)


def _may_be_empty(part: re.Match[str]) -> bool:
    return part[2] is not None and re.fullmatch(part[2], "") is not None


def parameters(route: Route, operation: Operation, schemas: Schemas) -> list[dict[str, Any]]:
    return [*_in_path(route), *_in_query(route, schemas), *_in_headers(route, operation)]


def _in_path(route: Route) -> list[dict[str, Any]]:
    return [_parameter("path", part[1], _schema_of(part[1])) for part in _PART.finditer(template(route.path))]


def _schema_of(name: str) -> dict[str, Any]:
    return UUID if name.endswith("_id") else {"type": "string"}


def _in_query(route: Route, schemas: Schemas) -> list[dict[str, Any]]:
    """The viewing token of media routes is no parameter but a way to log in."""
    if route.query is None:
        return []
    query = schemas.of_query(route.query)
    return [
        _parameter("query", name, _without_null(member), required=name in query.get("required", ()))
        for name, member in query.get("properties", {}).items()
        if not (route.media and name == "token")
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Absent is not null in a query."""
    kinds: list[dict[str, Any]] = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(kinds) != 1:
        return schema
    return {name: value for name, value in schema.items() if name not in ("anyOf", "default")} | kinds[0]


def _in_headers(route: Route, operation: Operation) -> list[dict[str, Any]]:
    found = []
    if route.tenant in CITY_TENANTS:
        found.append(_parameter("header", "X-City-ID", UUID, WHOSE[route.tenant], required=False))
    found += [
        _parameter("header", name, UUID if name.endswith("-ID") else {"type": "string"}, text, required=False)
        for name, text in operation.sent.items()
    ]
    if route.creates:
        text = "Any word: a repetition with the same word and body answers as the first did, and creates nothing."
        found.append(_parameter("header", "Idempotency-Key", KEY, text, required=False))
    if NOT_MODIFIED in operation.also:
        text = "An `ETag` the caller has; 304 while it still holds."
        found.append(_parameter("header", "If-None-Match", ETAG, text, required=False))
    if operation.etag and route.method not in ("GET", "POST"):
        text = "The `ETag` of the version that is to be changed; 412 when somebody has changed it meanwhile."
        found.append(_parameter("header", "If-Match", ETAG | {"pattern": r'^(\*|"[!#-~]*")$'}, text, required=False))
    return found


def _parameter(
    place: str, name: str, schema: dict[str, Any], text: str = "", *, required: bool = True
) -> dict[str, Any]:
    text = text or schema.get("description", "")
    schema = {word: value for word, value in schema.items() if word != "description"}
    said = {"name": name, "in": place, "required": required, "schema": schema}
    return said | ({"description": text} if text else {})
