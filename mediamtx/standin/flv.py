"""FLV tags, as RTMP carries them, made into tracks and samples."""

import time
from dataclasses import dataclass

import nal
from tracks import AAC, H264, H265, VIDEO_CLOCK, Sample, Track, make_aac_config

_AVC, _HEVC_LEGACY = 7, 12
_AAC = 10
_ENHANCED = 0x80
_START, _FRAMES, _FRAMES_X = 0, 1, 3
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)


@dataclass(slots=True)
class Tag:
    """What a tag brought: at most one of a track's configuration and a coded frame."""

    codec: str
    config: bytes = b""
    frame: bytes = b""
    offset_ms: int = 0


def read_video(body: bytes) -> Tag | None:
    if not body:
        return None
    if body[0] & _ENHANCED:
        return _read_enhanced(body)
    codec = {_AVC: H264, _HEVC_LEGACY: H265}.get(body[0] & 0x0F)
    if codec is None or len(body) < 5:  # noqa: PLR2004  the tag's own header
        return None
    if body[1] == 0:
        return Tag(codec, config=body[5:])
    return Tag(codec, frame=body[5:], offset_ms=_signed(body[2:5])) if body[1] == 1 else None


def _read_enhanced(body: bytes) -> Tag | None:
    codec = {b"avc1": H264, b"hvc1": H265}.get(body[1:5])
    kind = body[0] & 0x0F
    if codec is None:
        return None
    if kind == _START:
        return Tag(codec, config=body[5:])
    if kind == _FRAMES:
        return Tag(codec, frame=body[8:], offset_ms=_signed(body[5:8]))
    return Tag(codec, frame=body[5:]) if kind == _FRAMES_X else None


def read_audio(body: bytes) -> Tag | None:
    if len(body) < 2 or body[0] >> 4 != _AAC:  # noqa: PLR2004
        return None
    return Tag(AAC, config=body[2:]) if body[1] == 0 else Tag(AAC, frame=body[2:])


def _signed(raw: bytes) -> int:
    return int.from_bytes(raw, "big", signed=True)


def make_track(tag: Tag) -> Track:
    """Make the track a configuration tag announces."""
    if tag.codec != AAC:
        track = Track(tag.codec, VIDEO_CLOCK)
        track.learn(nal.split_extradata(tag.config, hevc=tag.codec == H265))
        return track
    bits = int.from_bytes(tag.config[:2], "big")
    index, channels = bits >> 7 & 0x0F, bits >> 3 & 0x0F
    rate = _AAC_RATES[index] if index < len(_AAC_RATES) else 48000
    config = tag.config or make_aac_config(rate, channels)
    return Track(AAC, rate, audio_config=config, sample_rate=rate, channels=channels)


def make_sample(track: Track, tag: Tag, dts_ms: int) -> Sample:
    dts, offset = dts_ms * track.clock // 1000, tag.offset_ms * track.clock // 1000
    payload, key = (tag.frame, True)
    if track.is_video:
        payload, key = track.pack(nal.split_lengths(tag.frame))
    return Sample(dts, offset, time.time_ns(), key, payload)
