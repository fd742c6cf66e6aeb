"""A camera that speaks HTTP: what libav wants of it is asked here, of this camera and of nobody else.

Left to itself libav follows every redirect and every address a playlist names, to wherever they lead.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.cookies import CookieError, SimpleCookie
from socket import create_connection, socket
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from vmsd.clock import Clock
from vmsd.errors import SourceFailed
from vmsd.video.rtsp_auth import Credentials, answer
from vmsd.video.socket_failures import failure_of_socket

PORTS = {"http": 80, "https": 443}
MOST_HOPS = 3
"""Redirects that stay with the camera; other recorders open their sessions so."""
MOST_COOKIES = 20
FORMATS = {
    "multipart/x-mixed-replace": "mpjpeg",
    "image/jpeg": "jpeg_pipe",
    "image/jpg": "jpeg_pipe",
    "image/pjpeg": "jpeg_pipe",
    "application/vnd.apple.mpegurl": "hls",
    "application/x-mpegurl": "hls",
    "audio/mpegurl": "hls",
    "audio/x-mpegurl": "hls",
}
"""What libav would not see in the first bytes alone."""
_REDIRECTS = {301, 302, 303, 307, 308}
_GOOD = {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}
_CLOSED_DOOR = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class HttpCamera:
    """Made from an address whose host is called and whose fragment, if any, is the name the camera answers to.

    `url` is what libav is to be given: it holds no password. Everything has `open_s` until `began`; then no silence
    may last longer than `silence_s`. A camera that once sends elsewhere (`failure`) has nothing more to say.
    """

    def __init__(self, url: str, open_s: float, silence_s: float, clock: Clock) -> None:
        split = urlsplit(url)
        self._scheme, self._port = split.scheme.lower(), split.port or PORTS[split.scheme.lower()]
        self._address = split.hostname or ""
        self._host = (split.fragment or self._address).lower()
        self._login = None
        if split.username is not None:
            self._login = Credentials(unquote(split.username), unquote(split.password or ""))
        name = f"[{self._host}]" if ":" in self._host else self._host
        self._netloc = name if self._port == PORTS[self._scheme] else f"{name}:{self._port}"
        self.url = SplitResult(self._scheme, self._netloc, split.path or "/", split.query, "").geturl()
        self._silence_s = silence_s
        self._clock = clock
        self._end_s: float | None = clock.monotonic() + open_s
        self._cookies: dict[str, str] = {}
        self._sockets: list[socket] = []
        self._first: Body | None = None
        self.failure: SourceFailed | None = None

    def open_first(self) -> str | None:
        """Ask for `url` itself; the format it surely has, None for libav to find out."""
        self._first = self.open(self.url, 0, {})
        is_picture = urlsplit(self.url).path.lower().endswith((".jpg", ".jpeg"))
        return FORMATS.get(self._first.kind, "jpeg_pipe" if is_picture else None)

    def open(self, url: str, _flags: int, options: dict[str, str]) -> Body:
        """As PyAV's `io_open` wants it; SourceFailed for what this camera does not have, or what is not its own."""
        if self._first and url == self.url:
            first, self._first = self._first, None
            return first
        if self.failure:
            raise self.failure
        with naming_failures():
            return self._follow(url, _range(options))

    def began(self) -> None:
        self._end_s = None

    def close(self) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.close()

    def patience_s(self) -> float:
        """For the next byte; SourceFailed when there is none left."""
        if self._end_s is None:
            return self._silence_s
        left_s = self._end_s - self._clock.monotonic()
        if left_s <= 0:
            raise SourceFailed("timeout", "the source did not answer in time")
        return min(left_s, self._silence_s)

    def _follow(self, url: str, extra: dict[str, str]) -> Body:
        for _ in range(MOST_HOPS + 1):
            target = self._target(url)
            sock, response = self._get(target, extra)
            if response.status == HTTPStatus.UNAUTHORIZED and self._login:
                proof = answer(response.headers.get_all("WWW-Authenticate", []), self._login, "GET", target)
                if proof:
                    sock, response = self._get(target, extra | {"Authorization": proof})
            if response.status not in _REDIRECTS:
                return Body(self, sock, _accepted(response))
            url = urljoin(url, response.headers.get("Location", ""))
        raise SourceFailed("redirects", "the source sends everybody in a circle")

    def _target(self, url: str) -> str:
        """Path and query; SourceFailed for whatever does not lie at this camera."""
        try:
            split = urlsplit(url)
            there = (split.scheme.lower(), (split.hostname or "").lower(), split.port or PORTS.get(split.scheme, 0))
        except ValueError:
            there = ("", "", 0)
        if there != (self._scheme, self._host, self._port):
            self.failure = SourceFailed("redirects", "the source sends to another address: give that one instead")
            raise self.failure
        path = split.path or "/"
        return quote(f"{path}?{split.query}" if split.query else path, safe="%/:=&?~+!$,;'@()*[]{}|^")

    def _get(self, target: str, extra: dict[str, str]) -> tuple[socket, HTTPResponse]:
        sock = self._connect()
        connection = HTTPConnection(self._address, self._port)
        connection.sock = sock
        headers = {"Host": self._netloc, "User-Agent": "vmsd", "Accept": "*/*", "Connection": "close", **extra}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        sock.settimeout(self.patience_s())
        connection.request("GET", target, headers=headers)
        response = connection.getresponse()
        self._keep_cookies(response)
        return sock, response

    def _connect(self) -> socket:
        for one in self._sockets[:-1]:
            if one.fileno() < 0:
                self._sockets.remove(one)
        sock = create_connection((self._address, self._port), self.patience_s())
        self._sockets.append(sock)
        if self._scheme == "https":
            sock.settimeout(self.patience_s())
            sock = self._context().wrap_socket(sock, server_hostname=self._host)
            self._sockets.append(sock)
        return sock

    def _context(self) -> ssl.SSLContext:
        """Cameras sign for themselves; who offers playlists is another server, and proves who it is."""
        context = ssl.create_default_context()
        if not urlsplit(self.url).path.endswith(".m3u8"):
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def _keep_cookies(self, response: HTTPResponse) -> None:
        for line in response.headers.get_all("Set-Cookie", []):
            with suppress(CookieError):
                self._cookies |= {name: one.coded_value for name, one in SimpleCookie(line).items()}
        self._cookies = dict(list(self._cookies.items())[-MOST_COOKIES:])


