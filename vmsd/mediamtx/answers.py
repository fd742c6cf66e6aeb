"""What MediaMTX answers, as far as vmsd reads it; anything else in an answer is ignored."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Info(Answer):
    """`started` changes when MediaMTX restarts; a stand-in says so in `version`."""

    version: str
    started: str


class Track(Answer):
    codec: str
    props: dict[str, Any] | None = Field(None, alias="codecProps")

    def number(self, key: str) -> int | None:
        value = (self.props or {}).get(key)
        return value if isinstance(value, int) and value > 0 else None


class Path(Answer):
    """One live path. `available` is the signal; MediaMTX's `online` is true for dead pulled cameras too."""

    name: str
    available: bool
    inbound_bytes: int = Field(0, validation_alias=AliasChoices("inboundBytes", "bytesReceived"), ge=0, lt=2**64)
    tracks: tuple[Track, ...] = Field((), alias="tracks2")
    readers: tuple[dict[str, Any], ...] = ()


class ConfiguredPath(Answer):
    """One path as MediaMTX has it in its configuration, merged with the defaults."""

    name: str
    source: str = "publisher"
    record: bool = False


class WebRtcSession(Answer):
    """Somebody who watches over WebRTC; from before the answer to their offer until the last packet."""

    id: str
    path: str
    state: str = "read"


Item = TypeVar("Item")


class Page(Answer, Generic[Item]):
    page_count: int = Field(alias="pageCount", ge=0)
    items: tuple[Item, ...]
