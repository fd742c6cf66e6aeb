"""The tracks of a stream, and the samples that travel along them."""

from dataclasses import dataclass
from typing import Any

import nal

H264, H265, AAC, G711 = "H264", "H265", "MPEG-4 Audio", "G711"
VIDEO_CLOCK = 90_000
_H264_PROFILES = {
    66: "Baseline",
    77: "Main",
    88: "Extended",
    100: "High",
    110: "High 10",
    122: "High 4:2:2",
    244: "High 4:4:4 Predictive",
}
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_H265_PROFILES = {1: "Main", 2: "Main 10", 3: "Main Still Picture", 4: "Range Extensions"}


@dataclass(slots=True)
class Sample:
    """One access unit; times in the track's clock from the stream's start, `ntp_ns` is Unix time."""

    dts: int
    offset: int  # presentation time less decoding time
    ntp_ns: int
    key: bool
    payload: bytes
    duration: int = 0


@dataclass(slots=True)
class Track:
    """One track as its source announced it; parameter sets follow the stream."""

    codec: str
    clock: int
    vps: bytes = b""
    sps: bytes = b""
    pps: bytes = b""
    audio_config: bytes = b""
    sample_rate: int = 0
    channels: int = 0
    mulaw: bool = False

    @property
    def is_video(self) -> bool:
        return self.codec in (H264, H265)

    @property
    def is_recordable(self) -> bool:
        return self.codec in (H264, H265, AAC, G711)

    def picture(self) -> nal.Picture | None:
        """Read the sequence parameter set; None as long as there is none that can be read."""
        try:
            if self.sps and self.codec == H264:
                return nal.read_h264_sps(self.sps)
            if self.sps and self.codec == H265:
                return nal.read_h265_sps(self.sps)
        except ValueError:
            pass
        return None

    def describe(self) -> dict[str, Any]:
        return {"codec": self.codec, "codecProps": self._props()}

    def _props(self) -> dict[str, Any] | None:
        if self.is_video:
            return _picture_props(self.codec, self.picture())
        if self.codec == AAC:
            return {"sampleRate": self.sample_rate, "channelCount": self.channels}
        if self.codec == G711:
            return {"muLaw": self.mulaw, "sampleRate": self.sample_rate, "channelCount": self.channels}
        return None

    def learn(self, units: list[bytes]) -> None:
        """Take over parameter sets found in the stream or in its announcement."""
        for unit in units:
            if self.codec == H264:
                kind = unit[0] & 0x1F
                if kind == nal.H264_SPS:
                    self.sps = unit
                elif kind == nal.H264_PPS:
                    self.pps = unit
            else:
                kind = (unit[0] >> 1) & 0x3F
                if kind == nal.H265_VPS:
                    self.vps = unit
                elif kind == nal.H265_SPS:
                    self.sps = unit
                elif kind == nal.H265_PPS:
                    self.pps = unit

    def pack(self, units: list[bytes]) -> tuple[bytes, bool]:
        """Make the access unit an MP4 sample and say whether it is a key frame.

        Delimiters go, the parameter sets in force precede a key frame.
        """
        self.learn(units)
        if self.codec == H264:
            sets = [self.sps, self.pps]
            kept = [u for u in units if u[0] & 0x1F not in (nal.H264_SPS, nal.H264_PPS, nal.H264_AUD)]
            key = any(u[0] & 0x1F == nal.H264_IDR for u in kept)
        else:
            sets = [self.vps, self.sps, self.pps]
            dropped = (nal.H265_VPS, nal.H265_SPS, nal.H265_PPS, nal.H265_AUD)
            kept = [u for u in units if (u[0] >> 1) & 0x3F not in dropped]
            key = any((u[0] >> 1) & 0x3F in nal.H265_KEYS for u in kept)
        if key and all(sets):
            kept = sets + kept
        return nal.join_lengths(kept), key


def describe_codecs(tracks: list[Track]) -> str:
    """As the log says it: `2 tracks (H264, G711)`."""
    noun = "track" if len(tracks) == 1 else "tracks"
    return f"{len(tracks)} {noun} ({', '.join(track.codec for track in tracks)})"


def make_aac_config(sample_rate: int, channels: int) -> bytes:
    """AudioSpecificConfig of AAC-LC, for sources that do not bring one."""
    index = _AAC_RATES.index(sample_rate) if sample_rate in _AAC_RATES else 3
    return (2 << 11 | index << 7 | channels << 3).to_bytes(2, "big")


def _picture_props(codec: str, picture: nal.Picture | None) -> dict[str, Any]:
    if picture is None:
        return {"width": 0, "height": 0, "profile": "", "level": ""}
    if codec == H264:
        profile = _H264_PROFILES.get(picture.profile, str(picture.profile))
        major, minor = divmod(picture.level, 10)
        level = f"{major}.{minor}" if minor else str(major)
    else:
        profile = _H265_PROFILES.get(picture.profile, str(picture.profile))
        level = f"{picture.level / 30:.{1 if picture.level % 30 else 0}f}"
    return {"width": picture.width, "height": picture.height, "profile": profile, "level": level}


def _alaw_level(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = (code >> 4) & 7, code & 0x0F
    level = (mantissa << 4) + 8 if not exponent else ((mantissa << 4) + 0x108) << (exponent - 1)
    return level if code & 0x80 else -level


def _mulaw_level(code: int) -> int:
    code ^= 0xFF
    level = ((((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return -level if code & 0x80 else level


def _expansion(mulaw: bool) -> tuple[bytes, bytes]:
    levels = [(_mulaw_level if mulaw else _alaw_level)(code) & 0xFFFF for code in range(256)]
    return bytes(level >> 8 for level in levels), bytes(level & 0xFF for level in levels)


_EXPANSIONS = {mulaw: _expansion(mulaw) for mulaw in (False, True)}


def expand_g711(data: bytes, *, mulaw: bool) -> bytes:
    """Companded bytes as 16-bit big-endian PCM."""
    high, low = _EXPANSIONS[mulaw]
    pcm = bytearray(2 * len(data))
    pcm[0::2] = data.translate(high)
    pcm[1::2] = data.translate(low)
    return bytes(pcm)
