"""Asks an RTSP source what it offers without playing it: the cheap way to name what is wrong."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from vmsd.errors import SourceFailed
from vmsd.video.rtsp_auth import Credentials, answer

DEADLINE_S = 5.0
MOST_HEAD_BYTES = 16 << 10
MOST_BODY_BYTES = 64 << 10
_PORTS = {"rtsp": 554, "rtsps": 322}
_OK, _UNAUTHORIZED, _FORBIDDEN = 200, 401, 403
_ELSEWHERE = 3  # hundred and some
_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EHOSTDOWN, errno.EINVAL}

_CODECS = {
    "h264": "h264", "h265": "h265", "av1": "av1", "vp9": "vp9", "vp8": "vp8", "jpeg": "mjpeg",
    "mp4v-es": "mpeg4", "mpv": "mpeg2", "mpeg4-generic": "aac", "mp4a-latm": "aac",
}  # fmt: skip
_STATIC = {"0": "pcmu", "8": "pcma", "9": "g722", "14": "mp3", "26": "mjpeg", "32": "mpeg2", "33": "mpegts"}
_READABLE = {"h264", "h265", "av1", "vp9", "vp8", "mjpeg", "mpeg4", "mpeg2"}
_MEDIA = re.compile(r"m=(\w+) \S+ \S+ (\d+)")
_RTPMAP = re.compile(r"a=rtpmap:(\d+) ([^/\s]+)")
_STATUS = re.compile(r"RTSP/\d\.\d (\d{3})\b")


@dataclass(frozen=True, slots=True)
class SourceDescription:
    codecs: tuple[str, ...]  # in the order offered, video and sound


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: str

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


async def describe(
    url: str, username: str | None = None, password: str | None = None, deadline_s: float = DEADLINE_S
) -> SourceDescription:
    """SourceFailed names the cause; credentials in the address count when none are given beside it."""
    split = urlsplit(url)
    if username is None and split.username is not None:
        username, password = unquote(split.username), unquote(split.password or "")
    credentials = None if username is None else Credentials(username, password or "")
    try:
        async with asyncio.timeout(deadline_s):
            reply = await _describe(split, credentials, deadline_s)
    except TimeoutError:
        raise SourceFailed("timeout", "the camera did not answer in time") from None
    return SourceDescription(_codecs(_accept(reply, asked=credentials is not None)))


async def tcp_check(host: str, port: int, deadline_s: float = DEADLINE_S) -> None:
    """Whether anybody listens there; SourceFailed names the cause."""
    _, writer = await _connect(host, port, deadline_s, tls=False)
    writer.close()


async def _describe(split: SplitResult, credentials: Credentials | None, deadline_s: float) -> _Reply:
    """Without credentials first, as the standard has it; then once more with the answer to the challenge."""
    target = split._replace(netloc=split.netloc.rpartition("@")[2], fragment="").geturl()
    if any(letter <= " " for letter in target):
        raise SourceFailed("no_such_stream", "the address holds a character no address may hold")
    reader, writer = await _connect(*_place(split), deadline_s * 0.9, tls=split.scheme == "rtsps")
    try:
        reply = await _ask(reader, writer, target, 1, None)
        if reply.status == _UNAUTHORIZED and credentials:
            proof = answer(reply.all("www-authenticate"), credentials, "DESCRIBE", target)
            reply = await _ask(reader, writer, target, 2, proof) if proof else reply
    except (OSError, EOFError, asyncio.LimitOverrunError) as broken:
        if isinstance(broken, TimeoutError):
            raise
        raise _nonsense() from None
    finally:
        writer.close()
    return reply


def _nonsense() -> SourceFailed:
    return SourceFailed("not_a_camera", "what answers there does not speak RTSP")


def _place(split: SplitResult) -> tuple[str, int]:
    try:
        host, port = split.hostname, split.port or _PORTS[split.scheme]
    except (ValueError, KeyError):
        host, port = None, 0
    if not host:
        raise SourceFailed("host_unreachable", "this is not the address of an RTSP source")
    return host, port


async def _connect(
    host: str, port: int, deadline_s: float, *, tls: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(deadline_s):
            return await asyncio.open_connection(host, port, limit=MOST_HEAD_BYTES, ssl=_trusting() if tls else None)
    except ConnectionRefusedError:
        raise SourceFailed("port_closed", "nothing listens on that port") from None
    except (TimeoutError, socket.gaierror, UnicodeError):
        raise SourceFailed("host_unreachable", "the host does not answer or has no address") from None
    except ssl.SSLError:
        raise SourceFailed("not_a_camera", "the port does not speak TLS") from None
    except OSError as failed:
        if failed.errno in _UNREACHABLE:
            raise SourceFailed("host_unreachable", "the host cannot be reached") from None
        raise SourceFailed("port_closed", "the connection was refused") from None


def _trusting() -> ssl.SSLContext:
    """Cameras sign for themselves; nothing but what they offer is asked over this."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str, sequence: int, proof: str | None
) -> _Reply:
    lines = [
        f"DESCRIBE {target} RTSP/1.0",
        f"CSeq: {sequence}",
        "Accept: application/sdp",
        "User-Agent: vmsd",
    ]
    lines += [f"Authorization: {proof}"] if proof else []
    writer.write("\r\n".join((*lines, "", "")).encode())
    await writer.drain()
    first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace").split("\r\n")
    status = _STATUS.match(first)
    pairs = (line.partition(":") for line in rest)
    headers = tuple((key.strip().lower(), value.strip()) for key, _, value in pairs)
    length = next((value for key, value in headers if key == "content-length"), "0")
    if not status or not length.isdecimal() or int(length) > MOST_BODY_BYTES:
        raise _nonsense()
    body = await reader.readexactly(int(length))
    return _Reply(int(status[1]), headers, body.decode("utf-8", "replace"))


def _accept(reply: _Reply, *, asked: bool) -> str:
    """SDP, or the reason why there is none."""
    if reply.status == _OK:
        return reply.body
    if reply.status == _UNAUTHORIZED and not asked:
        raise SourceFailed("wrong_password", "the camera wants a user and a password")
    if reply.status in (_UNAUTHORIZED, _FORBIDDEN):
        raise SourceFailed("wrong_password", "the camera refuses the user or the password")
    if reply.status // 100 == _ELSEWHERE:
        raise SourceFailed("redirects", "the camera sends to another address: give that one instead")
    raise SourceFailed("no_such_stream", f"the camera answers {reply.status} for this stream")


def _codecs(description: str) -> tuple[str, ...]:
    found: list[str] = []
    names = dict(_RTPMAP.findall(description))
    media = _MEDIA.findall(description)
    if not media:
        raise _nonsense()
    for kind, number in media:
        name = names.get(number, "").lower()
        codec = _CODECS.get(name) or name or _STATIC.get(number, "unknown")
        found += [codec] if kind in ("video", "audio") else []
    if not _READABLE.intersection(found):
        raise SourceFailed("unsupported_codec", "the camera offers no video that can be recorded")
    return tuple(found)
