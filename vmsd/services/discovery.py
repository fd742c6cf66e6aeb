"""Looks for cameras on the camera network, and asks one what it is and which streams it has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import ceil
from urllib.parse import urlsplit
from uuid import uuid4

from vmsd.clock import Clock
from vmsd.config import CameraRules
from vmsd.errors import FieldProblem, Invalid, Malformed, SourceFailed, TooMany
from vmsd.host.camera_http import MOST_PICTURE_BYTES, CameraHttp
from vmsd.host.multicast import Datagram, ask
from vmsd.host.network import Attached, attached, neighbours
from vmsd.model.state import Cause
from vmsd.services.camera_hosts import CameraHosts
from vmsd.services.onvif import DEVICE_PATH, MOST_STREAMS, OnvifDevice
from vmsd.vendors.onvif_answers import Information, Profile, StreamPlace, clean_mac
from vmsd.vendors.urls import SourceUrl, parse
from vmsd.vendors.ws_discovery import GROUP, Match, matches_of, probe
from vmsd.video.rtsp_auth import Credentials

INSPECT_S = 30.0
PORTS = (80, 8080, 8000, 8899, 2020)
"""Where makers have their ONVIF service, the usual one in front."""
SMALL_PIXELS = 1280 * 720
G711 = frozenset({"g711", "pcma", "pcmu"})
GOP_LONG_S = 4.0
JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True)
class Found:
    """A device that has answered; `mac` is what the kernel knows its network card by."""

    match: Match
    mac: str
    interface: str

    @property
    def address(self) -> str:
        return self.match.address


@dataclass(frozen=True)
class Search:
    """`refused` counts those at addresses that the box may not call."""

    networks: Sequence[Attached]
    found: Sequence[Found]
    refused: int


@dataclass(frozen=True)
class StreamOffer:
    """A stream at the device itself; `elsewhere` is the other host the device has named for it."""

    profile: Profile
    url: SourceUrl
    elsewhere: str = ""


@dataclass(frozen=True)
class Inspection:
    """`offset_ms`: how far its clock is ahead, None where that cannot be said."""

    address: str
    service_url: str
    information: Information
    mac: str
    offset_ms: int | None
    by_ntp: bool
    streams: Sequence[StreamOffer]
    main: StreamOffer | None
    sub: StreamOffer | None
    warnings: Sequence[str]


class Discovery:
    """`trusted` says whether the box's own clock may be compared with."""

    def __init__(
        self, http: CameraHttp, hosts: CameraHosts, rules: CameraRules, clock: Clock, trusted: Callable[[], bool]
    ) -> None:
        self._http = http
        self._hosts = hosts
        self._rules = rules
        self._clock = clock
        self._trusted = trusted
        self._searching = False

    async def search(self) -> Search:
        """`TooMany` while another search is under way."""
        if self._searching:
            raise TooMany("the network is being searched already", retry_after_s=ceil(self._rules.search_s) + 1)
        self._searching = True
        try:
            return await self._search()
        finally:
            self._searching = False

    async def _search(self) -> Search:
        ids = (str(uuid4()), str(uuid4()))
        questions = [probe(ids[0]), probe(ids[1], any_type=True)]
        networks = await asyncio.to_thread(attached, self._rules.interfaces)
        port, wait_s = self._rules.discovery_port, self._rules.search_s
        answers = await asyncio.gather(
            *(ask(there, GROUP, port, questions, wait_s) for there in networks), return_exceptions=True
        )
        macs = await asyncio.to_thread(neighbours)
        found: dict[str, Found] = {}
        for there, datagrams in zip(networks, answers, strict=True):
            if isinstance(datagrams, BaseException):
                if not isinstance(datagrams, OSError):
                    raise datagrams
                continue
            for one in await asyncio.to_thread(_matches, datagrams, ids):
                found.setdefault(one.address, Found(one, clean_mac(macs.get(one.address, "")), there.interface))
        allowed = [one for one in found.values() if self._may_be_called(one.match.service_url)]
        in_order = sorted(allowed, key=lambda one: tuple(map(int, one.address.split("."))))
        return Search(networks, in_order, len(found) - len(allowed))

    def _may_be_called(self, url: str) -> bool:
        try:
            self._hosts.locate(parse(url, "http"))
        except Invalid:
            return False
        return True

    def device(self, service_url: str, login: Credentials | None) -> OnvifDevice:
        """At an address; what it is asked first finds out whether it may be called."""
        return OnvifDevice(self._http, self._hosts, service_url, login, self._clock)

    async def reach(self, text: str, login: Credentials | None) -> OnvifDevice:
        """The ONVIF service at what a person has said, or at one of the usual ports there, its time asked.

        `Invalid` names `/address`; `SourceFailed` is that of the last place that was tried.
        """
        failed = SourceFailed(Cause.HOST_UNREACHABLE, "nobody answers at this address")
        for url in _places(text):
            there = await self._located(url)
            device = self.device(there, login)
            try:
                await device.ask_time()
            except SourceFailed as error:
                if error.cause in (Cause.HOST_UNREACHABLE, Cause.TIMEOUT):
                    raise
                failed = error
                continue
            return device
        raise failed

    async def _located(self, url: SourceUrl) -> str:
        try:
            found = await self._hosts.find(url)
        except Invalid as error:
            details = [FieldProblem("/address", one.detail) for one in error.problems]
            raise Invalid(str(error), *details) from None
        return replace(found, name="").join()

    async def inspect(self, text: str, login: Credentials | None) -> Inspection:
        try:
            async with asyncio.timeout(INSPECT_S):
                return await self._inspect(await self.reach(text, login))
        except TimeoutError as error:
            raise SourceFailed(Cause.TIMEOUT, "the device takes too long to answer") from error

    async def picture(self, text: str, login: Credentials | None) -> bytes:
        """What the device sees now, as JPEG: its smallest still, which is enough to tell cameras apart."""
        try:
            async with asyncio.timeout(INSPECT_S):
                device = await self.reach(text, login)
                profiles = [one for one in (await device.list_profiles())[:MOST_STREAMS] if one.codec]
                smallest = min(profiles, key=lambda one: one.pixels, default=None)
                url = await device.find_snapshot(smallest) if smallest else None
                picture = await device.fetch(url, MOST_PICTURE_BYTES) if url else b""
        except TimeoutError as error:
            raise SourceFailed(Cause.TIMEOUT, "the device takes too long to answer") from error
        if not picture.startswith(JPEG):
            raise SourceFailed(Cause.NOT_A_CAMERA, "the device gives no picture")
        return picture

    async def _inspect(self, device: OnvifDevice) -> Inspection:
        information = await device.ask_information()
        mac = await device.find_mac() or await self.mac_at(device.address)
        found: dict[SourceUrl, StreamOffer] = {}
        for profile in (await device.list_profiles())[:MOST_STREAMS]:
            if offer := await _offer(device, profile):
                found.setdefault(offer.url, offer)
        offers = list(found.values())
        main, sub = choose(offers)
        offset_ms = device.offset_ms if self._trusted() else None
        return Inspection(
            address=device.address,
            service_url=device.service_url,
            information=information,
            mac=mac,
            offset_ms=offset_ms,
            by_ntp=device.time.by_ntp,
            streams=offers,
            main=main,
            sub=sub,
            warnings=self._warnings(offset_ms, main, sub),
        )

    async def mac_at(self, address: str) -> str:
        """What the kernel has learned by talking to it; empty beyond the box's own networks."""
        return clean_mac((await asyncio.to_thread(neighbours)).get(address, ""))

    def offset_of(self, device: OnvifDevice) -> int | None:
        return device.offset_ms if self._trusted() else None

    def _warnings(self, offset_ms: int | None, main: StreamOffer | None, sub: StreamOffer | None) -> Sequence[str]:
        found = [] if main is None else list(_stream_warnings(main, sub))
        if offset_ms is not None and abs(offset_ms) > self._rules.clock_offset_s * 1000:
            found.append("clock_off")
        return [*found, *(["no_stream"] if main is None else [])]


