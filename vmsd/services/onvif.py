"""A conversation with one ONVIF device: its address was checked, and whatever it answers it is called nowhere else.

The password is never said: it is proved by digest, as a UsernameToken or as the device's HTTP server wants it. One that
wants it in clear is refused.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from vmsd.clock import Clock
from vmsd.errors import Malformed, SourceFailed
from vmsd.host.camera_http import CameraHttp, HttpAnswer
from vmsd.model.state import Cause
from vmsd.services.camera_hosts import CameraHosts
from vmsd.vendors import onvif, onvif_answers
from vmsd.vendors.onvif import Question
from vmsd.vendors.onvif_answers import DeviceTime, Information, Profile, StreamPlace
from vmsd.vendors.plain_xml import Element
from vmsd.vendors.urls import parse
from vmsd.vendors.ws_discovery import beside, endpoint_of, service_at
from vmsd.video.rtsp_auth import Credentials, answer
from vmsd.video.socket_failures import failure_of_socket

DEVICE_PATH = "/onvif/device_service"
UNAUTHORIZED = 401
HALF_SECOND_MS = 500
"""A device says whole seconds: on the average it is half of one later."""
MOST_STREAMS = 8


class OnvifDevice:
    """`service_url` names an address, no name. Everything raises `SourceFailed`; `Invalid` where the box may not call.

    `offset_ms` is how far the device's clock is ahead, once `ask_time` has been answered, `time` what it has answered.
    """

    def __init__(
        self, http: CameraHttp, hosts: CameraHosts, service_url: str, login: Credentials | None, clock: Clock
    ) -> None:
        self.service_url = service_url
        self.address = urlsplit(service_url).hostname or ""
        self.time = DeviceTime(None, by_ntp=False, zone="", daylight=False)
        self.offset_ms: int | None = None
        self._http = http
        self._hosts = hosts
        self._login = login
        self._clock = clock
        self._challenges: Sequence[str] = ()
        self._media: str | None = None

    async def ask_time(self) -> None:
        """The first thing to ask: proofs of the password are dated by the device's own clock."""
        before_ms = self._clock.wall_ms()
        self.time = onvif_answers.time_of(await self.ask(onvif.TIME, openly=True))
        middle_ms = (before_ms + self._clock.wall_ms()) // 2
        said_ms = self.time.utc_ms
        self.offset_ms = None if said_ms is None else said_ms + HALF_SECOND_MS - middle_ms

    async def ask_information(self, *, openly: bool = False) -> Information:
        return onvif_answers.information_of(await self.ask(onvif.INFORMATION, openly=openly))

    async def find_mac(self) -> str:
        """Empty for a device that does not say it."""
        body = await self._find(onvif.INTERFACES, refusable=True)
        return onvif_answers.mac_of(body) if body else ""

    async def find_endpoint(self) -> str:
        body = await self._find(onvif.ENDPOINT, refusable=True)
        return endpoint_of(body.text_of("GUID")) if body else ""

    async def set_time(self, utc_ms: int) -> None:
        """Its zone stays as it has said."""
        await self.ask(onvif.set_time(utc_ms, self.time.zone, daylight=self.time.daylight))

    async def list_profiles(self) -> Sequence[Profile]:
        """Of the newer media service where it has one, which alone tells of H.265."""
        services = await self._media_services()
        for namespace, question in ((onvif.MEDIA2, onvif.PROFILES2), (onvif.MEDIA, onvif.PROFILES)):
            if namespace in services and (body := await self._find(question, services[namespace])):
                self._media = services[namespace]
                if found := onvif_answers.profiles_of(body, namespace):
                    return found
        return ()

    async def find_stream(self, profile: Profile) -> StreamPlace | None:
        """Where the device says the stream is; only behind `list_profiles`."""
        body = await self._find(onvif.stream_uri(profile.service, profile.token), self._media)
        with suppress(Malformed):
            return onvif_answers.stream_place(body) if body else None
        return None

    async def find_snapshot(self, profile: Profile) -> str | None:
        """The address of a still, at this device."""
        body = await self._find(onvif.snapshot_uri(profile.service, profile.token), self._media)
        return service_at(onvif_answers.uri_of(body), self.address) if body else None

    async def fetch(self, url: str, most_bytes: int) -> bytes:
        """What lies at an address of this device."""
        found = await self._send(url, None, {}, most_bytes)
        if found.status != 200:  # noqa: PLR2004 - OK
            raise SourceFailed(Cause.NOT_A_CAMERA, "the device does not give it")
        return found.body

    async def _media_services(self) -> Mapping[str, str]:
        """Each where the device has answered: one behind a router names addresses nobody reaches from here."""
        for question in (onvif.SERVICES, onvif.CAPABILITIES):
            body = await self._find(question)
            named = onvif_answers.media_services(body) if body else {}
            found = {one: url for one, text in named.items() if (url := beside(text, self.service_url))}
            if found:
                return found
        raise SourceFailed(Cause.NOT_A_CAMERA, "the device has no video to offer")

    async def _find(self, question: Question, url: str | None = None, *, refusable: bool = False) -> Element | None:
        """None from a device that does not know the question, or answers nonsense.

        `refusable` is what some tell their administrators alone.
        """
        try:
            return await self.ask(question, url)
        except SourceFailed as error:
            if error.cause == Cause.NOT_A_CAMERA or (refusable and error.cause == Cause.WRONG_PASSWORD):
                return None
            raise

    async def ask(self, question: Question, url: str | None = None, *, openly: bool = False) -> Element:
        """`openly`: without a proof of the password, and with one where the device wants it all the same."""
        body = await self._put(question, url or self.service_url, proved=not openly and self._login is not None)
        if openly and self._login is not None and body is None:
            body = await self._put(question, url or self.service_url, proved=True)
        if body is None:
            raise SourceFailed(Cause.WRONG_PASSWORD, "the device refuses this user and password")
        if onvif_answers.is_fault(body):
            raise SourceFailed(Cause.NOT_A_CAMERA, "the device does not answer this question")
        return body

    async def _put(self, question: Question, url: str, *, proved: bool) -> Element | None:
        """None for a device that wants another user or password."""
        header = self._token(self._login) if proved and self._login else ""
        headers = {"Content-Type": f'application/soap+xml; charset=utf-8; action="{question.action}"'}
        found = await self._send(url, question.envelope(header), headers, proved=proved)
        if found.status == UNAUTHORIZED:
            return None
        try:
            body = onvif_answers.body_of(found.body)
        except Malformed as error:
            raise SourceFailed(Cause.NOT_A_CAMERA, "what answers there is no ONVIF device") from error
        return None if onvif_answers.is_fault(body) and onvif_answers.is_refusal(body) else body

    def _token(self, login: Credentials) -> str:
        device_ms = self._clock.wall_ms() + (self.offset_ms or 0)
        nonce = secrets.token_bytes(onvif.NONCE_BYTES)
        return onvif.username_token(login.username, login.password, device_ms, nonce)

    async def _send(
        self,
        url: str,
        body: bytes | None,
        headers: dict[str, str],
        most_bytes: int | None = None,
        *,
        proved: bool = True,
    ) -> HttpAnswer:
        """Once more, with the proof its HTTP server wants, where that has just challenged us."""
        found = await self._call(url, body, headers | self._authorization(url, body, proved=proved), most_bytes)
        digests = [one for one in found.challenges if one.lower().startswith("digest ")]
        if found.status == UNAUTHORIZED and proved and digests:
            self._challenges = digests
            found = await self._call(url, body, headers | self._authorization(url, body, proved=proved), most_bytes)
        return found

    def _authorization(self, url: str, body: bytes | None, *, proved: bool) -> dict[str, str]:
        if not proved or self._login is None or not self._challenges:
            return {}
        split = urlsplit(url)
        target = (split.path or "/") + (f"?{split.query}" if split.query else "")
        said = answer(self._challenges, self._login, "GET" if body is None else "POST", target)
        return {"Authorization": said} if said and said.startswith("Digest ") else {}

    async def _call(
        self, url: str, body: bytes | None, headers: Mapping[str, str], most_bytes: int | None
    ) -> HttpAnswer:
        """The address is checked at each call: the box's own addresses change."""
        self._hosts.locate(parse(url, "http"))
        limit = {} if most_bytes is None else {"most_bytes": most_bytes}
        try:
            found = await self._http.ask(url, body, headers, **limit)
        except OSError as error:
            raise failure_of_socket(error) from error
        if 300 <= found.status < 400:  # noqa: PLR2004 - redirects
            raise SourceFailed(Cause.REDIRECTS, "the device sends the box elsewhere")
        return found
