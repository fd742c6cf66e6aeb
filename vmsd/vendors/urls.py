"""Addresses of sources: read, checked, spelled for MediaMTX, and masked for everybody else."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import IPv6Address
from typing import Literal
from urllib.parse import SplitResult, quote, unquote, urlsplit

from vmsd.errors import FieldProblem, Invalid

Protocol = Literal["rtsp", "rtmp", "http", "p2p"]

MOST_CHARACTERS = 2_000
MOST_CREDENTIAL_CHARACTERS = 128
POINTER = "/source_url"
MOST_PORT = 65_535

_SCHEMES: dict[Protocol, tuple[str, ...]] = {
    "rtsp": ("rtsp", "rtsps"),
    "rtmp": ("rtmp", "rtmps"),
    "http": ("http", "https"),
    "p2p": (),
}
_DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322, "rtmp": 1935, "rtmps": 443, "http": 80, "https": 443}
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*\.?")
_KEPT_IN_PATH = "%/:=&?~+!$,;'@()*[]{}|\\^`\"<>"  # what a camera's own address may hold is left alone
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\xa0\u2028\u2029\ud800-\udfff]")
_SECRET_NAME = r"(?:pass|pwd|psw|token|key|secret|auth|jwt|sig|user|login|cred)"  # noqa: S105 - words, not secrets
_SECRET_VALUE = re.compile(rf"([?&;][^=&;]*{_SECRET_NAME}[^=&;]*=)[^&;#]*", re.IGNORECASE)
# As in `/user=admin_password=x_channel=1.sdp`, which many a camera of no name wants.
_SECRET_IN_PATH = re.compile(rf"([/_][^=&;/_]*{_SECRET_NAME}[^=&;/_]*=)(?:(?!_[A-Za-z]+=)[^&;#?])*", re.IGNORECASE)
_USERINFO = re.compile(r"^([a-z][a-z0-9+.-]*://)?.*@", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class SourceUrl:
    """An address taken apart; its credentials are plain here and encoded in `join`."""

    scheme: str
    host: str  # IPv6 without brackets
    port: int | None
    rest: str  # path and query, as a camera wants them
    username: str | None = None
    password: str | None = None
    name: str = ""  # of the host, where `host` is the address it led to and the camera answers to its name

    @property
    def effective_port(self) -> int:
        return self.port or _DEFAULT_PORTS[self.scheme]

    def __repr__(self) -> str:
        return f"SourceUrl({mask(self.join())!r})"

    def at(self, address: str) -> SourceUrl:
        """The same source at the address its host was found to have, so that nobody asks for that again.

        What speaks HTTP is told its name all the same: `join` puts it in the fragment, which nobody sends.
        """
        name = self.host if self.scheme in _SCHEMES["http"] and self.host != address else ""
        return replace(self, host=address, name=name)

    def without_credentials(self) -> SourceUrl:
        return replace(self, username=None, password=None)

    def with_credentials(self, username: str | None, password: str | None) -> SourceUrl:
        """Invalid when only one of the two is there: MediaMTX refuses its whole file for such an address."""
        if not username and not password:
            return self.without_credentials()
        _check_credentials(username or "", password or "")
        return replace(self, username=username, password=password)

    def join(self) -> str:
        """Spelled as MediaMTX and libav read it."""
        user = ""
        if self.username is not None:
            user = f"{quote(self.username, safe='')}:{quote(self.password or '', safe='')}@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        name = f"#{self.name}" if self.name else ""
        return f"{self.scheme}://{user}{host}{port}{self.rest}{name}"


def parse(text: str, protocol: Protocol) -> SourceUrl:
    """Invalid, with `/source_url` as its pointer, for everything MediaMTX could stumble over."""
    if len(text) > MOST_CHARACTERS:
        raise _refused(f"an address has at most {MOST_CHARACTERS} characters")
    if _UNPRINTABLE.search(text) or " " in text:
        raise _refused("an address holds neither spaces nor control characters (a space is written %20)")
    try:
        split = urlsplit(text)
        port, host = split.port, split.hostname
    except ValueError:
        raise _refused("the port or host cannot be read; signs in a password must be percent-encoded") from None
    if split.scheme not in _SCHEMES[protocol]:
        raise _refused(_scheme_help(protocol))
    url = SourceUrl(split.scheme, check_host(host or "", POINTER), _port(port), _rest(split))
    return url.with_credentials(*_credentials(split.netloc))


def parse_any(text: str) -> SourceUrl:
    """As `parse`, for whatever kind of camera begins so."""
    scheme = text.partition(":")[0].lower()
    kinds = [protocol for protocol, schemes in _SCHEMES.items() if scheme in schemes]
    return parse(text, kinds[0] if kinds else "rtsp")


def _scheme_help(protocol: Protocol) -> str:
    wanted = " or ".join(f"{scheme}://" for scheme in _SCHEMES[protocol])
    return f"an address of this kind begins with {wanted}" if wanted else "a P2P camera has no address"


def _port(port: int | None) -> int | None:
    if port == 0:
        raise _refused("the port lies between 1 and 65535")
    return port


def _rest(split: SplitResult) -> str:
    if split.fragment:
        raise _refused("a # in an address is written %23")
    path = quote(split.path, safe=_KEPT_IN_PATH)
    return f"{path}?{quote(split.query, safe=_KEPT_IN_PATH)}" if split.query else path


def _credentials(netloc: str) -> tuple[str | None, str | None]:
    userinfo, at, _ = netloc.rpartition("@")
    if not at:
        return None, None
    username, _, password = userinfo.partition(":")
    if not username and not password:
        raise _refused("the address has an @ but no user")
    return unquote(username), unquote(password)


def _check_credentials(username: str, password: str) -> None:
    if not username or not password:
        raise _refused("a user and a password go together: give both, or neither")
    if _UNPRINTABLE.search(username + password):
        raise _refused("a user and a password hold no control characters")
    if max(len(username), len(password)) > MOST_CREDENTIAL_CHARACTERS:
        raise _refused(f"a user or a password has at most {MOST_CREDENTIAL_CHARACTERS} characters")
    if ":" in username:
        raise _refused("a user name holds no colon")


def check_host(host: str, pointer: str) -> str:
    """Name or literal address, IPv6 without brackets; Invalid says what is wrong at `pointer`."""
    if ":" in host:
        try:
            return str(IPv6Address(host))
        except ValueError:
            raise _refused("the host is no IPv6 address", pointer) from None
    if not _HOST.fullmatch(host):
        raise _refused("the host is missing" if not host else "the host is no name and no address", pointer)
    return host.lower()


def check_port(port: int, pointer: str = "/port") -> int:
    if not 1 <= port <= MOST_PORT:
        raise _refused("the port lies between 1 and 65535", pointer)
    return port


def mask(url: str) -> str:
    """For logs and answers: no user, no password, no secret of the query, however badly it is spelled."""
    masked = _USERINFO.sub(lambda found: f"{found[1] or ''}***@", url)
    path, mark, query = masked.partition("?")
    return _SECRET_VALUE.sub(r"\1***", _SECRET_IN_PATH.sub(r"\1***", path) + mark + query)


def _refused(detail: str, pointer: str = POINTER) -> Invalid:
    return Invalid("the address of the camera cannot be used", FieldProblem(pointer, detail))
