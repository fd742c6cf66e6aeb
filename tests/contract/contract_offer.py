"""What a browser sends when it wants to watch: enough of an SDP offer to be answered, from nobody who will connect."""

from __future__ import annotations

_FINGERPRINT = ":".join(["AB"] * 32)
_COMMON = (
    "c=IN IP4 0.0.0.0",
    "a=rtcp:9 IN IP4 0.0.0.0",
    "a=ice-ufrag:abcd",
    "a=ice-pwd:abcdefghijklmnopqrstuvwx",
    "a=ice-options:trickle",
    f"a=fingerprint:sha-256 {_FINGERPRINT}",
    "a=setup:actpass",
    "a=recvonly",
    "a=rtcp-mux",
)
_H264 = (
    "a=rtpmap:102 H264/90000",
    "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f",
)
TRICKLE = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
CANDIDATE = "a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\n"


def offer(video: tuple[str, ...] = _H264) -> bytes:
    """One picture and one sound to be received."""
    lines = [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "m=video 9 UDP/TLS/RTP/SAVPF 102",
        *_COMMON,
        "a=mid:0",
        *video,
        "m=audio 9 UDP/TLS/RTP/SAVPF 0",
        *_COMMON,
        "a=mid:1",
        "a=rtpmap:0 PCMU/8000",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()
