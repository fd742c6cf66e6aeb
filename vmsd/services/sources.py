"""Where a camera's video comes from: built from a vendor or read from an address, and checked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol as Interface

from vmsd.errors import FieldProblem, Invalid, SourceFailed
from vmsd.model.camera import Camera, Protocol
from vmsd.services.camera_hosts import CameraHosts
from vmsd.vendors import generic, hikvision, intelbras
from vmsd.vendors.place import Place
from vmsd.vendors.urls import POINTER, SourceUrl, check_port, parse

RTSP_PORT = 554
BUILDERS = {"intelbras": intelbras.source_url, "hikvision": hikvision.source_url}
GENERIC = "generic"
VENDORS = (*BUILDERS, GENERIC)
TARGET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")
"""Of a tunnel: nothing its command could take for anything but a name."""


class SourceFields(Interface):
    """The part of a camera that says where its video comes from, as a person says it."""

    @property
    def protocol(self) -> Protocol: ...
    @property
    def source_url(self) -> str: ...
    @property
    def sub_source_url(self) -> str: ...
    @property
    def substream(self) -> bool: ...
    @property
    def vendor(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str | None: ...
    @property
    def channel(self) -> int: ...
    @property
    def subtype(self) -> int: ...
    @property
    def tunnel(self) -> str: ...
    @property
    def tunnel_target(self) -> str: ...


@dataclass(frozen=True)
class Source:
    """The addresses of a camera without its credentials, and the credentials."""

    url: str
    sub_url: str
    username: str
    password: str | None


def main_url(camera: Camera) -> SourceUrl:
    """The main stream's address with the credentials: never log what it joins to."""
    return parse(camera.source_url, camera.protocol).with_credentials(*_login(camera))


def sub_url(camera: Camera) -> SourceUrl:
    return parse(camera.sub_source_url, camera.protocol).with_credentials(*_login(camera))


def urls_of(camera: Camera) -> list[SourceUrl]:
    """Every address of the camera that somebody calls, as far as they can be read."""
    found: list[SourceUrl] = []
    for url in (main_url, sub_url):
        with suppress(Invalid):
            found.append(url(camera))
    return found


def _login(camera: Camera) -> tuple[str | None, str | None]:
    return camera.username or None, camera.secret.password


class SourceRules:
    """Turns what a person says into addresses the box may talk to, or refuses with the field's name."""

    def __init__(self, hosts: CameraHosts, tunnels: frozenset[str]) -> None:
        self._hosts = hosts
        self._tunnels = tunnels

    async def source_of(self, fields: SourceFields, kept: Camera | None = None) -> Source:
        """Raises `Invalid`, naming the field. `kept` is the camera as it was, whose password need not be said again."""
        stored = Stored.of(kept)
        if fields.protocol == "p2p":
            return self._tunnelled(fields, stored)
        main, sub = addresses(fields)
        if main is None:
            return self._pushed(fields)
        with naming(main_field(fields)):
            await self._check(main)
        with naming(sub_field(fields)):
            if sub:
                await self._check(sub)
        places = {place_of(url) for url in (main, sub) if url}
        username, password = _credentials(fields, main, stored, places)
        if sub and sub.username is not None and (sub.username, sub.password) != (username, password):
            raise _refused("/sub_source_url", "both streams of a camera have the same user and password")
        return Source(_bare(main), _bare(sub) if sub else "", username, password)

    async def _check(self, url: SourceUrl) -> None:
        """A name nobody knows yet may be saved: the camera is offline then, and says why."""
        with suppress(SourceFailed):
            await self._hosts.find(url)

    def _tunnelled(self, fields: SourceFields, stored: Stored) -> Source:
        if fields.tunnel not in self._tunnels:
            raise _refused("/tunnel", "there is no tunnel of this name in the box's configuration")
        if fields.tunnel_target and not TARGET.fullmatch(fields.tunnel_target):
            detail = "a target begins with a letter or a digit, and holds only those and _ . : -"
            raise _refused("/tunnel_target", detail)
        if fields.source_url or fields.sub_source_url:
            raise _refused("/source_url", "a P2P camera has no address: its tunnel has")
        place = tunnel_place(fields.tunnel, fields.tunnel_target)
        password = fields.password or (stored.sent_to({place}) if fields.username else None)
        return Source("", "", fields.username, password)

    def _pushed(self, fields: SourceFields) -> Source:
        if fields.protocol != "rtmp":
            raise _refused("/source_url", "give an address, or a vendor and a host")
        if fields.username or fields.password:
            raise _refused("/username", "a camera that pushes uses the key the box gives it")
        return Source("", "", "", None)


