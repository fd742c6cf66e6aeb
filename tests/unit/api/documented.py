"""Whether an answer is one the API's document tells of: its status, its kind, every member of it."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from tests.unit.api.openapi_file import newest_document

MADE_OUTSIDE = {405, 431}
"""Of no operation: a method nobody knows, a request that is none."""


def strict(told: dict[str, Any]) -> dict[str, Any]:
    """The document as a promise of this very version: an answer has no member it does not name."""
    for schema in told["components"]["schemas"].values():
        if schema.get("type") == "object" and "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return told


def refuse_undocumented(method: str, path: str, status: int, content_type: str, raw: bytes) -> None:
    """Raises `AssertionError`. Pages, files and addresses where there is nothing are no operations."""
    operation = _operation("get" if method == "HEAD" else method.lower(), path.partition("?")[0])
    if operation is None or status in MADE_OUTSIDE:
        return
    answer = operation["responses"].get(str(status))
    assert answer is not None, f"{method} {path} answered {status}, which its document does not know: {raw[:300]!r}"
    content = _resolved(answer).get("content", {})
    if not raw or (content_type == "text/html" and status >= 400):
        return
    assert content_type in content, f"{method} {path} answered {content_type}, its document knows {[*content]}"
    if content_type.endswith("json"):
        _check(json.dumps(content[content_type]["schema"], sort_keys=True), json.loads(raw), f"{method} {path}")


@cache
def _told() -> dict[str, Any]:
    return strict(newest_document())


def _resolved(answer: dict[str, Any]) -> dict[str, Any]:
    name = answer.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = _told()["components"]["responses"][name] if name else answer
    return found


@cache
def _addresses() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Those without a part to fill in first, and of those with one the longest, which says most."""
    paths = sorted(_told()["paths"].items(), key=lambda item: (item[0].count("{"), -len(item[0])))
    return [(re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), methods) for path, methods in paths]


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for pattern, methods in _addresses():
        if pattern.fullmatch(path) and method in methods:
            found: dict[str, Any] = methods[method]
            return found
    return None


@cache
def _validator(schema: str) -> Draft202012Validator:
    whole = json.loads(schema) | {"components": _told()["components"]}
    return Draft202012Validator(whole, format_checker=FormatChecker(["date-time", "uuid"]))


def _check(schema: str, body: Any, asked: str) -> None:
    wrong = [f"{error.json_path}: {error.message}" for error in _validator(schema).iter_errors(body)]
    assert wrong == [], f"{asked} answered what its document does not know: {'; '.join(wrong)[:2000]}"
