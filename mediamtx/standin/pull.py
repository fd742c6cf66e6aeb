"""Sources that are pulled: RTSP over TCP, RTMP, and HLS over HTTP, each in a thread of its own."""

from __future__ import annotations

import threading
import time
from fractions import Fraction
from typing import Any

import av
import nal
from av.container import InputContainer
from av.packet import Packet
from logs import Journal
from paths import Path
from quantities import NS_PER_S, parse_duration
from tracks import AAC, G711, H264, H265, VIDEO_CLOCK, Sample, Track, expand_g711, make_aac_config

_RETRY_PAUSE_S = 5
_MAX_HELD = 32
_MAX_LAG_NS = 5 * NS_PER_S
_KINDS = {"rtsp": ("rtspSource", "RTSP"), "rtmp": ("rtmpSource", "RTMP"), "http": ("hlsSource", "HLS")}
_CODECS = {"h264": H264, "hevc": H265, "aac": AAC, "pcm_alaw": G711, "pcm_mulaw": G711}
_LABELS = {"mjpeg": "M-JPEG", "opus": "Opus", "mpeg4": "MPEG-4 Video", "mp3": "MPEG-1/2 Audio"}

av.logging.set_level(av.logging.PANIC)


def can_pull(url: str) -> bool:
    return url[:4] in _KINDS and not url.startswith(("rtsp+", "rtsps+"))


class Pull:
    """Dials, reads, and dials again five seconds after any end."""

    def __init__(self, path: Path, globals_: dict[str, Any], journal: Journal) -> None:
        self.kind, protocol = _KINDS[path.conf["source"][:4]]
        self.id = ""
        self._path = path
        self._url: str = path.conf["source"]
        self._on_demand: bool = path.conf["sourceOnDemand"]
        self._timeout_s = parse_duration(globals_["readTimeout"])
        self._journal = journal
        self._label = f"{path.label} [{protocol} source]"
        self._closed = threading.Event()
        self._started = False

    def start(self) -> None:
        """Dial, unless that was done or the path has gone on to another source."""
        if self._started or self._closed.is_set():
            return
        self._started = True
        self._journal.info(f"{self._label} started{' on demand' if self._on_demand else ''}")
        threading.Thread(target=self._run, name=self._path.name, daemon=True).start()

    def close(self) -> None:
        """Let the thread end by itself at its next packet or deadline; nothing it reads counts any more."""
        self._closed.set()
        if self._started:
            why = "not needed by anyone" if self._on_demand else "path is closing"
            self._journal.info(f"{self._label} stopped: {why}")

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._pull()
                reason = "EOF"
            except Exception as error:  # noqa: BLE001  whatever a camera sends must not end the thread
                reason = getattr(error, "strerror", None) or type(error).__name__
            self._path.shut(self)
            if self._closed.is_set():
                return
            self._journal.error(f"{self._label} {reason}")
            self._closed.wait(_RETRY_PAUSE_S)

    def _pull(self) -> None:
        kind = self._url[:4]
        options = {"fpsprobesize": "0", "analyzeduration": "1"}
        if kind == "rtsp":
            options["rtsp_transport"] = "tcp"
        container = av.open(
            self._url,
            format="hls" if kind == "http" else None,
            options=options,
            timeout=(self._timeout_s, self._timeout_s),
        )
        with container:
            self._read(container, pace=kind == "http")

    def _read(self, container: InputContainer, *, pace: bool) -> None:
        lanes = {stream.index: Lane(index, _track(stream)) for index, stream in enumerate(container.streams)}
        if not self._path.open(self, [lane.track for lane in lanes.values()]):
            return
        origin: Fraction | None = None
        started = time.monotonic()
        for raw in container.demux():
            if self._closed.is_set():
                return
            lane = lanes[raw.stream.index]
            for packet in lane.settle(raw):
                seconds = (packet.pts or 0) * packet.time_base
                origin = seconds if origin is None else origin
                if pace and (ahead_s := float(seconds - origin) - (time.monotonic() - started)) > 0:
                    self._closed.wait(min(ahead_s, self._timeout_s))
                sample = lane.sample(packet, origin)
                if sample and not self._path.write(self, lane.index, sample):
                    return


