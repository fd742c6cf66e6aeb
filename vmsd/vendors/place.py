"""Where a camera stands and which of its streams is wanted: what every vendor's address is made of."""

from __future__ import annotations

from dataclasses import dataclass

from vmsd.errors import FieldProblem, Invalid
from vmsd.vendors.urls import SourceUrl, check_host, check_port

MOST_CHANNELS = 256
MOST_SUBTYPES = 3


@dataclass(frozen=True, slots=True)
class Place:
    """`channel` counts from 1; `subtype` is 0 for the main stream and 1 for the substream."""

    host: str
    port: int = 554
    channel: int = 1
    subtype: int = 0

    def __post_init__(self) -> None:
        check_host(self.host, "/host")
        check_port(self.port)
        if not 1 <= self.channel <= MOST_CHANNELS:
            raise _refused("/channel", f"the channel lies between 1 and {MOST_CHANNELS}")
        if not 0 <= self.subtype < MOST_SUBTYPES:
            raise _refused("/subtype", f"the subtype lies between 0 and {MOST_SUBTYPES - 1}")

    def rtsp(self, rest: str) -> SourceUrl:
        return SourceUrl("rtsp", check_host(self.host, "/host"), self.port, rest)


def _refused(pointer: str, detail: str) -> Invalid:
    return Invalid("the camera cannot be addressed", FieldProblem(pointer, detail))
