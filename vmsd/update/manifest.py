"""What a bundle says of itself: the one text that is signed, and that names the bytes of everything else."""

from __future__ import annotations

import json
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from vmsd.clock import parse_rfc3339
from vmsd.errors import Invalid
from vmsd.update.versions import parse_version

FORMAT = "vmsd-update-1"
DOMAIN = b"vmsd update manifest v1\n"
"""Comes before the manifest in what is signed: a signature made for something else is none of an update."""
MANIFEST_BYTES = 64 * 1024
GIB = 1024**3
PACKED_BYTES = 4 * GIB
UNPACKED_BYTES = 7 * GIB

Kind = Literal["deb", "root"]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _version(text: str) -> str:
    try:
        return parse_version(text).text
    except Invalid as error:
        raise ValueError(str(error)) from error


def _moment(text: str) -> str:
    parse_rfc3339(text)
    return text


VersionText = Annotated[str, Field(max_length=60), AfterValidator(_version)]
Moment = Annotated[str, Field(max_length=40), AfterValidator(_moment)]


class Payload(BaseModel):
    """One file of a bundle: a Debian package, or the image of a root file system for an appliance's other slot."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Kind
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._+~-]{0,79}$")
    packing: Literal["none", "xz"]
    size: int = Field(ge=1, le=PACKED_BYTES)
    sha256: Digest
    unpacked_size: int = Field(ge=1, le=UNPACKED_BYTES)
    unpacked_sha256: Digest


class Manifest(BaseModel):
    """`key` is the fingerprint of the key it is signed with; `minimum_version` what a box must run to take it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal["vmsd-update-1"]
    version: VersionText
    minimum_version: VersionText
    arch: Literal["amd64", "arm64"]
    created: Moment
    expires: Moment | None = None
    key: Digest
    payloads: list[Payload] = Field(min_length=1, max_length=2)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for of in ([one.kind for one in self.payloads], [one.name for one in self.payloads]):
            if len(set(of)) != len(of):
                raise ValueError("two payloads of one kind or name")
        return self

    def payload(self, kind: Kind) -> Payload:
        """`Invalid` when the bundle is not for boxes of this kind."""
        for one in self.payloads:
            if one.kind == kind:
                return one
        raise Invalid(f"this update holds nothing for a box of this kind ({kind})")


def parse_manifest(text: bytes) -> Manifest:
    """Only of bytes whose signature was found good; `Invalid` for what this version does not understand."""
    try:
        return Manifest.model_validate(json.loads(text))
    except (ValueError, RecursionError) as error:
        where = ".".join(str(one) for one in error.errors()[0]["loc"]) if isinstance(error, ValidationError) else ""
        raise Invalid(f"the manifest of the update cannot be understood {where}".strip()) from error
