"""The API as a file, to be seen in review; `python -m tests.unit.api.openapi_file > tests/unit/api/openapi.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vmsd.api.openapi import document
from vmsd.api.routes import ROUTES

FILE = Path(__file__).parent / "openapi.json"
REMAKE = "python -m tests.unit.api.openapi_file > tests/unit/api/openapi.json"


def newest_document() -> dict[str, Any]:
    """Without the program's version, which is no change of the API."""
    return document(ROUTES, "1")


def as_text(told: dict[str, Any]) -> str:
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(as_text(newest_document()), end="")
