"""The API as a document (OpenAPI 3.1), made from the table of routes and what is said at each handler."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from http import HTTPStatus
from typing import Any

from vmsd.api.openapi_examples import Examples
from vmsd.api.openapi_guide import GUIDE, TAGS
from vmsd.api.openapi_parameters import CITY_TENANTS, parameters, template
from vmsd.api.openapi_schemas import PROBLEM_EXAMPLE, Schemas
from vmsd.api.operation import Operation, find_operation
from vmsd.api.policy import Route, Tenant
from vmsd.model.person import Role

JSON = "application/json"
BARE = (101, 204, 304, 416)
"""Answers without a body."""
PROBLEM = "application/problem+json"
RETRY = {"Retry-After": "Seconds to wait before asking again."}
TAG_OF = {"hls": "streams", "webrtc": "streams", "ws": "alerts"} | dict.fromkeys(
    ("health", "metrics", "notices", "states", "storage"), "system"
)
"""Addresses whose first word is not the resource they belong to."""

ERRORS: dict[int, tuple[str, dict[str, str]]] = {
    400: ("The request cannot be read: a body that is no JSON, a header that is no such thing.", {}),
    401: ("Nobody is logged in, or the token or session does not count (any more).", {"WWW-Authenticate": "Bearer."}),
    403: ("Known, but not allowed. `cause` is `reauthenticate` or `change_password` where that would help.", {}),
    404: ("There is no such thing, or it is not for the caller to see.", {}),
    408: ("The body did not arrive in time.", {}),
    409: ("It clashes with something that exists, or is still being done: then with `Retry-After`.", RETRY),
    412: ("It is no longer the version `If-Match` names.", {}),
    413: ("The body is over the limit.", {}),
    415: ("The body is not of the type it has to be, `application/json` mostly, or is compressed.", {}),
    422: ("Understood, but not acceptable: `errors` says which fields, and why.", {}),
    426: ("Asked without the handshake of a WebSocket, version 13.", {"Upgrade": "`websocket`."}),
    429: ("Too often, or the box is too busy.", RETRY),
    503: ("MediaMTX is away.", RETRY),
    507: ("There is no room: the change cannot be written down, or nothing can be recorded.", {}),
}


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The whole API; raises `TypeError` for a handler that says nothing of itself, or what another says already."""
    told = [(route, _declared(route)) for route in routes if not route.page]
    _refuse_twins([operation.name for _, operation in told])
    schemas = Schemas([(operation, route.query) for route, operation in told])
    paths: dict[str, dict[str, Any]] = {}
    for route, operation in told:
        paths.setdefault(template(route.path), {})[route.method.lower()] = _operation(route, operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": _info(version),
        "servers": [{"url": "/", "description": "This box."}],
        "security": [{"token": []}, {"session": []}],
        "tags": [{"name": name, "description": TAGS[name]} for name in _tags(told)],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "responses": {str(status): _problem(status) for status in ERRORS},
            "securitySchemes": deepcopy(SECURITY),
        },
    }


def _info(version: str) -> dict[str, Any]:
    return {"title": "vmsd", "version": version, "description": GUIDE, "license": {"name": "GPL-3.0-or-later"}}


SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "An API token."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-vmsd",
        "description": "The cookie of a login; without TLS its name is `vmsd`.",
    },
    "viewing": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "The viewing token of one camera, for players that send no headers; see `open_stream`.",
    },
}


def _declared(route: Route) -> Operation:
    operation = find_operation(route.handler)
    if operation is None:
        raise TypeError(f"the handler of {route.method} {route.path} is no @operation")
    return operation


