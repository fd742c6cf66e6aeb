"""What a source really sends, and what in it will give trouble later."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_GOP_S = 4.0


@dataclass(frozen=True, slots=True)
class SourceFacts:
    codec: str  # h264, h265, mjpeg, ...
    width: int
    height: int
    fps: float | None  # measured; None for a single picture
    gop_s: float | None  # measured between keyframes; None when fewer than two were seen
    b_frames: bool
    audio: str | None
    bitrate: int | None  # bits per second, all tracks, measured
    keyframes: int
    watched_s: float  # of video, from the first keyframe on


def warnings(facts: SourceFacts) -> list[str]:
    """Codes only; the words for people live with the translations."""
    gop_s = facts.watched_s if facts.gop_s is None else facts.gop_s
    is_intra = facts.codec == "mjpeg"
    signs = {
        "h265_browser": facts.codec == "h265",
        "b_frames_webrtc": facts.b_frames,
        "gop_long": facts.keyframes > 0 and gop_s > LONGEST_GOP_S and not is_intra,
        "audio_g711_hls": facts.audio in ("pcma", "pcmu"),
        "mjpeg_no_live": is_intra,
        "no_keyframe_seen": facts.keyframes == 0,
    }
    return [code for code, applies in signs.items() if applies]