@dataclass(frozen=True)
class Stored:
    """The password of a camera that is being changed, and where it is sent: nowhere else will it be.

    Whoever may set cameras up may not read their passwords, so they may not have them sent to another host either.
    """

    password: str | None = None
    places: frozenset[str] = frozenset()

    @classmethod
    def of(cls, kept: Camera | None) -> Stored:
        if kept is None:
            return cls()
        places = {place_of(url) for url in urls_of(kept)}
        if kept.protocol == "p2p":
            places = {tunnel_place(kept.tunnel, kept.tunnel_target)}
        return cls(kept.secret.password, frozenset(places))

    def sent_to(self, places: Collection[str]) -> str | None:
        """The password; raises `Invalid` when one of the places is a new one."""
        if self.password and not self.places.issuperset(places):
            detail = "the stored password is not sent to another host, port or protocol: give it again"
            raise _refused("/password", detail)
        return self.password


def place_of(url: SourceUrl) -> str:
    return f"{url.scheme}://{url.host}:{url.effective_port}"


def tunnel_place(tunnel: str, target: str) -> str:
    return f"tunnel://{tunnel}/{target}"


def _credentials(
    fields: SourceFields, main: SourceUrl, stored: Stored, places: Collection[str]
) -> tuple[str, str | None]:
    """What is said beside the address counts before what stands in it."""
    username = fields.username or main.username
    if not username:
        if fields.password:
            raise _refused("/username", "a password without a user opens nothing")
        return "", None
    password = fields.password or main.password or stored.sent_to(places)
    if not password:
        raise _refused("/password", "a user without a password opens nothing")
    with naming("/password" if fields.password else "/username" if fields.username else "/source_url"):
        main.with_credentials(username, password)
    return username, password


def main_field(fields: SourceFields) -> str:
    """Which field the main stream's address comes from."""
    built = fields.vendor and (not fields.source_url or fields.vendor == GENERIC)
    return "/host" if built else "/source_url"


def sub_field(fields: SourceFields) -> str:
    return "/sub_source_url" if fields.sub_source_url else main_field(fields)


@contextmanager
def naming(field: str) -> Iterator[None]:
    """Whatever is found wrong with an address in this block is said of `field`, where it came from."""
    try:
        yield
    except Invalid as error:
        problems = [FieldProblem(field, one.detail) if one.pointer == POINTER else one for one in error.problems]
        raise Invalid(str(error), *problems) from None


def addresses(fields: SourceFields) -> tuple[SourceUrl | None, SourceUrl | None]:
    """Main and substream; a vendor's builder makes what is not given as an address."""
    if fields.vendor and fields.vendor not in VENDORS:
        raise _refused("/vendor", f"known vendors are {', '.join(VENDORS)}")
    with naming("/sub_source_url"):
        given_sub = parse(fields.sub_source_url, fields.protocol) if fields.sub_source_url else None
    if not fields.vendor or (fields.source_url and fields.vendor != GENERIC):
        return parse(fields.source_url, fields.protocol) if fields.source_url else None, given_sub
    main = _built(fields, fields.subtype)
    built_sub = _built(fields, fields.subtype + 1) if fields.substream else None
    return main, given_sub or built_sub


def _built(fields: SourceFields, subtype: int) -> SourceUrl:
    place = Place(*_host_and_port(fields.host), fields.channel, subtype)
    if fields.vendor == GENERIC:
        return generic.source_url(place, fields.source_url, fields.protocol)
    if fields.protocol != "rtsp":
        raise _refused("/protocol", "the cameras of this vendor are reached by rtsp")
    return BUILDERS[fields.vendor](place)


def _refused(pointer: str, detail: str) -> Invalid:
    return Invalid("the source was refused", FieldProblem(pointer, detail))


def _host_and_port(text: str) -> tuple[str, int]:
    """`host`, `host:port` or `[ipv6]:port`."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        return text.removeprefix("[").removesuffix("]"), RTSP_PORT
    if not port.isdecimal():
        raise _refused("/host", "the port is a number")
    return host.removeprefix("[").removesuffix("]"), check_port(int(port), "/host")


def _bare(url: SourceUrl) -> str:
    return url.without_credentials().join()
