"""What a city's cameras are as devices: who each is, what its clock shows, and where it has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import structlog

from vmsd.clock import Clock
from vmsd.errors import Conflict, FieldProblem, Invalid, NotAllowed, SourceFailed
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.device import Device
from vmsd.model.person import Verb
from vmsd.services.audit import AuditLog
from vmsd.services.cameras import CityCameras
from vmsd.services.desired import DesiredState
from vmsd.services.discovery import Discovery, Found
from vmsd.services.moved_cameras import Known, Move, is_same, known_of, match, moved
from vmsd.services.onvif import OnvifDevice
from vmsd.services.sources import main_url
from vmsd.store.cameras import CameraRows, Cameras
from vmsd.store.database import Database
from vmsd.store.devices import DeviceRows
from vmsd.store.scope import CityTransaction, Scope
from vmsd.video.rtsp_auth import Credentials

log = structlog.get_logger()

ASK_S = 30.0
MOST_ASKED = 64
"""Strangers that are asked for their serial numbers in one search."""
AT_ONCE = 8
SERIALS_S = 15.0
"""For all of them together; who has not said it by then is not known by it."""
SECOND_MS = 1000


@dataclass(frozen=True)
class DeviceParts:
    """What the devices of every city stand on; `trusted` as for `Discovery`."""

    discovery: Discovery
    database: Database
    rows: CameraRows
    desired: DesiredState
    audit: AuditLog
    clock: Clock
    trusted: Callable[[], bool]


@dataclass(frozen=True)
class ClockSet:
    """How far the camera's clock was ahead before and after, None where it did not say."""

    before_ms: int | None
    after_ms: int | None


