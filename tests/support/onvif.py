"""ONVIF devices on real sockets: they answer searches by multicast and questions by HTTP, and lie when told to."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from tests.support.sources import jpeg
from vmsd.vendors.ws_discovery import GROUP

LOOPBACK = "127.0.0.1"
SEARCH_S = 0.6
CAPITAL = re.compile(r"(?<!^)([A-Z])")
ENVELOPE = """<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" \
xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl" \
xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:ter="http://www.onvif.org/ver10/error"><s:Body>{}</s:Body></s:Envelope>"""
FAULT = "<s:Fault><s:Code><s:Value>s:{}</s:Value><s:Subcode><s:Value>ter:{}</s:Value></s:Subcode></s:Code></s:Fault>"
MATCH = """<?xml version="1.0"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" \
xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" \
xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><e:Header><w:RelatesTo>{to}</w:RelatesTo></e:Header><e:Body>\
<d:ProbeMatches><d:ProbeMatch><w:EndpointReference><w:Address>urn:uuid:{endpoint}</w:Address></w:EndpointReference>\
<d:Types>dn:NetworkVideoTransmitter</d:Types><d:Scopes>onvif://www.onvif.org/name/{name} \
onvif://www.onvif.org/hardware/{hardware}</d:Scopes><d:XAddrs>{xaddrs}</d:XAddrs></d:ProbeMatch></d:ProbeMatches>\
</e:Body></e:Envelope>"""
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
    + "".join(f'<!ENTITY lol{n} "{f"&lol{n - 1 or str()};" * 10}">' for n in range(1, 10))
    + "]><lolz>&lol9;</lolz>"
)


@dataclass
class OnvifDevice:
    """`host` is an address of loopback. `lies` are answers given instead of the true ones, by the question's name.

    `streams` are path and height of each profile, at `rtsp_port`; `named_host` is the host it names in all its
    addresses. `login` is user and password, proved by UsernameToken, or by HTTP when `by_http` names schemes.
    """

    host: str = "127.0.0.2"
    name: str = "Portaria"
    serial: str = "SN-0001"
    mac: str = "02:00:5e:00:00:01"
    rtsp_port: int = 554
    streams: tuple[tuple[str, int], ...] = (("/live", 1080), ("/sub", 360))
    codec: str = "H264"
    login: tuple[str, str] | None = ("admin", "segredo da câmera")
    by_http: tuple[str, ...] = ()
    named_host: str = ""
    xaddrs: str = ""
    clock_ahead_s: float = 0
    by_ntp: bool = False
    endpoint: str = "5f5a69c2-e0ae-504f-829b-0002d1000001"
    lies: dict[str, str | bytes | web.StreamResponse | Callable[[web.Request], Any]] = field(default_factory=dict)
    silent: bool = False
    port: int = 0
    asked: list[str] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    """Every request as it came, headers too."""
    authorized: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.place}/onvif/device_service"

    @property
    def said_by(self) -> str:
        return self.named_host or self.host

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 20)
        app.router.add_post("/onvif/{service}", self.answer)
        app.router.add_get("/picture.jpg", self.picture)
        return app

    async def picture(self, request: web.Request) -> web.Response:
        return web.Response(body=jpeg(7), content_type="image/jpeg")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = (await request.read()).decode()
        self.heard.append(f"{dict(request.headers)}\n{body}".encode())
        found = re.search(r"<q:(\w+) ", body)
        question = found[1] if found else "?"
        self.asked.append(question)
        if question in self.lies or "*" in self.lies:
            return await self._lie(request, self.lies.get(question, self.lies.get("*")))
        if question != "GetSystemDateAndTime" and (refused := self._refused(request, body)):
            return refused
        text = getattr(self, "_" + CAPITAL.sub(r"_\1", question).lower(), self._unknown)(body)
        return web.Response(text=ENVELOPE.format(text), content_type="application/soap+xml")

    async def _lie(self, request: web.Request, lie: Any) -> web.StreamResponse:
        if callable(lie):
            answer: web.StreamResponse = await lie(request)
            return answer
        return web.Response(body=lie if isinstance(lie, bytes) else lie.encode(), content_type="text/xml")

    def _refused(self, request: web.Request, body: str) -> web.Response | None:
        if self.login is None:
            return None
        if self.by_http:
            given = request.headers.get("Authorization", "")
            self.authorized.append(given)
            if given.startswith("Digest ") and self._digest_fits(given, request):
                return None
            challenges = {"digest": 'Digest realm="cam", nonce="n1", qop="auth"', "basic": 'Basic realm="cam"'}
            answer = web.Response(status=401)
            for scheme in self.by_http:
                answer.headers.add("WWW-Authenticate", challenges[scheme])
            return answer
        if self._token_fits(body):
            return None
        return web.Response(status=400, text=ENVELOPE.format(FAULT.format("Sender", "NotAuthorized")))

    def _token_fits(self, body: str) -> bool:
        """As a strict camera does it: a digest, and not older or newer than a minute by its own clock."""
        found = {
            name: re.search(rf"<\w:{name}(?: [^>]*)?>([^<]*)<", body)
            for name in ("Username", "Password", "Nonce", "Created")
        }
        if not all(found.values()) or self.login is None:
            return False
        said = {name: one[1] for name, one in found.items() if one}
        created = datetime.strptime(said["Created"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        if abs(created - self.now()) > timedelta(minutes=1):
            return False
        raw = base64.b64decode(said["Nonce"]) + said["Created"].encode() + self.login[1].encode()
        return (
            said["Username"] == self.login[0]
            and said["Password"] == base64.b64encode(hashlib.sha1(raw, usedforsecurity=False).digest()).decode()
        )

    def _digest_fits(self, given: str, request: web.Request) -> bool:
        assert self.login is not None
        said = {key: quoted or bare for key, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', given)}

        def md5(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        secret, asked = md5(f"{self.login[0]}:cam:{self.login[1]}"), md5(f"{request.method}:{request.path_qs}")
        return said.get("response") == md5(f"{secret}:n1:{said['nc']}:{said['cnonce']}:auth:{asked}")

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.clock_ahead_s)

    def _get_system_date_and_time(self, body: str) -> str:
        at = self.now()
        return (
            "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>"
            f"<tt:DateTimeType>{'NTP' if self.by_ntp else 'Manual'}</tt:DateTimeType>"
            "<tt:DaylightSavings>false</tt:DaylightSavings><tt:TimeZone><tt:TZ>BRT3</tt:TZ></tt:TimeZone><tt:UTCDateTime>"
            f"<tt:Time><tt:Hour>{at.hour}</tt:Hour><tt:Minute>{at.minute}</tt:Minute><tt:Second>{at.second}</tt:Second>"
            f"</tt:Time><tt:Date><tt:Year>{at.year}</tt:Year><tt:Month>{at.month}</tt:Month><tt:Day>{at.day}</tt:Day>"
            "</tt:Date></tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
        )

    def _set_system_date_and_time(self, body: str) -> str:
        numbers = [
            re.search(rf"<tt:{name}>(\d+)<", body) for name in ("Year", "Month", "Day", "Hour", "Minute", "Second")
        ]
        year, month, day, hour, minute, second = (int(one[1]) for one in numbers if one)
        wanted = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        self.clock_ahead_s = (wanted - datetime.now(UTC)).total_seconds()
        assert "<tt:TZ>BRT3</tt:TZ>" in body
        return "<tds:SetSystemDateAndTimeResponse/>"

    def _get_device_information(self, body: str) -> str:
        return (
            "<tds:GetDeviceInformationResponse><tds:Manufacturer>Câmeras do Sul</tds:Manufacturer>"
            f"<tds:Model>CS-2</tds:Model><tds:FirmwareVersion>1.0.3</tds:FirmwareVersion>"
            f"<tds:SerialNumber>{self.serial}</tds:SerialNumber></tds:GetDeviceInformationResponse>"
        )

    def _get_network_interfaces(self, body: str) -> str:
        return (
            '<tds:GetNetworkInterfacesResponse><tds:NetworkInterfaces token="eth0"><tt:Enabled>true</tt:Enabled>'
            f"<tt:Info><tt:HwAddress>{self.mac.upper().replace(':', '-')}</tt:HwAddress></tt:Info>"
            "</tds:NetworkInterfaces></tds:GetNetworkInterfacesResponse>"
        )

    def _get_endpoint_reference(self, body: str) -> str:
        name = f"<tds:GUID>urn:uuid:{self.endpoint}</tds:GUID>"
        return f"<tds:GetEndpointReferenceResponse>{name}</tds:GetEndpointReferenceResponse>"

    def _get_capabilities(self, body: str) -> str:
        return (
            "<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Media>"
            f"<tt:XAddr>http://{self.said_by}:{self.port}/onvif/media</tt:XAddr></tt:Media></tds:Capabilities>"
            "</tds:GetCapabilitiesResponse>"
        )

    def _get_profiles(self, body: str) -> str:
        return (
            "<trt:GetProfilesResponse>"
            + "".join(map(self._profile, range(len(self.streams))))
            + "</trt:GetProfilesResponse>"
        )

    def _profile(self, number: int) -> str:
        height = self.streams[number][1]
        return (
            f'<trt:Profiles token="P{number}" fixed="true"><tt:Name>Perfil {number}</tt:Name>'
            f"<tt:VideoEncoderConfiguration><tt:Encoding>{self.codec}</tt:Encoding><tt:Resolution>"
            f"<tt:Width>{height * 16 // 9}</tt:Width><tt:Height>{height}</tt:Height></tt:Resolution>"
            "<tt:RateControl><tt:FrameRateLimit>15</tt:FrameRateLimit><tt:BitrateLimit>2048</tt:BitrateLimit>"
            "</tt:RateControl><tt:H264><tt:GovLength>30</tt:GovLength></tt:H264></tt:VideoEncoderConfiguration></trt:Profiles>"
        )

    def _get_stream_uri(self, body: str) -> str:
        found = re.search(r"ProfileToken>P(\d)<", body)
        path = self.streams[int(found[1]) if found else 0][0]
        return (
            "<trt:GetStreamUriResponse><trt:MediaUri>"
            f"<tt:Uri>rtsp://{self.said_by}:{self.rtsp_port}{path}</tt:Uri></trt:MediaUri></trt:GetStreamUriResponse>"
        )

    def _get_snapshot_uri(self, body: str) -> str:
        uri = f"http://{self.said_by}:{self.port}/picture.jpg"
        place = f"<trt:MediaUri><tt:Uri>{uri}</tt:Uri></trt:MediaUri>"
        return f"<trt:GetSnapshotUriResponse>{place}</trt:GetSnapshotUriResponse>"

    def _unknown(self, body: str) -> str:
        return FAULT.format("Receiver", "ActionNotSupported")

    def match(self, probe: bytes) -> bytes:
        """What it answers to a search."""
        to = re.search(rb"<w:MessageID>([^<]*)<", probe)
        return MATCH.format(
            to=to[1].decode() if to else "",
            endpoint=self.endpoint,
            name=self.name.replace(" ", "%20"),
            hardware="CS-2",
            xaddrs=self.xaddrs or self.url,
        ).encode()


class _Ear:
    """Hears searches on the group's address, and has each device answer from its own."""

    def __init__(self, net: OnvifNetwork) -> None:
        self._net = net

    def connection_made(self, transport: Any) -> None: ...

    def connection_lost(self, error: Exception | None) -> None: ...

    def error_received(self, error: Exception) -> None: ...

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._net.searched += 1
        for device in self._net.devices:
            if not device.silent:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
                    mouth.bind((device.host, 0))
                    for answer in self._net.answers(device, data):
                        mouth.sendto(answer, addr)


