"""Intelbras (and Dahua, who makes them): `/cam/realmonitor?channel=1&subtype=0`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmsd.vendors.place import Place
    from vmsd.vendors.urls import SourceUrl


def source_url(place: Place) -> SourceUrl:
    """Without credentials: `with_credentials` adds them."""
    return place.rtsp(f"/cam/realmonitor?channel={place.channel}&subtype={place.subtype}")
