"""Opening a source to see what it really sends, before a camera is saved and after it went away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from vmsd.errors import FieldProblem, Invalid, SourceFailed, TooMany
from vmsd.model.camera import Camera
from vmsd.model.state import Cause
from vmsd.services.camera_hosts import CameraHosts
from vmsd.services.sources import main_url
from vmsd.vendors.addresses import CameraNetworks
from vmsd.vendors.urls import SourceUrl, parse_any
from vmsd.video.facts import warnings
from vmsd.video.worker import Worker

AT_ONCE = 4
WORDS = {
    "h265_browser": "H.265 will not play in every browser; choose H.264, at least for the substream.",
    "b_frames_webrtc": "B-frames break WebRTC and add delay; switch them off in the camera (profile baseline or main).",
    "gop_long": "More than 4 s between keyframes makes live slow to start; set the keyframe interval to 2 s.",
    "audio_g711_hls": "The audio is G.711, which browsers do not play in live HLS; choose AAC in the camera.",
    "mjpeg_no_live": "MJPEG is converted by the box, which costs processor time; prefer an RTSP stream.",
    "no_keyframe_seen": "No keyframe came within the time limit; set the keyframe interval to 2 s.",
}
"""The plain words behind each warning code; the dashboard has its own in every language."""


class Prober:
    """At most four sources at once, each in a process of its own. `hosts` says where they may be."""

    def __init__(self, deadline_s: float, argv: Sequence[str] | None = None, hosts: CameraHosts | None = None) -> None:
        self._deadline_s = deadline_s
        self._hosts = hosts or CameraHosts(CameraNetworks)
        self._idle = [Worker(argv) for _ in range(AT_ONCE)]
        self._all = tuple(self._idle)

    async def close(self) -> None:
        for worker in self._all:
            await worker.close()

    async def probe(self, camera: Camera) -> dict[str, Any]:
        """Facts and warnings; `SourceFailed` names the cause, `TooMany` when four probes are under way."""
        if not camera.source_url:
            detail = "only a camera with an address of its own can be probed"
            raise Invalid("there is nothing to open", FieldProblem("/source_url", detail))
        return await self._open(main_url(camera))

    async def probe_url(self, text: str) -> dict[str, Any]:
        return await self._open(parse_any(text))

    async def _open(self, named: SourceUrl) -> dict[str, Any]:
        url = (await self._hosts.find(named)).join()
        if not self._idle:
            raise TooMany("four cameras are being probed already", retry_after_s=5)
        worker = self._idle.pop()
        try:
            async with asyncio.timeout(self._deadline_s + 3):
                facts = await worker.probe(url, self._deadline_s)
        except TimeoutError as error:
            raise SourceFailed(Cause.TIMEOUT, "the source did not answer in time") from error
        finally:
            self._idle.append(worker)
        return {
            "codec": facts.codec,
            "width": facts.width,
            "height": facts.height,
            "fps": facts.fps,
            "gop_s": facts.gop_s,
            "b_frames": facts.b_frames,
            "audio": facts.audio,
            "bitrate": facts.bitrate,
            "warnings": [{"code": code, "text": WORDS[code]} for code in warnings(facts)],
        }
