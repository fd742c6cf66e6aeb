"""One stream of a generated camera: a thread that paints, encodes and hands out RTP at an even pace."""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass, field
from datetime import UTC
from threading import Event, Thread
from typing import TYPE_CHECKING, Literal

from vmsd.demo import camera_rtp as rtp
from vmsd.demo.camera_encoder import AacEncoder, PcmaEncoder, VideoEncoder, VideoSpec, nal_type

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from vmsd.clock import Clock
    from vmsd.demo.camera_encoder import Audio

Fault = Literal["none", "garbage", "stall", "silent"]

VIDEO, AUDIO = 0, 1  # numbers of the tracks
_VIDEO_TYPE, _AAC_TYPE, _PCMA_TYPE = 96, 97, 8
_REPORT_EVERY_S = 5
_H264_SETS = (7, 8)


@dataclass(frozen=True)
class StreamSpec:
    path: str = "/live"
    video: VideoSpec = field(default_factory=VideoSpec)
    audio: Audio = "none"
    fault: Fault = "none"


@dataclass(frozen=True)
class Burst:
    """Packets of one moment: (track, whether RTCP, packet) each."""

    keyframe: bool
    packets: tuple[tuple[int, bool, bytes], ...]


class Stream:
    """Paints and encodes only while `wanted()`; `deliver` is called from the stream's own thread."""

    def __init__(self, spec: StreamSpec, name: str, clock: Clock, *, zone: tzinfo = UTC) -> None:
        self.spec = spec
        self._name, self._clock = name, clock
        self._encoder = VideoEncoder(spec.video, name, zone)
        self._sound = AacEncoder() if spec.audio == "aac" else PcmaEncoder() if spec.audio == "pcma" else None
        self._senders = [rtp.Sender(_VIDEO_TYPE, rtp.VIDEO_CLOCK_HZ)]
        if self._sound:
            kind = _PCMA_TYPE if spec.audio == "pcma" else _AAC_TYPE
            self._senders.append(rtp.Sender(kind, self._sound.rate))
        self._stopped = Event()
        self._thread: Thread | None = None

    @property
    def tracks(self) -> int:
        return len(self._senders)

    def start(self, wanted: Callable[[], bool], deliver: Callable[[Burst], None]) -> None:
        self._stopped.clear()
        self._thread = Thread(target=self._run, args=(wanted, deliver), name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Blocks until the thread has ended; nothing is delivered afterwards."""
        self._stopped.set()
        if self._thread:
            self._thread.join()

    def _run(self, wanted: Callable[[], bool], deliver: Callable[[Burst], None]) -> None:
        fps, start = self.spec.video.fps, self._clock.monotonic()
        index, idle, heard, report_at = 0, True, 0, start
        while not self._stopped.wait(max(0.0, start + index / fps - self._clock.monotonic())):
            now = self._clock.monotonic()
            index = max(index, int((now - start) * fps))
            if wanted():
                packets, keyframe = self._video(index, start, force_key=idle)
                heard = int((now - start) * self._sound_rate) if idle else heard
                sound, heard = self._audio(start, now, heard)
                packets += sound
                if now >= report_at or idle:
                    packets += self._reports(now)
                    report_at = now + _REPORT_EVERY_S
                deliver(Burst(keyframe, tuple(packets)))
                idle = False
            else:
                idle = True
            index += 1

    @property
    def _sound_rate(self) -> int:
        return self._sound.rate if self._sound else 0

    def _video(self, index: int, start: float, *, force_key: bool) -> tuple[list[tuple[int, bool, bytes]], bool]:
        pay = rtp.h264_payloads if self.spec.video.codec == "h264" else rtp.h265_payloads
        units = self._encoder.encode(index, self._clock.wall_ms(), force_key=force_key)
        packets: list[tuple[int, bool, bytes]] = []
        for unit in units:
            timestamp = int((start + unit.index / self.spec.video.fps) * rtp.VIDEO_CLOCK_HZ)
            sent = self._senders[VIDEO].packets(list(pay(unit.nals)), timestamp)
            packets += [(VIDEO, False, self._damaged(packet)) for packet in sent]
        return packets, any(unit.keyframe for unit in units)

    def _damaged(self, packet: bytes) -> bytes:
        if self.spec.fault != "garbage":
            return packet
        return packet[:12] + random.randbytes(len(packet) - 12)  # noqa: S311 - noise, no secret

    def _audio(self, start: float, now: float, heard: int) -> tuple[list[tuple[int, bool, bytes]], int]:
        """Sound up to `now`; `heard` counts samples since `start`."""
        packets: list[tuple[int, bool, bytes]] = []
        sound = self._sound
        while sound and heard < (now - start) * sound.rate:
            for frame in sound.encode():
                payload = frame if self.spec.audio == "pcma" else rtp.aac_payload(frame)
                sent = self._senders[AUDIO].packets([payload], int(start * sound.rate) + heard)
                packets += [(AUDIO, False, packet) for packet in sent]
            heard += sound.frame_samples
        return packets, heard

    def _reports(self, now: float) -> list[tuple[int, bool, bytes]]:
        wall_ms = self._clock.wall_ms()
        return [
            (track, True, sender.report(wall_ms, int(now * sender.clock_hz)))
            for track, sender in enumerate(self._senders)
        ]

    def sdp(self) -> str:
        """RFC 8866, as DESCRIBE answers it."""
        lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", f"s={self._name}", "c=IN IP4 0.0.0.0", "t=0 0"]
        lines += self._video_sdp() + self._audio_sdp()
        return "\r\n".join(lines) + "\r\n"

    def _video_sdp(self) -> list[str]:
        codec = self.spec.video.codec
        return [
            f"m=video 0 RTP/AVP {_VIDEO_TYPE}",
            f"a=rtpmap:{_VIDEO_TYPE} {codec.upper()}/{rtp.VIDEO_CLOCK_HZ}",
            f"a=fmtp:{_VIDEO_TYPE} " + (self._h264_fmtp() if codec == "h264" else self._h265_fmtp()),
            f"a=framerate:{self.spec.video.fps}",
            f"a=control:trackID={VIDEO}",
        ]

    def _h264_fmtp(self) -> str:
        sets = [nal for nal in self._encoder.parameter_sets if nal_type("h264", nal) in _H264_SETS]
        spelled = ",".join(base64.b64encode(nal).decode() for nal in sets)
        profile = sets[0][1:4].hex().upper()
        return f"packetization-mode=1; profile-level-id={profile}; sprop-parameter-sets={spelled}"

    def _h265_fmtp(self) -> str:
        names = {32: "sprop-vps", 33: "sprop-sps", 34: "sprop-pps"}
        sets = ((nal_type("h265", nal), nal) for nal in self._encoder.parameter_sets)
        return "; ".join(f"{names[kind]}={base64.b64encode(nal).decode()}" for kind, nal in sets if kind in names)

    def _audio_sdp(self) -> list[str]:
        if self.spec.audio == "pcma":
            return ["m=audio 0 RTP/AVP 8", "a=rtpmap:8 PCMA/8000", f"a=control:trackID={AUDIO}"]
        if self.spec.audio == "aac" and self._sound:
            modes = "streamtype=5; profile-level-id=1; mode=AAC-hbr"
            sizes = "sizelength=13; indexlength=3; indexdeltalength=3"
            return [
                f"m=audio 0 RTP/AVP {_AAC_TYPE}",
                f"a=rtpmap:{_AAC_TYPE} mpeg4-generic/{self._sound.rate}/1",
                f"a=fmtp:{_AAC_TYPE} {modes}; {sizes}; config={self._sound.config.hex()}",
                f"a=control:trackID={AUDIO}",
            ]
        return []