def _refuse_twins(names: Sequence[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise TypeError(f"two operations have the same name: {', '.join(twins)}")


def _tags(told: Sequence[tuple[Route, Operation]]) -> list[str]:
    return sorted({_tag(route) for route, _ in told})


def _tag(route: Route) -> str:
    words = route.path.removeprefix("/api/v1").strip("/")
    first = re.split(r"[/.]", words)[0]
    return TAG_OF.get(first, first)


def _operation(route: Route, operation: Operation, schemas: Schemas) -> dict[str, Any]:
    said: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [_tag(route)],
        "summary": operation.name.replace("_", " ").capitalize(),
        "description": _description(route, operation),
        "parameters": parameters(route, operation, schemas),
        "responses": dict(_responses(route, operation, schemas)),
        "security": _security(route),
        "x-required-verb": _verb(route),
        "x-required-role": _role(route),
        "x-tenant": route.tenant.value,
        "x-rate-class": route.rate,
    }
    body = schemas.of_body(operation)
    if operation.takes:
        said["requestBody"] = {"required": True, "content": {operation.takes: {"schema": {"type": "string"}}}}
    if body is not None:
        example = operation.body_example or Examples(schemas.components).of_body(body)
        content = {JSON: {"schema": body, "example": example}}
        said["requestBody"] = {"required": not operation.body_optional, "content": content}
    return said


def _description(route: Route, operation: Operation) -> str:
    more = {
        "A session must have given its password within the last 10 minutes.": route.fresh,
        "Superadmins only.": route.tenant == Tenant.SITE,
        "For role GESTOR and up.": route.role == Role.GESTOR,
    }
    return "\n\n".join(filter(None, [operation.description, *(text for text, told in more.items() if told)]))


def _verb(route: Route) -> str | list[str] | None:
    """A list where any one of several will do."""
    return [verb.value for verb in route.verb] if isinstance(route.verb, tuple) else route.verb and route.verb.value


def _role(route: Route) -> str | None:
    if route.tenant == Tenant.PUBLIC:
        return None
    return (Role.SUPERADMIN if route.tenant == Tenant.SITE else route.role).value


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.tenant == Tenant.PUBLIC:
        return []
    return [{"token": []}, {"session": []}, *([{"viewing": list[str]()}] if route.media else [])]


def _responses(route: Route, operation: Operation, schemas: Schemas) -> Iterator[tuple[str, dict[str, Any]]]:
    success = {operation.status: _phrase(operation.status)} | dict(operation.also)
    for status, text in sorted(success.items()):
        yield str(status), _answer(route, operation, schemas, status) | {"description": text}
    for status in sorted(_errors(route, operation)):
        yield str(status), {"$ref": f"#/components/responses/{status}"}


def _phrase(status: int) -> str:
    return "Done." if status == HTTPStatus.NO_CONTENT else f"{HTTPStatus(status).phrase}."


def _answer(route: Route, operation: Operation, schemas: Schemas, status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    headers = dict(operation.headers)
    if route.creates:
        headers["Idempotent-Replayed"] = "`true` when this is the answer to an earlier request of the same key."
    if operation.etag and status != HTTPStatus.NO_CONTENT:
        headers["ETag"] = "The version of what is answered."
    if status == HTTPStatus.CREATED and not operation.also:
        headers["Location"] = "Where the new thing is."
    if headers:
        answer["headers"] = _headers(headers)
    if status in BARE:
        return answer
    if operation.media:
        answer["content"] = {
            media: {"schema": {"type": "string"} if _is_text(media) else {}} for media in operation.media
        }
    if operation.answer is not None:
        schema = schemas.of_answer(operation.answer)
        example = operation.example or Examples(schemas.components).of_answer(schema)
        answer.setdefault("content", {})[JSON] = {"schema": schema, "example": example}
    return answer


def _is_text(media: str) -> bool:
    return media.startswith("text/") or media.endswith("mpegurl")


def _headers(headers: dict[str, str]) -> dict[str, Any]:
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in sorted(headers.items())}


def _errors(route: Route, operation: Operation) -> set[int]:
    """What the door, the reading of the request and the table's line can end in, and what the handler says."""
    inside = route.tenant != Tenant.PUBLIC
    changes = route.method != "GET"
    has_body = operation.body is not None or operation.patch is not None or bool(operation.takes)
    in_city = route.tenant in CITY_TENANTS
    told = {
        400: has_body or in_city or route.creates or (operation.etag and changes),
        401: inside,
        403: inside or changes,
        404: in_city or "{" in template(route.path),
        408: has_body,
        409: route.creates,
        412: operation.etag and route.method not in ("GET", "POST"),
        413: has_body,
        415: has_body,
        422: has_body or route.query is not None,
        429: True,
        507: changes,
    }
    return {status for status, may_be in told.items() if may_be} | set(operation.errors)


def _problem(status: int) -> dict[str, Any]:
    text, headers = ERRORS[status]
    example = PROBLEM_EXAMPLE | {"title": HTTPStatus(status).phrase, "status": status, "detail": text}
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
    problem: dict[str, Any] = {"description": text, "content": content}
    if headers:
        problem["headers"] = _headers(headers)
    return problem
