"""The words answers are described with, shared by all resources."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import Field
from typing_extensions import TypedDict

Item = TypeVar("Item")

Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"}, description="RFC 3339, UTC.")]
Bytes = Annotated[int, Field(ge=0, description="In bytes.")]
Seconds = Annotated[float, Field(ge=0, description="In seconds.")]
Count = Annotated[int, Field(ge=0)]
Yes = Annotated[bool, Field(examples=[True])]
Ratio = Annotated[float, Field(ge=0, le=1)]


class Listing(TypedDict, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    next: Annotated[str | None, Field(description="The `cursor` of the next page; null on the last.")]
