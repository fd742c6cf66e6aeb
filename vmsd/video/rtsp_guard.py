"""Stands between libav and an RTSP source, and lets no answer pass that sends it elsewhere.

libav opens its connection to RTSP sources by itself and follows their redirects without asking, to any address and
in circles. Here it is connected to loopback, to one conversation with one camera, of which every head is read.
"""

from __future__ import annotations

import re
import socket
import ssl
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit

from vmsd.errors import SourceFailed
from vmsd.video.socket_failures import failure_of_socket

PORTS = {"rtsp": 554, "rtsps": 322}
MOST_LINE_BYTES = 8 << 10
MOST_LINES = 200
MOST_BODY_BYTES = 1 << 20
CHUNK_BYTES = 64 << 10
_STATUS = re.compile(rb"RTSP/1\.[01] (\d{3})(?: .*)?")
_REQUEST = re.compile(rb"[A-Z_]+ \S+ RTSP/1\.[01]")
_HEADER = re.compile(rb"([A-Za-z0-9-]+):(.*)")


class Answers(Protocol):
    """What the camera sends."""

    def read(self, size: int, /) -> bytes: ...

    def readline(self, size: int, /) -> bytes: ...


class RtspGuard:
    """`url` is what libav is to open instead; `failure` says what was wrong with what the source sent."""

    def __init__(self, url: str, open_s: float) -> None:
        """Connects at once; SourceFailed names what stands in the way."""
        split = urlsplit(url)
        try:
            self._camera = _connected(split.hostname or "", split.port or PORTS[split.scheme], open_s)
            if split.scheme == "rtsps":
                self._camera = _sealed(self._camera, split.hostname or "")
            self._camera.settimeout(None)
        except OSError as error:
            raise failure_of_socket(error) from None
        self._door = socket.create_server(("127.0.0.1", 0))
        self._door.settimeout(open_s)
        self._caller: socket.socket | None = None
        login, at, _ = split.netloc.rpartition("@")
        self.url = split._replace(scheme="rtsp", netloc=f"{login}{at}127.0.0.1:{self._door.getsockname()[1]}").geturl()
        self.failure: SourceFailed | None = None

    def __enter__(self) -> Self:
        Thread(target=self._let_in, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in (self._door, self._camera, self._caller):
            _hang_up(one)

    def _let_in(self) -> None:
        """The first caller, who is libav; whoever else comes stands before a closed door."""
        try:
            self._caller, _ = self._door.accept()
            self._door.close()
            Thread(target=self._pass_questions, args=(self._caller,), daemon=True).start()
            self._pass_answers(self._caller)
        except SourceFailed as failed:
            self.failure = failed
        except (OSError, ValueError):  # one of the two has hung up
            pass
        finally:
            _hang_up(self._caller)

    def _pass_questions(self, caller: socket.socket) -> None:
        with suppress(OSError):
            while asked := caller.recv(CHUNK_BYTES):
                self._camera.sendall(asked)
        _hang_up(self._camera)

    def _pass_answers(self, caller: socket.socket) -> None:
        with self._camera.makefile("rb", CHUNK_BYTES) as answers:
            while first := answers.read(1):
                caller.sendall(_media(answers) if first == b"$" else _message(first, answers))


def _media(answers: Answers) -> bytes:
    head = answers.read(3)
    return b"$" + head + answers.read(int.from_bytes(head[1:], "big"))


def _message(first: bytes, answers: Answers) -> bytes:
    """An answer or a request of the camera, spelled anew so that libav reads in it what was read here."""
    start = first + answers.readline(MOST_LINE_BYTES)
    if not start.strip():
        return b""
    headers: list[tuple[bytes, bytes]] = []
    while (line := answers.readline(MOST_LINE_BYTES)).strip():
        found = _HEADER.fullmatch(line.rstrip(b"\r\n"))
        headers += [(found[1], found[2].strip())] if found else []
        if len(headers) > MOST_LINES or b"\r" in line.rstrip(b"\r\n"):
            raise _nonsense()
    _check_start(start.rstrip(b"\r\n"))
    length = _length([value for name, value in headers if name.lower() == b"content-length"])
    head = b"".join(b"%s: %s\r\n" % pair for pair in headers)
    return start.rstrip(b"\r\n") + b"\r\n" + head + b"\r\n" + answers.read(length)


def _check_start(start: bytes) -> None:
    status = _STATUS.fullmatch(start)
    if status and status[1].startswith(b"3"):
        raise SourceFailed("redirects", "the source sends to another address: give that one instead")
    if b"\r" in start or not (status or _REQUEST.fullmatch(start)):
        raise _nonsense()


def _length(said: list[bytes]) -> int:
    if not said:
        return 0
    if len(said) > 1 or not said[0].isdigit() or len(said[0]) > len(str(MOST_BODY_BYTES)):
        raise _nonsense()
    if int(said[0]) > MOST_BODY_BYTES:
        raise _nonsense()
    return int(said[0])


def _nonsense() -> SourceFailed:
    return SourceFailed("not_a_camera", "what answers there does not speak RTSP")


def _connected(host: str, port: int, open_s: float) -> socket.socket:
    camera = socket.create_connection((host, port), open_s)
    camera.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return camera


def _sealed(camera: socket.socket, host: str) -> socket.socket:
    """Cameras sign for themselves."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(camera, server_hostname=host)


def _hang_up(one: socket.socket | None) -> None:
    if one is None:
        return
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        one.close()
