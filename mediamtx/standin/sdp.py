"""What an RTSP publisher announces, made into tracks."""

import base64
import binascii
from dataclasses import dataclass

from tracks import AAC, G711, H264, H265, Track

_STATIC = {0: "PCMU/8000", 8: "PCMA/8000"}
_CODECS = {"H264": H264, "H265": H265, "MPEG4-GENERIC": AAC, "PCMA": G711, "PCMU": G711}


@dataclass(frozen=True)
class Media:
    """One media section: where it is set up, and the track it carries."""

    control: str
    payload_type: int
    track: Track


def read_sdp(text: str) -> list[Media]:
    """Raise ValueError on an announcement without any media."""
    sections: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("m="):
            sections.append([])
        if sections:
            sections[-1].append(line.strip())
    if not sections:
        raise ValueError("no media are announced")
    return [_media(section) for section in sections]


def _media(lines: list[str]) -> Media:
    payload_type = int(lines[0].split()[3])
    attributes = dict(line[2:].partition(":")[::2] for line in lines if line.startswith("a="))
    rtpmap = attributes.get("rtpmap", "").partition(" ")[2] or _STATIC.get(payload_type, "/90000")
    name, clock, *channels = (*rtpmap.split("/"), "90000")[: max(2, rtpmap.count("/") + 1)]
    pairs = attributes.get("fmtp", "").partition(" ")[2].split(";")
    facts = {key.strip().lower(): value.strip() for key, _, value in (pair.partition("=") for pair in pairs)}
    track = Track(_CODECS.get(name.upper(), "Generic"), int(clock), mulaw=name.upper() == "PCMU")
    track.sample_rate, track.channels = int(clock), int(channels[0]) if channels else 1
    _learn(track, facts)
    return Media(attributes.get("control", ""), payload_type, track)


def _learn(track: Track, facts: dict[str, str]) -> None:
    try:
        if track.codec == AAC:
            track.audio_config = bytes.fromhex(facts.get("config", ""))
        elif track.codec == H264:
            track.learn(_decode(facts.get("sprop-parameter-sets", "")))
        elif track.codec == H265:
            track.learn(_decode(",".join(facts.get(f"sprop-{kind}", "") for kind in ("vps", "sps", "pps"))))
    except (ValueError, binascii.Error) as error:
        raise ValueError(f"unreadable parameters of {track.codec}") from error


def _decode(sets: str) -> list[bytes]:
    return [base64.b64decode(text) for text in sets.split(",") if text]
