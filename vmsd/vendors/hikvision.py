"""Hikvision: `/Streaming/Channels/101` is channel 1, main stream; `202` is channel 2, substream."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmsd.vendors.place import Place
    from vmsd.vendors.urls import SourceUrl


def source_url(place: Place) -> SourceUrl:
    """Without credentials: `with_credentials` adds them."""
    return place.rtsp(f"/Streaming/Channels/{place.channel * 100 + place.subtype + 1}")
