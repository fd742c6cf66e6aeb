"""Plates, alerts, and news that leave the box."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from pydantic import Field, model_validator

from vmsd.config.shapes import GIB, MIB, Section
from vmsd.model.destination import Topic


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
