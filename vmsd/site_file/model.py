"""What a site file may say."""

from __future__ import annotations

import base64
import re
from ipaddress import IPv4Address, IPv4Interface
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from vmsd.config import check_age_recipient
from vmsd.model.city import Plan
from vmsd.services.names import NAME_PATTERN
from vmsd.services.passwords import find_weakness
from vmsd.services.tokens import GIVEN_PATTERN, LEAST_DIFFERENT
from vmsd.site_file.words import KINDS, nearest, translated

REMOVED = "***"
"""Stands where a secret was, once the file has been applied."""
DHCP = "dhcp"
SSH_KEY = re.compile(
    r"(?P<kind>ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa|sk-[a-z0-9@.-]+) "
    r"(?P<data>[A-Za-z0-9+/]{40,1500}={0,2})( [^\x00-\x1f]*)?"
)
LENGTH_BYTES = 4
"""Before each part of such a key."""
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
MOST_SERVERS = 4

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=NAME_PATTERN)]
Interface = Annotated[str, Field(min_length=1, max_length=15, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$")]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise PydanticCustomError("zone", "unknown", nearest_zone(name)) from None
    return name


def nearest_zone(name: str) -> dict[str, Any]:
    zones = {zone.casefold(): zone for zone in available_timezones()}
    plain = name.casefold().replace(" ", "_").replace("ã", "a").replace("é", "e")
    ends = [zone for folded, zone in zones.items() if folded.endswith(f"/{plain.rpartition('/')[2]}")]
    return {**nearest(min(ends) if ends else name, [*zones.values()])}


def _interface(text: str) -> str:
    """An IPv4 address of a computer, with the length of its network's mask."""
    if "/" not in text and _is_address(text):
        raise PydanticCustomError("address_mask", "no mask")
    try:
        found = IPv4Interface(text)
    except ValueError:
        raise PydanticCustomError("address", "no address") from None
    _check_kind(_unusable(found))
    return str(found)


def _unusable(found: IPv4Interface) -> str | None:
    inner = found.network.prefixlen < 31  # noqa: PLR2004 - RFC 3021: of two addresses both are computers'
    facts = {
        "none": found.ip.is_unspecified or found.ip.is_reserved or found.network.prefixlen < 8,  # noqa: PLR2004
        "loopback": found.ip.is_loopback,
        "multicast": found.ip.is_multicast,
        "link": found.ip.is_link_local,
        "network": inner and found.ip == found.network.network_address,
        "broadcast": inner and found.ip == found.network.broadcast_address,
    }
    return next((kind for kind, true in facts.items() if true), None)


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _lan_address(text: str) -> str:
    return DHCP if text.lower() == DHCP else _interface(text)


def _address(text: str) -> str:
    """Of another computer, which must be one's own."""
    if not _is_address(text):
        raise PydanticCustomError("one_address", "no address")
    _check_kind(_unusable(IPv4Interface(text)))
    return text


def _check_kind(kind: str | None) -> None:
    if kind:
        raise PydanticCustomError("address_kind", "unusable", {"kind_pt": KINDS[kind][0], "kind": KINDS[kind][1]})


def _host(text: str) -> str:
    if re.fullmatch(r"[0-9.]+", text) and _is_address(text):
        return _address(text)
    if not HOST.fullmatch(text) or re.fullmatch(r"[0-9.]+", text):
        raise PydanticCustomError("host", "no host")
    return text


def _token(text: str) -> str:
    good = re.fullmatch(GIVEN_PATTERN, text) and len(frozenset(text)) >= LEAST_DIFFERENT
    if text != REMOVED and not good:
        raise PydanticCustomError("token", "no token")
    return text


def _ssh_key(text: str) -> str:
    found = SSH_KEY.fullmatch(text)
    if found is None or not _is_whole(found["kind"], found["data"]):
        raise PydanticCustomError("ssh_key", "no key")
    return text


def _is_whole(kind: str, data: str) -> bool:
    """Nothing of it was lost on the way: it names its own kind, and its parts (RFC 4253) end where it ends."""
    try:
        left = base64.b64decode(data, validate=True)
    except ValueError:
        return False
    parts = []
    while len(left) >= LENGTH_BYTES:
        end = LENGTH_BYTES + int.from_bytes(left[:LENGTH_BYTES])
        parts.append(left[LENGTH_BYTES:end])
        if end > len(left):
            return False
        left = left[end:]
    return not left and len(parts) > 1 and parts[0] == kind.encode()


def _recipient(text: str) -> str:
    try:
        check_age_recipient(text)
    except ValueError:
        raise PydanticCustomError("recipient", "no recipient") from None
    return text


Address = Annotated[str, AfterValidator(_address)]
Server = Annotated[str, Field(max_length=253), AfterValidator(_host)]


class Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, str_strip_whitespace=True, hide_input_in_errors=True
    )


class SitePart(Part):
    name: Name
    time_zone: Annotated[str, AfterValidator(_zone)] = "America/Sao_Paulo"
    language: Literal["pt_BR", "en"] = "pt_BR"


class CityPart(Part):
    name: Name
    plan: Plan


class AdminPart(Part):
    """Without a `password` the box makes one up; either is good for the first login alone."""

    name: Name = "admin"
    password: Annotated[str, StringConstraints(max_length=256, strip_whitespace=False)] | None = Field(None, repr=False)

    @field_validator("password")
    @classmethod
    def _strong(cls, password: str | None, info: ValidationInfo) -> str | None:
        if password in (None, "", REMOVED):
            return password or None
        weakness = find_weakness(password, info.data.get("name", ""))
        if weakness:
            raise PydanticCustomError("weak_password", "weak", translated(weakness))
        return password


class CameraNetwork(Part):
    """A second card for the cameras alone: no gateway, no name server."""

    interface: Interface
    address: Annotated[str, AfterValidator(_interface)]


class Network(Part):
    """`address` is `dhcp`, or fixed; `name` is the box's on the local network, without `.local`."""

    address: Annotated[str, AfterValidator(_lan_address)] = DHCP
    gateway: Address | None = None
    dns: tuple[Address, ...] = Field((), max_length=MOST_SERVERS, strict=False)
    ntp: tuple[Server, ...] = Field((), max_length=MOST_SERVERS, strict=False)
    interface: Interface | None = None
    name: str = Field("vmsd", pattern=r"^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$")
    cameras: CameraNetwork | None = None

    @property
    def fixed(self) -> IPv4Interface | None:
        return None if self.address == DHCP else IPv4Interface(self.address)

    def why_unreachable(self, host: str) -> str | None:
        """What is wrong with a camera at this address; None as well where only the network itself can tell."""
        if not _is_address(host):
            return None
        own = [one for one in (self.fixed, IPv4Interface(self.cameras.address) if self.cameras else None) if one]
        if any(IPv4Address(host) == one.ip for one in own):
            return "the address points at this box itself"
        around = [one.network for one in own if IPv4Address(host) in one.network]
        if any(_unusable(IPv4Interface((host, one.prefixlen))) for one in around):
            return "no camera lives at an address of this kind"
        if self.fixed and not self.gateway and not around:
            return "no network of this box leads there"
        return None

    @field_validator("gateway")
    @classmethod
    def _reachable(cls, gateway: str | None, info: ValidationInfo) -> str | None:
        if gateway is None or "address" not in info.data:
            return gateway
        _only_when_fixed(info)
        own = IPv4Interface(info.data["address"])
        if IPv4Address(gateway) not in own.network:
            raise PydanticCustomError("gateway_outside", "outside", {"network": str(own.network)})
        if IPv4Address(gateway) == own.ip:
            raise PydanticCustomError("gateway_self", "itself")
        _check_kind(_unusable(IPv4Interface((gateway, own.network.prefixlen))))
        return gateway

    @field_validator("dns")
    @classmethod
    def _said_by_dhcp(cls, dns: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if dns and "address" in info.data:
            _only_when_fixed(info)
        return dns

    @field_validator("cameras")
    @classmethod
    def _apart(cls, cameras: CameraNetwork | None, info: ValidationInfo) -> CameraNetwork | None:
        if cameras is None:
            return None
        if cameras.interface == info.data.get("interface"):
            raise PydanticCustomError("cameras_interface", "the same")
        address = info.data.get("address", DHCP)
        if address != DHCP and IPv4Interface(address).network.overlaps(IPv4Interface(cameras.address).network):
            raise PydanticCustomError("cameras_overlap", "overlaps")
        return cameras


def _only_when_fixed(info: ValidationInfo) -> None:
    if info.data["address"] == DHCP:
        raise PydanticCustomError("dhcp_alone", "said by the network")


class Central(Part):
    token: Annotated[str, AfterValidator(_token)] = Field(repr=False)


class Ssh(Part):
    key: Annotated[str, Field(max_length=2000), AfterValidator(_ssh_key)]


class Backup(Part):
    recipient: Annotated[str, AfterValidator(_recipient)]


class CameraList(Part):
    """The name of a file beside this one."""

    file: str = Field(min_length=1, max_length=100)

    @field_validator("file")
    @classmethod
    def _beside(cls, name: str) -> str:
        if "/" in name or "\\" in name or name.startswith("."):
            raise PydanticCustomError("file_name", "elsewhere")
        return name


class SiteToml(Part):
    """The file but for its `[[camera]]` rows, which are read like those of any other list of cameras."""

    site: SitePart
    city: CityPart
    admin: AdminPart = AdminPart()
    network: Network = Network()
    central: Central | None = None
    ssh: Ssh | None = None
    backup: Backup | None = None
    cameras: CameraList | None = None
