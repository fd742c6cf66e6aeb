"""The bill of materials: CycloneDX 1.6, in JSON, the same bytes for the same contents."""

from __future__ import annotations

import json
import os
import tomllib
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from executable.archive import sha256
from executable.go_build import modules_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from executable.component import Component
    from executable.place import Place

NAME = "sbom.cdx.json"
OURS = uuid.UUID("5d1b0a52-0b0e-5a8e-9d0c-6a1d0f6f8f3e")
"""The name space of the serial numbers."""
SPDX_WORDS = frozenset({"AND", "OR", "WITH"})


def write(file: Path, place: Place, contents: Sequence[Component], mediamtx: Path | None = None) -> None:
    """`mediamtx` is the program that goes along; without one the pinned release is named, as what vmsd needs."""
    components = [*map(described, contents), media_server(place, mediamtx)]
    bill: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"timestamp": timestamp(), "component": itself(place)},
        "components": components,
        "dependencies": [{"ref": "vmsd", "dependsOn": [one["bom-ref"] for one in components]}],
    }
    bill["serialNumber"] = uuid.uuid5(OURS, json.dumps(bill, sort_keys=True)).urn
    file.write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n", "utf-8")


def timestamp() -> str:
    return datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def itself(place: Place) -> dict[str, Any]:
    licences = licences_of("GPL-3.0-or-later")
    return {"type": "application", "bom-ref": "vmsd", "name": "vmsd", "version": place.version, "licenses": licences}


def described(one: Component) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "library", "bom-ref": one.ref, "name": one.name, "version": one.version}
    told["purl"] = one.purl
    if one.licence:
        told["licenses"] = licences_of(one.licence)
    if len(one.files) == 1:
        told["hashes"] = [{"alg": "SHA-256", "content": sha256(one.files[0])}]
    facts = [{"name": f"vmsd:{name}", "value": value} for name, value in sorted(one.facts.items())]
    facts += [{"name": "vmsd:file", "value": file.name} for file in one.files]
    return told | ({"properties": facts} if facts else {}) | ({"components": list(one.parts)} if one.parts else {})


def licences_of(text: str) -> list[dict[str, Any]]:
    """An expression where it is one word of SPDX or several with AND, OR, WITH between; else a name."""
    words = text.replace("(", " ").replace(")", " ").split()
    is_expression = bool(words) and len(words) % 2 == 1 and all(word in SPDX_WORDS for word in words[1::2])
    return [{"expression": text}] if is_expression else [{"license": {"name": text}}]


def media_server(place: Place, program: Path | None) -> dict[str, Any]:
    pin = tomllib.loads((place.root / "mediamtx/version.toml").read_text("utf-8"))
    purl = f"pkg:github/bluenviron/mediamtx@v{pin['version']}"
    told: dict[str, Any] = {"type": "application", "bom-ref": purl, "name": "mediamtx", "version": pin["version"]}
    told |= {"purl": purl, "licenses": licences_of("MIT")}
    if program is None:
        return told
    parts = [
        {"type": "library", "name": name, "version": version, "purl": f"pkg:golang/{name}@{version}"}
        for name, version in modules_of(program)
    ]
    return told | {"hashes": [{"alg": "SHA-256", "content": sha256(program)}], "components": parts}
