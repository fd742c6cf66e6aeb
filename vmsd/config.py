"""Everything that can be set: one TOML file, checked whole before anything starts."""

from __future__ import annotations

import re
import tomllib
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from vmsd.errors import BadSetting
from vmsd.model.destination import Topic

GIB = 1024**3
MIB = 1024**2

Port = Annotated[int, Field(ge=1, le=65535)]
Ratio = Annotated[float, Field(gt=0, lt=1)]
_ORIGIN = re.compile(r"(https?)://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?")
_USUAL_PORT = {"http": ":80", "https": ":443"}


def _origin(text: str) -> str:
    """Another site, written as browsers write it: small letters, no port where it is the usual one."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None or int(match[2] or 1) > 65535:  # noqa: PLR2004 - the last port
        raise ValueError("must be http:// or https:// and one host, at most with a port: no path, no pattern")
    return match[0].removesuffix(_USUAL_PORT[match[1]])


Origin = Annotated[str, Field(max_length=300), AfterValidator(_origin)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Site(Section):
    name: str = Field("vmsd", min_length=1, max_length=100)
    time_zone: str = "America/Sao_Paulo"
    language: Literal["pt_BR", "en"] = "pt_BR"

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone called {name!r}") from error
        return name


class Http(Section):
    """`keepalive_s` is also the deadline for a request's headers; `body_bytes` limits JSON bodies.

    `connections_per_address` does not count for loopback, where a proxy may speak for many. Pages of the sites in
    `cors_origins` may use the API with a token of their own; no other site's may. A login lasts so long without a
    request, those an open page makes by itself included, and so long at all; `session_admin_` is for all but a USER.
    """

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    keepalive_s: float = Field(5, gt=0, le=300)
    body_bytes: int = Field(MIB, ge=1024, le=64 * MIB)
    body_deadline_s: float = Field(15, gt=0, le=300)
    connections: int = Field(1000, ge=10)
    connections_per_address: int = Field(200, ge=10)
    session_idle_s: int = Field(12 * 3600, ge=60)
    session_absolute_s: int = Field(24 * 3600, ge=60)
    session_admin_idle_s: int = Field(1800, ge=60)
    session_admin_absolute_s: int = Field(8 * 3600, ge=60)
    cors_origins: tuple[Origin, ...] = Field((), max_length=64)


class Rate(Section):
    """At most `burst` at once, and `per_s` in the long run."""

    per_s: float = Field(gt=0, le=10_000)
    burst: int = Field(ge=1, le=1_000_000)


class Rates(Section):
    """How often one caller may ask, by what it costs; people who are not logged in are counted by address.

    `media` is stills and live video, `heavy` what takes the box long, `login` where a password is tried, `webhook`
    what cameras and programs report.
    """

    read: Rate = Rate(per_s=500, burst=10_000)
    write: Rate = Rate(per_s=100, burst=4000)
    heavy: Rate = Rate(per_s=5, burst=200)
    login: Rate = Rate(per_s=10, burst=200)
    media: Rate = Rate(per_s=1000, burst=4000)
    webhook: Rate = Rate(per_s=500, burst=10_000)


class Https(Section):
    """While it is on, `[http]` serves loopback alone and redirects everybody else.

    An empty `host` is every address. `public_port` is where browsers find it when something in between forwards.
    `names` are more names for the certificate the box makes. `certificate` and `key` say where the operator's own
    are; without them they are looked for as `tls/certificate.pem` and `tls/key.pem` in `data_dir`.
    """

    enabled: bool = True
    host: str = ""
    port: int = Field(8443, ge=0, le=65535)
    public_port: Port | None = None
    names: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Https:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key come together")
        for file in (self.certificate, self.key):
            if file is not None and not file.is_absolute():
                raise ValueError("certificate and key must be absolute paths")
        return self


class Mdns(Section):
    """The name, without `.local`, the box has on its network; said on the named interfaces, on all when none is.

    Off unless asked for: a box does not speak to a network on its own.
    """

    enabled: bool = False
    name: str = Field("vmsd", pattern=r"^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$")
    interfaces: tuple[str, ...] = ()


class MediaMtx(Section):
    """Where MediaMTX listens; the rendered file says the same to MediaMTX. Ports on loopback but `rtmp`.

    `webrtc_port` is where calls are set up; the pictures travel as `[webrtc]` says. Low latency takes seven
    `hls_segments` at least: a smaller number counts as seven.
    """

    api_port: Port = 9997
    metrics_port: Port = 9998
    hls_port: Port = 8888
    webrtc_port: Port = 8889
    rtsp_port: Port = 8554
    rtmp_port: Port = 1935
    rtmp_host: str = ""
    deadline_s: float = Field(5, gt=0, le=30)
    answer_bytes: int = Field(8 * MIB, ge=MIB)
    segment_s: int = Field(1800, ge=2, le=86400)
    hls_segment_s: float = Field(2, ge=0.5, le=10)
    hls_segments: int = Field(7, ge=3, le=20)
    hls_part_ms: int = Field(200, ge=100, le=1000)


class WebRtc(Section):
    """Live pictures with the least delay, straight from MediaMTX to the browser: over UDP, or TCP, at `port`.

    An empty `host` is every address, each of which browsers are told to try, of the named `interfaces` alone when
    there are any; a `host` is the only one. `hosts` are more to try: those of a router that forwards the port.
    `sessions` may be open at once, and so many by one person.
    """

    enabled: bool = True
    host: str = Field("", pattern=r"^[0-9.]*$")
    port: Port = 8189
    hosts: tuple[Annotated[str, Field(pattern=r"^[0-9A-Za-z.:-]{1,253}$")], ...] = Field((), max_length=16)
    interfaces: tuple[Annotated[str, Field(pattern=r"^[^\s/]{1,15}$")], ...] = Field((), max_length=16)
    sessions: int = Field(500, ge=1)
    sessions_per_person: int = Field(100, ge=1)

    @field_validator("host")
    @classmethod
    def _is_address(cls, host: str) -> str:
        if host:
            IPv4Address(host)
        return host


class Disk(Section):
    """The breaker opens over `breaker_used` or under the headroom; the sweeper starts at `sweep_used`."""

    breaker_used: Ratio = 0.95
    breaker_closes_used: Ratio = 0.93
    sweep_used: Ratio = 0.90
    headroom_bytes: int = Field(GIB, ge=0)
    headroom_hours: float = Field(1, ge=0, le=168)
    ballast_bytes: int = Field(64 * MIB, ge=0)
    must_be_mount: bool = False
    sweep_every_s: float = Field(60, ge=1, le=3600)
    purge_batch: int = Field(64, ge=1, le=10_000)
    purge_cap: int = Field(2_000, ge=1, le=100_000)


class CameraRules(Section):
    """`networks` lists where cameras may live besides the ordinary networks.

    Loopback, link-local and the box's own addresses are refused unless listed here; its own ports always are.
    """

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    probe_deadline_s: float = Field(5, gt=0, le=30)
    health_every_s: float = Field(60, gt=0)
    stall_s: float = Field(5, gt=0, le=60)
    stills_every_s: float = Field(10, gt=0, le=3600)
    live_delay_s: float = Field(8, gt=0)


class Tunnel(Section):
    """A command that prints the URL of the tunnelled camera on its first line and runs while it is up.

    `{target}` in an argument is the camera's `tunnel_target`.
    """

    command: tuple[str, ...] = Field(min_length=1)


class LiveLimits(Section):
    """`waiting` are the requests of low-latency players for what is still to come: one or two of each at any time."""

    cache_bytes: int = Field(256 * MIB, ge=16 * MIB)
    object_bytes: int = Field(32 * MIB, ge=MIB)
    in_flight: int = Field(512, ge=1)
    in_flight_per_viewer: int = Field(48, ge=1)
    waiting: int = Field(4096, ge=1)
    waiting_per_viewer: int = Field(64, ge=1)
    streams: int = Field(2000, ge=1)
    streams_per_person: int = Field(400, ge=1)
    viewing_s: int = Field(60, ge=10, le=3600)
    sockets: int = Field(600, ge=1)
    sockets_per_person: int = Field(200, ge=1)


class Exports(Section):
    """A finished export is kept for `kept_days`. `queued` may be open per city, `at_once` are made at the same time.

    `days` and `cameras` are the most one may span; after `attempts` that the box itself broke off it has failed.
    """

    kept_days: int = Field(30, ge=1, le=366)
    days: int = Field(31, ge=1, le=35)
    cameras: int = Field(64, ge=1, le=500)
    queued: int = Field(100, ge=1, le=1000)
    at_once: int = Field(1, ge=1, le=4)
    attempts: int = Field(3, ge=1, le=10)


class Plates(Section):
    """Number plates that cameras and programs report.

    A report has at most `body_bytes`, its picture `image_bytes`; a signed one is at most `window_s` old. The same plate
    at the same camera within `same_s` counts as read once. `queued` reports may wait to be stored, `room_bytes` of
    them may be in memory at once. Pictures take `images_bytes` at most, the oldest go first. A plate is made anonymous
    `anonymous_after_days` after it was received, what is left of it deleted after `deleted_after_days`; for
    `linked_days` two readings of one plate can still be told to be of the same one.
    """

    body_bytes: int = Field(8 * MIB, ge=64 * 1024, le=64 * MIB)
    image_bytes: int = Field(4 * MIB, ge=16 * 1024, le=32 * MIB)
    images_bytes: int = Field(2 * GIB, ge=MIB)
    window_s: int = Field(300, ge=10, le=3600)
    same_s: int = Field(10, ge=0, le=600)
    queued: int = Field(2000, ge=1, le=100_000)
    room_bytes: int = Field(32 * MIB, ge=MIB)
    anonymous_after_days: int = Field(30, ge=1, le=365)
    linked_days: int = Field(180, ge=1, le=3660)
    deleted_after_days: int = Field(365, ge=1, le=3660)


class Alerts(Section):
    """When the box raises an alert by itself.

    A camera that is to be recorded and of which no byte has reached the disk for `not_recording_minutes`; it is over
    when bytes have come for `recovered_minutes` without a pause as long. When `many_cameras` of a city and half of them
    have stopped they are told as one. News that could not be handed over for `backlog_minutes`. So many
    `refused_logins` within ten minutes. One that is closed is kept for `kept_days`.
    """

    not_recording_minutes: float = Field(5, ge=0.1, le=1440)
    recovered_minutes: float = Field(2, ge=0, le=60)
    many_cameras: int = Field(5, ge=2, le=1000)
    backlog_minutes: float = Field(15, ge=1, le=1440)
    refused_logins: int = Field(30, ge=5, le=1000)
    kept_days: int = Field(730, ge=30, le=3660)


class Integrity(Section):
    """Every night at `at`, by the site's own time, disk and database are compared, and recordings read again.

    Read is `bytes_per_s` at most, and for `hours` at most: the next night goes on where this one ended.
    """

    at: str = Field("03:30", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    bytes_per_s: int = Field(20 * MIB, ge=MIB)
    hours: float = Field(4, gt=0, le=20)


class OutboxRules(Section):
    """News for other programs waits for them, over all cities, up to `items` and `bytes`; then the oldest is counted.

    Where they may live: anywhere but on this machine, in `networks` in any case. Unencrypted ones (`http`, `amqp`)
    are refused unless they have an address in a private network and `plain_in_lan` is on. After a failure it is tried
    again after `retry_first_s`, then twice that, up to `retry_most_s`; one that comes back gets `webhook_per_s` a
    second more than what is new. `ca_file` is one more authority whose certificates count, in PEM.
    """

    items: int = Field(200_000, ge=100, le=1_000_000)
    bytes: int = Field(100 * MIB, ge=100_000, le=1024 * MIB)
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    plain_in_lan: bool = False
    deadline_s: float = Field(10, gt=0, le=60)
    retry_first_s: float = Field(1, gt=0, le=60)
    retry_most_s: float = Field(900, ge=1, le=86_400)
    webhook_per_s: float = Field(10, gt=0, le=1000)
    destinations: int = Field(20, ge=1, le=200)
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _whole_path(self) -> OutboxRules:
        if self.ca_file is not None and not self.ca_file.is_absolute():
            raise ValueError("ca_file must be an absolute path")
        return self


class Amqp(Section):
    """One broker that gets the news of every city: `amqps://user@host/vhost`.

    The password is the content of `password_file`, or of a systemd credential named `amqp.password`.
    """

    url: str | None = Field(None, pattern=r"^amqps?://[^\s]+$", max_length=500)
    password_file: Path | None = None
    topics: tuple[Topic, ...] = Field(("deteccoes.lpr",), min_length=1)

    @model_validator(mode="after")
    def _no_password(self) -> Amqp:
        if self.url and "@" in self.url and ":" in self.url.split("://", 1)[1].rsplit("@", 1)[0]:
            raise ValueError("url holds no password: that is in password_file")
        if self.password_file is not None and not self.password_file.is_absolute():
            raise ValueError("password_file must be an absolute path")
        return self


class Push(Section):
    """Alerts on people's own browsers, through the push services of the browsers' makers: needs the internet.

    `contact` is whom such a service may write to about this box, `mailto:` or `https:`. `services` are the hosts of
    the push services the box will call, `*.` before one for all below it. What is older than `kept_s` is not sent.
    """

    enabled: bool = False
    contact: str = Field("", pattern=r"^$|^(mailto:[^\s@]+@[^\s@]+|https://\S+)$", max_length=200)
    services: tuple[str, ...] = (
        "fcm.googleapis.com",
        "updates.push.services.mozilla.com",
        "web.push.apple.com",
        "*.notify.windows.com",
    )
    kept_s: int = Field(3600, ge=60, le=86_400)
    each: int = Field(10, ge=1, le=50)

    @model_validator(mode="after")
    def _somebody(self) -> Push:
        if self.enabled and not self.contact:
            raise ValueError("contact is needed: push services want to know whom to write to")
        return self


class Map(Section):
    """`tiles` is a map in one file on the box (MBTiles with pictures); without one the map is a plain grid."""

    tiles: Path | None = None

    @field_validator("tiles")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_absolute():
            raise ValueError("must be an absolute path")
        return path


class Settings(Section):
    """Where things lie.

    `data_dir` holds the database and the keys, `recordings_dir` the video (on the appliance another file
    system), `runtime_dir` what need not survive a boot (tmpfs).
    """

    data_dir: Path
    recordings_dir: Path
    runtime_dir: Path
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    site: Site = Site()
    http: Http = Http()
    rates: Rates = Rates()
    https: Https = Https()
    mdns: Mdns = Mdns()
    mediamtx: MediaMtx = MediaMtx()
    disk: Disk = Disk()
    cameras: CameraRules = CameraRules()
    live: LiveLimits = LiveLimits()
    webrtc: WebRtc = WebRtc()
    integrity: Integrity = Integrity()
    alerts: Alerts = Alerts()
    exports: Exports = Exports()
    map: Map = Map()
    outbox: OutboxRules = OutboxRules()
    amqp: Amqp = Amqp()
    push: Push = Push()
    plates: Plates = Plates()
    tunnels: dict[str, Tunnel] = {}

    @property
    def database(self) -> Path:
        return self.data_dir / "vmsd.db"

    @property
    def mediamtx_file(self) -> Path:
        return self.runtime_dir / "mediamtx.yml"

    @property
    def own_ports(self) -> frozenset[int]:
        """Ports no camera may be at on this machine."""
        mtx = self.mediamtx
        ports = {mtx.api_port, mtx.metrics_port, mtx.hls_port, mtx.rtsp_port, mtx.rtmp_port, self.http.port}
        return frozenset(ports | {mtx.webrtc_port, self.webrtc.port, self.https.port})

    @field_validator("data_dir", "recordings_dir", "runtime_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        if not path.is_absolute():
            raise ValueError("must be an absolute path")
        return path


def load_settings(file: Path) -> Settings:
    """Read and check `file`; `BadSetting` names every field that is wrong."""
    try:
        raw = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise BadSetting(f"cannot read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"{file} is not valid TOML: {error}") from error
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise BadSetting(f"{file}: " + "; ".join(lines)) from error