class CityDevices:
    """Handed out for one city; `cameras` are those the caller may see, `by` is who they are."""

    def __init__(self, parts: DeviceParts, city: City, cameras: CityCameras, by: Who) -> None:
        self._parts = parts
        self._discovery = parts.discovery
        self._scope = Scope(parts.database, city.id)
        self._store = Cameras(self._scope, parts.rows)
        self._rows = DeviceRows(self._scope)
        self._cameras = cameras
        self._clock = parts.clock
        self._by = by

    async def find(self, camera: Camera) -> Device | None:
        return await self._rows.find(camera.id)

    async def list(self) -> Mapping[int, Device]:
        """By the number of the camera, of the whole city."""
        return await self._rows.list()

    async def doubtful(self, most_ms: int) -> tuple[Sequence[str], Sequence[str]]:
        """Names of the cameras the caller may set up whose clock is further off, and whose place another has taken."""
        devices = await self._rows.list()
        cameras = await self._cameras.list(verbs=frozenset({Verb.CONFIGURE})) if devices else ()
        told = [(camera.name, devices[camera.id]) for camera in cameras if camera.id in devices]
        off = [name for name, device in told if abs(device.clock_offset_ms or 0) > most_ms]
        return off, [name for name, device in told if device.stranger]

    async def look(self, camera: Camera) -> Device:
        """What it says now, written down; one that is another device than before changes nothing but that."""
        known, now = await self._rows.find(camera.id), await self._identify(camera)
        if known is not None and _host(known) == _host(now) and not is_same(known, now):
            now = replace(known, stranger=now.serial or now.mac)
            if known.stranger != now.stranger:
                log.warning("device.stranger", camera_id=camera.public_id, serial=now.stranger)
        async with self._scope.write() as transaction:
            await self._rows.put(transaction, camera.id, _merged(known, now))
        return _merged(known, now)

    async def ask(self, camera: Camera, service_url: str = "") -> Device:
        """As `look`, for a person who says that what answers there now is the camera."""
        known, now = await self._rows.find(camera.id), await self._identify(camera, service_url)
        async with self._scope.write() as transaction:
            replaced = known is not None and not is_same(known, now)
            await self._rows.put(transaction, camera.id, now if replaced else _merged(known, now))
            if known is not None and replaced:
                facts: dict[str, Fact] = {"name": camera.name, "from": _who(known), "to": _who(now)}
                await self._tell(transaction, Action.CAMERA_REPLACED, camera, facts)
        return now if replaced else _merged(known, now)

    async def _identify(self, camera: Camera, service_url: str = "") -> Device:
        try:
            async with asyncio.timeout(ASK_S):
                device = await self._reach(camera, service_url)
                return await self._read(device)
        except TimeoutError as error:
            raise SourceFailed("timeout", "the device takes too long to answer") from error

    async def _read(self, device: OnvifDevice) -> Device:
        said = await device.ask_information()
        mac = await device.find_mac() or await self._discovery.mac_at(device.address)
        return Device(
            manufacturer=said.manufacturer or None,
            model=said.model or None,
            firmware=said.firmware or None,
            serial=said.serial or None,
            mac=mac or None,
            endpoint=await device.find_endpoint() or None,
            service_url=device.service_url,
            clock_offset_ms=self._discovery.offset_of(device),
            seen_ms=self._clock.wall_ms(),
        )

    async def _reach(self, camera: Camera, service_url: str = "") -> OnvifDevice:
        """The ONVIF service at the camera's own address, and nowhere else: its password goes to no other host."""
        if not camera.source_url or not camera.secret.readable:
            raise Conflict("this camera has no address of its own that could be asked")
        url = main_url(camera)
        address = (await self._parts.desired.hosts.find(url)).host
        if not service_url:
            known = await self._rows.find(camera.id)
            if known is not None and known.service_url and _host(known) == address:
                service_url = known.service_url
        elif _host_in(service_url) not in (address, url.host):
            problem = FieldProblem("/service_url", "must be at the address the camera's video comes from")
            raise Invalid("the address was refused", problem)
        try:
            return await self._discovery.reach(service_url or address, login_of(camera))
        except Invalid as error:
            raise Invalid(str(error), *(FieldProblem("/service_url", one.detail) for one in error.problems)) from None

    async def set_clock(self, camera: Camera, *, force: bool = False) -> ClockSet:
        """To the box's own time; one that takes its time from a server is left alone unless `force` is given."""
        if not self._parts.trusted():
            raise NotAllowed("the box's own clock is not trusted: set that first", cause="clock_untrusted")
        try:
            async with asyncio.timeout(ASK_S):
                device = await self._reach(camera)
                before_ms = device.offset_ms
                if device.time.by_ntp and not force:
                    raise Conflict("the camera takes its time from a time server: correct that there, or force it")
                second_ms = SECOND_MS - self._clock.wall_ms() % SECOND_MS
                await asyncio.sleep(second_ms / SECOND_MS)  # it takes whole seconds
                await device.set_time(self._clock.wall_ms())
        except TimeoutError as error:
            raise SourceFailed("timeout", "the device takes too long to answer") from error
        done = ClockSet(before_ms, await self._offset_after(device))
        await self._note_clock(camera, done)
        return done

    async def _offset_after(self, device: OnvifDevice) -> int | None:
        """None from one that is away for a moment: some start anew at a new time."""
        device.offset_ms = None
        with suppress(SourceFailed):
            await device.ask_time()
        return device.offset_ms

    async def _note_clock(self, camera: Camera, done: ClockSet) -> None:
        known = await self._rows.find(camera.id)
        async with self._scope.write() as transaction:
            if known is not None:
                await self._rows.put(transaction, camera.id, replace(known, clock_offset_ms=done.after_ms))
            facts: dict[str, Fact] = {"name": camera.name, "before_ms": done.before_ms, "after_ms": done.after_ms}
            await self._tell(transaction, Action.CAMERA_CLOCK_SET, camera, facts)

    async def find_moved(self, only: Collection[int] | None = None) -> Sequence[Move]:
        """Cameras that have answered at another address, each with whether it has shown that it is the same one."""
        cameras = await self._cameras.list(verbs=frozenset({Verb.CONFIGURE}))
        rows = await self._rows.list()
        found = (await self._discovery.search()).found
        knowns = [known for camera in cameras if (known := known_of(camera, rows.get(camera.id)))]
        if only is not None:
            knowns = [one for one in knowns if one.camera.id in only]
        moves = match(knowns, found, await self._open_serials(knowns, found))
        confirmed = await asyncio.gather(*(self._is_confirmed(move) for move in moves))
        return [replace(move, confirmed=yes) for move, yes in zip(moves, confirmed, strict=True)]

    async def _open_serials(self, knowns: Sequence[Known], founds: Sequence[Found]) -> Mapping[str, str]:
        """By address, of the devices that nothing else tells of; nobody is shown a password for it."""
        taken = {one.address for one in knowns}
        recognised = {move.found.address for move in match(knowns, founds, {})}
        asked = [one for one in founds if one.address not in taken | recognised][:MOST_ASKED]
        door, end_s = asyncio.Semaphore(AT_ONCE), asyncio.get_running_loop().time() + SERIALS_S

        async def serial(one: Found) -> str:
            with suppress(SourceFailed, Invalid, TimeoutError):
                async with asyncio.timeout_at(end_s), door:
                    said = await self._discovery.device(one.match.service_url, None).ask_information(openly=True)
                    return said.serial
            return ""

        serials = await asyncio.gather(*map(serial, asked))
        return {one.address: text for one, text in zip(asked, serials, strict=True) if text}

    async def _is_confirmed(self, move: Move) -> bool:
        """It takes the camera's password, and says the serial number, or has the network card, it had before."""
        device = self._discovery.device(move.found.match.service_url, login_of(move.camera))
        try:
            async with asyncio.timeout(ASK_S):
                await device.ask_time()
                now = await self._read(device)
        except (SourceFailed, Invalid, TimeoutError):
            return False
        known = move.device
        shown = (known.serial and known.serial == now.serial) or (
            known.mac and known.mac == (move.found.mac or now.mac)
        )
        return bool(shown) and is_same(known, now)

    async def move(self, camera: Camera, address: str) -> Camera:
        """To where it is found now; `Conflict` when it is not there, or has not shown that it is the same one."""
        moves = await self.find_moved({camera.id})
        found = next((one for one in moves if one.found.address == address and one.confirmed), None)
        if found is None:
            raise Conflict("the camera was not found there, or did not show that it is the same one")
        return await self.follow(found)

    async def follow(self, move: Move) -> Camera:
        """Only behind `find_moved`, which has found out whether it is the same camera."""
        if not move.confirmed:
            raise ValueError("a camera is followed only where it has shown that it is the same one")
        before = move.camera
        after = moved(before, move.found.address, self._clock.wall_ms())
        self._parts.desired.hosts.locate(main_url(after))
        device = replace(move.device, service_url=move.found.match.service_url, stranger=None)
        facts: dict[str, Fact] = {
            "name": before.name,
            "from": move.address,
            "to": move.found.address,
            "by": list(move.by),
        }
        async with self._scope.write() as transaction:
            await self._store.change(transaction, after, before.changed_ms)
            await self._rows.put(transaction, before.id, device)
            await self._tell(transaction, Action.CAMERA_MOVED, before, facts)
        self._parts.desired.changed()
        log.info("camera.moved", camera_id=before.public_id, to=move.found.address)
        return after

    async def _tell(
        self, transaction: CityTransaction, action: Action, camera: Camera, facts: Mapping[str, Fact]
    ) -> None:
        entry = Entry(action, self._by, subject=Subject("camera", camera.public_id), facts=facts)
        await self._parts.audit.append(transaction, entry, self._clock.wall_ms())


def login_of(camera: Camera) -> Credentials | None:
    password = camera.secret.password
    return Credentials(camera.username, password) if camera.username and password else None


def _host(device: Device) -> str | None:
    return _host_in(device.service_url or "")


def _host_in(url: str) -> str | None:
    with suppress(ValueError):
        return urlsplit(url).hostname
    return None


def _who(device: Device) -> str:
    return device.serial or device.mac or ""


def _merged(known: Device | None, now: Device) -> Device:
    """What it said once and does not say now is kept."""
    if known is None or not is_same(known, now):
        return now
    return replace(
        now,
        serial=now.serial or known.serial,
        mac=now.mac or known.mac,
        endpoint=now.endpoint or known.endpoint,
    )
