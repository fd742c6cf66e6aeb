"""The box itself: its name, its doors, its certificate, its disk, its versions."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from vmsd.config.shapes import GIB, MIB, Origin, Port, Ratio, Section


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


class Update(Section):
    """A new version that has been well for `confirm_minutes` stays; for one that is not the old one comes back."""

    confirm_minutes: float = Field(10, ge=0.2, le=120)