def _matches(datagrams: Sequence[Datagram], ids: Sequence[str]) -> Sequence[Match]:
    """What is nonsense is left out."""
    found: list[Match] = []
    for one in datagrams:
        with suppress(Malformed):
            found += matches_of(one.content, one.source, ids)
    return found


def _places(text: str) -> Sequence[SourceUrl]:
    """Of an address, of one with a port, of a whole URL."""
    if "://" in text:
        return [_parsed(text)]
    plain = f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text
    named = _parsed(f"http://{plain}{DEVICE_PATH}")
    return [named] if named.port else [replace(named, port=port) for port in PORTS]


def _parsed(text: str) -> SourceUrl:
    try:
        url = parse(text, "http")
    except Invalid as error:
        details = [FieldProblem("/address", one.detail) for one in error.problems]
        raise Invalid(str(error), *details) from None
    if url.username is not None:
        raise Invalid("the address was refused", FieldProblem("/address", "user and password have their own fields"))
    return url if urlsplit(url.rest).path.strip("/") else replace(url, rest=DEVICE_PATH)


async def _offer(device: OnvifDevice, profile: Profile) -> StreamOffer | None:
    """None for a profile without video, and for an address nobody could call."""
    place = await device.find_stream(profile) if profile.codec else None
    if place is None:
        return None
    try:
        return StreamOffer(profile, _at(device.address, place), _elsewhere(device.address, place.host))
    except Invalid:
        return None


def _at(address: str, place: StreamPlace) -> SourceUrl:
    host = f"[{address}]" if ":" in address else address
    port = f":{place.port}" if place.port else ""
    return parse(f"rtsp://{host}{port}{place.rest}", "rtsp")


def _elsewhere(address: str, host: str) -> str:
    return "" if host in ("", address, "0.0.0.0") else host[:100]  # noqa: S104 - what some cameras call themselves


def choose(offers: Sequence[StreamOffer]) -> tuple[StreamOffer | None, StreamOffer | None]:
    """The largest to be recorded; for live tiles a smaller one that browsers play, the best up to 720p."""
    if not offers:
        return None, None
    main = max(offers, key=lambda one: one.profile.pixels)
    smaller = [
        one for one in offers if one.url.rest != main.url.rest and one.profile.pixels < (main.profile.pixels or 1)
    ]
    return main, max(smaller, key=_fitness, default=None)


def _fitness(offer: StreamOffer) -> tuple[bool, bool, int]:
    pixels = offer.profile.pixels
    fits = pixels <= SMALL_PIXELS
    return offer.profile.codec == "h264", fits, pixels if fits else -pixels


def _stream_warnings(main: StreamOffer, sub: StreamOffer | None) -> Sequence[str]:
    live = sub or main
    gop_s = (main.profile.gop or 0) / (main.profile.fps or 25)
    found = {
        "h265_browser": live.profile.codec == "h265",
        "mjpeg_no_live": main.profile.codec == "mjpeg",
        "no_substream": sub is None,
        "audio_g711_hls": main.profile.audio in G711,
        "gop_long": gop_s > GOP_LONG_S,
        "stream_elsewhere": bool(main.elsewhere),
    }
    return [code for code, applies in found.items() if applies]
