"""Where a camera's video comes from: built from a vendor or read from an address, and checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol as Interface

from vmsd.errors import FieldProblem, Invalid, SourceFailed
from vmsd.model.camera import Camera, Protocol
from vmsd.vendors import generic, hikvision, intelbras
from vmsd.vendors.addresses import CameraNetworks, refuse_unsafe, resolve
from vmsd.vendors.place import Place
from vmsd.vendors.urls import POINTER, SourceUrl, check_port, parse

RTSP_PORT = 554
BUILDERS = {"intelbras": intelbras.source_url, "hikvision": hikvision.source_url}
GENERIC = "generic"
VENDORS = (*BUILDERS, GENERIC)


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


def full_url(camera: Camera) -> str:
    """The main stream's address as MediaMTX and libav open it, credentials included: never log it."""
    return parse(camera.source_url, camera.protocol).with_credentials(*_login(camera)).join()


def full_sub_url(camera: Camera) -> str:
    return parse(camera.sub_source_url, camera.protocol).with_credentials(*_login(camera)).join()


def _login(camera: Camera) -> tuple[str | None, str | None]:
    return camera.username or None, camera.secret.password


class SourceRules:
    """Turns what a person says into addresses the box may talk to, or refuses with the field's name."""

    def __init__(self, networks: CameraNetworks, tunnels: frozenset[str]) -> None:
        self._networks = networks
        self._tunnels = tunnels

    async def source_of(self, fields: SourceFields, kept_password: str | None = None) -> Source:
        """Raises `Invalid`, naming the field."""
        if fields.protocol == "p2p":
            return self._tunnelled(fields, kept_password)
        main, sub = addresses(fields)
        if main is None:
            return self._pushed(fields)
        with naming(main_field(fields)):
            await self._check(main)
        with naming(sub_field(fields)):
            if sub:
                await self._check(sub)
        username, password = _credentials(fields, main, kept_password)
        if sub and sub.username is not None and (sub.username, sub.password) != (username, password):
            raise _refused("/sub_source_url", "both streams of a camera have the same user and password")
        return Source(_bare(main), _bare(sub) if sub else "", username, password)

    async def _check(self, url: SourceUrl) -> None:
        """A name nobody knows yet may be saved: the camera is offline then, and says why."""
        try:
            found = await resolve(url.host, url.effective_port)
        except SourceFailed:
            return
        refuse_unsafe(found, url.effective_port, self._networks)

    def _tunnelled(self, fields: SourceFields, kept_password: str | None) -> Source:
        if fields.tunnel not in self._tunnels:
            raise _refused("/tunnel", "there is no tunnel of this name in the box's configuration")
        if fields.tunnel_target.startswith("-"):
            raise _refused("/tunnel_target", "a target does not begin with a hyphen")
        if fields.source_url or fields.sub_source_url:
            raise _refused("/source_url", "a P2P camera has no address: its tunnel has")
        return Source("", "", fields.username, fields.password or kept_password)

    def _pushed(self, fields: SourceFields) -> Source:
        if fields.protocol != "rtmp":
            raise _refused("/source_url", "give an address, or a vendor and a host")
        if fields.username or fields.password:
            raise _refused("/username", "a camera that pushes uses the key the box gives it")
        return Source("", "", "", None)


def _credentials(fields: SourceFields, main: SourceUrl, kept: str | None) -> tuple[str, str | None]:
    """What is said beside the address counts before what stands in it."""
    username = fields.username or main.username
    password = fields.password or main.password or kept
    if not username:
        if fields.password:
            raise _refused("/username", "a password without a user opens nothing")
        return "", None
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