@dataclass
class OnvifNetwork:
    """Devices that can be found at `discovery_port`; `noise` is what each sends besides."""

    discovery_port: int = 0
    devices: list[OnvifDevice] = field(default_factory=list)
    noise: list[bytes] = field(default_factory=list)
    searched: int = 0
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _runners: dict[str, web.AppRunner] = field(default_factory=dict)

    @property
    def rules(self) -> dict[str, Any]:
        """The section `cameras` of a box that may search here."""
        return {
            "networks": ["127.0.0.0/8"],
            "interfaces": ["lo"],
            "discovery_port": self.discovery_port,
            "search_s": SEARCH_S,
        }

    def answers(self, device: OnvifDevice, probe: bytes) -> list[bytes]:
        return [*self.noise, device.match(probe)]

    async def add(self, device: OnvifDevice) -> OnvifDevice:
        """It is there from now on, at a free port of its address."""
        runner = self._runners[device.host] = web.AppRunner(device.app(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, device.host, device.port).start()
        device.port = runner.addresses[0][1]
        self.devices.append(device)
        return device

    async def remove(self, device: OnvifDevice) -> None:
        self.devices.remove(device)
        await self._runners.pop(device.host).cleanup()

    async def move(self, device: OnvifDevice, host: str) -> None:
        """The same device at another address."""
        await self.remove(device)
        device.host = host
        await self.add(device)


@asynccontextmanager
async def onvif_network() -> AsyncIterator[OnvifNetwork]:
    net = OnvifNetwork()
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.bind((GROUP, 0))
    net.discovery_port = ear.getsockname()[1]
    ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton(LOOPBACK))
    ear.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Ear(net), sock=ear)  # type: ignore[arg-type,return-value]
    try:
        async with net._stack:
            yield net
    finally:
        transport.close()
