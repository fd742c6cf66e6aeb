"""Everything that can be set: one TOML file, checked whole before anything starts."""

from __future__ import annotations

import re
import tomllib
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from vmsd.errors import BadSetting

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

    `media` is stills and live video, `heavy` what takes the box long, `login` where a password is tried.
    """

    read: Rate = Rate(per_s=500, burst=10_000)
    write: Rate = Rate(per_s=100, burst=4000)
    heavy: Rate = Rate(per_s=5, burst=200)
    login: Rate = Rate(per_s=10, burst=200)
    media: Rate = Rate(per_s=1000, burst=4000)


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
    """Where MediaMTX listens; the rendered file says the same to MediaMTX. Ports on loopback but `rtmp`."""

    api_port: Port = 9997
    metrics_port: Port = 9998
    hls_port: Port = 8888
    rtsp_port: Port = 8554
    rtmp_port: Port = 1935
    rtmp_host: str = ""
    deadline_s: float = Field(5, gt=0, le=30)
    answer_bytes: int = Field(8 * MIB, ge=MIB)
    segment_s: int = Field(1800, ge=2, le=86400)
    hls_segment_s: float = Field(2, ge=0.5, le=10)
    hls_segments: int = Field(5, ge=3, le=20)


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
    cache_bytes: int = Field(256 * MIB, ge=16 * MIB)
    object_bytes: int = Field(32 * MIB, ge=MIB)
    in_flight: int = Field(512, ge=1)
    in_flight_per_viewer: int = Field(48, ge=1)
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


class Integrity(Section):
    """Every night at `at`, by the site's own time, disk and database are compared, and recordings read again.

    Read is `bytes_per_s` at most, and for `hours` at most: the next night goes on where this one ended.
    """

    at: str = Field("03:30", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    bytes_per_s: int = Field(20 * MIB, ge=MIB)
    hours: float = Field(4, gt=0, le=20)


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
    integrity: Integrity = Integrity()
    exports: Exports = Exports()
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
        return frozenset(ports | {self.https.port})

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
