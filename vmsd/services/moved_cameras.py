"""Finding a camera again that has got another address: by its network card, by its own name, by its serial number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from vmsd.errors import Invalid
from vmsd.model.camera import Camera
from vmsd.model.device import Device
from vmsd.services.camera_hosts import is_name
from vmsd.services.discovery import Found
from vmsd.services.sources import main_url
from vmsd.vendors.urls import parse_any


@dataclass(frozen=True)
class Known:
    """A camera at a plain address, and what it said of itself when it was there."""

    camera: Camera
    device: Device
    address: str


@dataclass(frozen=True)
class Move:
    """`by` says what it was known by. `confirmed`: it has let us in with its password and said the same serial."""

    camera: Camera
    device: Device
    address: str
    found: Found
    by: tuple[str, ...]
    confirmed: bool = False


def known_of(camera: Camera, device: Device | None) -> Known | None:
    """None for a camera nobody could find again: at a name, or one that never told who it is."""
    if device is None or not (device.serial or device.mac or device.endpoint):
        return None
    host = address_of(camera)
    return Known(camera, device, host) if host and not is_name(host) else None


def address_of(camera: Camera) -> str:
    """Where its video comes from, as it was said; empty for one that pushes, or comes through a tunnel."""
    with suppress(Invalid):
        if camera.source_url:
            return main_url(camera).host
    return ""


def is_same(before: Device, now: Device) -> bool:
    """By the serial number where both say one, else by the network card; who says nothing is nobody else."""
    if before.serial and now.serial:
        return before.serial == now.serial
    return not (before.mac and now.mac) or before.mac == now.mac


def signs(device: Device, found: Found, serial: str) -> tuple[str, ...]:
    """What speaks for its being this device; nothing where its network card or serial number speaks against it."""
    pairs = {
        "mac": (device.mac, found.mac),
        "serial": (device.serial, serial),
        "endpoint": (device.endpoint, found.match.endpoint),
    }
    if any(pairs[name][0] and pairs[name][1] and pairs[name][0] != pairs[name][1] for name in ("mac", "serial")):
        return ()
    return tuple(name for name, (before, now) in pairs.items() if before and before == now)


def match(knowns: Sequence[Known], founds: Sequence[Found], serials: Mapping[str, str]) -> Sequence[Move]:
    """Those found at another address and not at their own; whom two devices claim to be is not proposed at all.

    `serials` are those that devices say to everybody, by their address.
    """
    moves = []
    for one in knowns:
        alike = [(found, by) for found in founds if (by := signs(one.device, found, serials.get(found.address, "")))]
        if len(alike) == 1 and alike[0][0].address != one.address:
            moves.append(Move(one.camera, one.device, one.address, *alike[0]))
    return moves


def moved(camera: Camera, address: str, now_ms: int) -> Camera:
    """The same camera at another address; everything else about it stays, its password too."""
    before = main_url(camera).host
    sub = _moved_url(camera.sub_source_url, before, address) if camera.sub_source_url else ""
    host = camera.host
    if host == before or host.startswith(f"{before}:"):
        host = address + host.removeprefix(before)
    return replace(
        camera,
        source_url=_moved_url(camera.source_url, before, address),
        sub_source_url=sub,
        host=host,
        changed_ms=max(now_ms, camera.changed_ms + 1),
    )


def _moved_url(text: str, before: str, address: str) -> str:
    """One that leads to somebody else stays."""
    url = parse_any(text)
    return replace(url, host=address).join() if url.host == before else text
