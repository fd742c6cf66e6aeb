"""The sound on its way through a relay, as the camera sends it; only where the camera is to be heard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

CARRIED = frozenset({"aac", "pcm_alaw", "pcm_mulaw", "opus"})
RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
LOW_COMPLEXITY = 2


class Sound:
    """`streams` are those to be read besides the video: one, or none where nothing is carried."""

    def __init__(self, source: InputContainer, target: OutputContainer, *, wanted: bool) -> None:
        heard = [stream for stream in source.streams.audio if wanted and _is_carried(stream)]
        self.streams: list[AudioStream] = heard[:1]
        self._sent_dts = -1
        self._filter: BitStreamFilterContext | None = None
        self._outgoing = target.add_stream_from_template(heard[0]) if heard else None
        if self._outgoing and heard[0].codec_context.name == "aac" and not heard[0].codec_context.extradata:
            self._filter = BitStreamFilterContext("aac_adtstoasc", heard[0])
            self._outgoing.codec_context.extradata = _configuration(heard[0])

    def taken_out(
        self, packets: Iterator[Packet[Stream]], send: Callable[[Packet[Any]], None]
    ) -> Iterator[Packet[VideoStream]]:
        """The video of `packets`; the sound is sent as it comes, but no second piece for the same moment."""
        for packet in packets:
            if isinstance(packet.stream, VideoStream):
                yield packet  # type: ignore[misc]
            elif packet.size and packet.dts is not None and packet.dts > self._sent_dts:
                self._sent_dts = packet.dts
                for ready in self._filter.filter(packet) if self._filter else [packet]:
                    ready.stream = self._outgoing
                    send(ready)


def _is_carried(stream: AudioStream) -> bool:
    """Playlists bring AAC without the description that MediaMTX wants; it can be made for the usual rates."""
    context = stream.codec_context
    if context.name == "aac" and not context.extradata:
        return context.sample_rate in RATES_HZ and 0 < context.layout.nb_channels < 7  # noqa: PLR2004
    return context.name in CARRIED


def _configuration(stream: AudioStream) -> bytes:
    """AudioSpecificConfig of ISO/IEC 14496-3, 1.6.2.1."""
    context = stream.codec_context
    rate, channels = RATES_HZ.index(context.sample_rate), context.layout.nb_channels
    return (LOW_COMPLEXITY << 11 | rate << 7 | channels << 3).to_bytes(2, "big")