class Lane:
    """One track of a pulled stream: packets in, samples out."""

    def __init__(self, index: int, track: Track) -> None:
        self.index = index
        self.track = track
        self._anchor: tuple[int, int] | None = None
        self._last_dts: int | None = None
        self._held: list[Packet[Any]] | None = []

    def settle(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """Hold the first packets, which lack times, until one tells what theirs must have been."""
        if self._held is None:
            return [packet] if packet.pts is not None and packet.time_base else []
        self._held.append(packet)
        if packet.dts is None and len(self._held) < _MAX_HELD:
            return []
        held, self._held = self._held, None
        return _restore_times(held)

    def sample(self, packet: Packet[Any], origin: Fraction) -> Sample | None:
        pts = self._ticks(packet.pts or 0, packet.time_base, origin)
        dts = self._ticks(packet.dts, packet.time_base, origin) if packet.dts is not None else None
        if dts is None:
            dts = pts if self._last_dts is None else min(pts, self._last_dts + 1)
        if self._last_dts is not None:
            dts = max(dts, self._last_dts)
        payload, key = self._payload(bytes(packet))
        if not payload:
            return None
        self._last_dts = dts
        return Sample(dts, pts - dts, self._ntp_ns(pts), key, payload)

    def _ticks(self, time_units: int, base: Fraction, origin: Fraction) -> int:
        return round((time_units * base - origin) * self.track.clock)

    def _payload(self, data: bytes) -> tuple[bytes, bool]:
        if self.track.is_video:
            annexb = data[:3] == b"\x00\x00\x01" or data[:4] == b"\x00\x00\x00\x01"
            return self.track.pack(nal.split_annexb(data) if annexb else nal.split_lengths(data))
        if self.track.codec == G711:
            return expand_g711(data, mulaw=self.track.mulaw), True
        if data[:1] == b"\xff" and data[1] & 0xF6 == 0xF0:  # noqa: PLR2004  ADTS, as MPEG-TS carries it
            return data[7 if data[1] & 1 else 9 :], True
        return data, True

    def _ntp_ns(self, pts: int) -> int:
        """Wall clock of a sample: carried on from an anchor, anchored anew when it strays."""
        now_ns = time.time_ns()
        if self._anchor:
            ntp_ns = self._anchor[0] + (pts - self._anchor[1]) * NS_PER_S // self.track.clock
            if now_ns - _MAX_LAG_NS <= ntp_ns <= now_ns:
                return ntp_ns
        self._anchor = (now_ns, pts)
        return now_ns


def _restore_times(held: list[Packet[Any]]) -> list[Packet[Any]]:
    last, known = held[-1], [packet.pts for packet in held if packet.pts is not None]
    if last.dts is None or not known:
        return [packet for packet in held if packet.pts is not None and packet.time_base]
    step = last.duration or 1
    for back, packet in enumerate(reversed(held)):
        if packet.dts is None:
            packet.dts = last.dts - back * step
        if packet.pts is None:
            packet.pts = min(known) - step
    return held


def _track(stream: Any) -> Track:
    context = stream.codec_context
    codec = _CODECS.get(context.name, _LABELS.get(context.name, "Generic"))
    if codec in (H264, H265):
        track = Track(codec, VIDEO_CLOCK)
        track.learn(nal.split_extradata(context.extradata or b"", hevc=codec == H265))
        return track
    if codec in (AAC, G711):
        return Track(
            codec,
            context.sample_rate,
            audio_config=context.extradata or make_aac_config(context.sample_rate, context.channels),
            sample_rate=context.sample_rate,
            channels=context.channels,
            mulaw=context.name == "pcm_mulaw",
        )
    return Track(codec, VIDEO_CLOCK)