class Body:
    """What libav reads from: one answer of the camera."""

    def __init__(self, camera: HttpCamera, sock: socket, response: HTTPResponse) -> None:
        self._camera = camera
        self._socket = sock
        self._response = response
        self.kind = response.headers.get_content_type()

    def read(self, size: int) -> bytes:
        """As much as there is, nothing at the end; a connection that breaks is one."""
        self._socket.settimeout(self._camera.patience_s())
        try:
            return self._response.read1(size)
        except TimeoutError:
            raise SourceFailed("timeout", "the source did not answer in time") from None
        except (OSError, HTTPException, ValueError):
            return b""

    def close(self) -> None:
        with suppress(OSError):
            self._response.close()
            self._socket.close()


def _range(options: dict[str, str]) -> dict[str, str]:
    """Part of a file, as a playlist may ask for it; `end_offset` is the first byte that is not wanted."""
    start, end = options.get("offset", "0"), options.get("end_offset", "0")
    return {"Range": f"bytes={int(start)}-{int(end) - 1}"} if int(end) > int(start) else {}


def _accepted(response: HTTPResponse) -> HTTPResponse:
    if response.status in _CLOSED_DOOR:
        raise SourceFailed("wrong_password", "the source refuses the user or the password")
    if response.status not in _GOOD:
        raise SourceFailed("no_such_stream", "the source answers, but has no such stream")
    return response


@contextmanager
def naming_failures() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise failure_of_socket(error) from None
    except (HTTPException, ValueError):
        raise SourceFailed("not_a_camera", "what answers there does not speak HTTP") from None
