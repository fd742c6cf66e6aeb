"""What the demo's site consists of: its cameras, its people, its ports."""

from __future__ import annotations

import socket
from dataclasses import dataclass, fields
from pathlib import Path

CITY = "Cidade Demonstração"
ZONE = "America/Sao_Paulo"
"""Of the clock in the pictures, as the site shows it."""
PLACES = (
    "Portaria",
    "Praça Central",
    "Estacionamento",
    "Almoxarifado",
    "Terminal Rodoviário",
    "Escola Norte",
    "Pátio de Veículos",
    "Mercado Municipal",
)
"""Names of places only; the demo invents nobody."""


@dataclass(frozen=True)
class DemoCamera:
    """One generated camera; `arguments` are those of `vmsd.demo.camera`."""

    name: str
    arguments: tuple[str, ...]
    username: str = ""
    password: str = ""
    lat: float = -23.55
    lon: float = -46.63


def cameras(count: int) -> list[DemoCamera]:
    """The first has a substream, the second is 1080p, the third drops out and returns, the fourth has a password."""
    return [_camera(number) for number in range(count)]


def _camera(number: int) -> DemoCamera:
    round_, place = divmod(number, len(PLACES))
    name = PLACES[place] + (f" {round_ + 1}" if round_ else "")
    special = {
        0: ("--size", "1280x720", "--fps", "12", "--bitrate-k", "1200", "--sub", "640x360@12"),
        1: ("--size", "1920x1080", "--fps", "12", "--bitrate-k", "2500", "--sub", "640x360@12"),
        2: ("--size", "640x360", "--fps", "12", "--drop-every-s", "90", "--drop-for-s", "20"),
    }
    arguments = special.get(number, ("--size", "640x360", "--fps", "12"))
    login = ("vigia", "senha p@ra:testes/ç") if number == 3 else ("", "")  # noqa: PLR2004 - the fourth one
    place_of = (-23.55 + 0.004 * (number % 4), -46.63 + 0.005 * (number // 4))
    return DemoCamera(name, ("--zone", ZONE, "--gop-s", "2", *arguments), *login, *place_of)


@dataclass(frozen=True)
class Ports:
    """Free ones at the time of asking, on loopback."""

    http: int
    api: int
    metrics: int
    hls: int
    rtsp: int
    rtmp: int
    webrtc: int
    media: int


def free_ports(http: int | None) -> Ports:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in fields(Ports)]
    numbers = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return Ports(http or numbers[0], *numbers[1:])


def settings_text(data: Path, ports: Ports) -> str:
    """The TOML file `vmsd run` takes; loopback is open to cameras because the demo's cameras live there."""
    return f"""# Written by `vmsd demo`.
data_dir = "{data}/data"
recordings_dir = "{data}/recordings"
runtime_dir = "{data}/runtime"

[site]
name = "vmsd demo"

[http]
port = {ports.http}

[https]
enabled = false

[mediamtx]
api_port = {ports.api}
metrics_port = {ports.metrics}
hls_port = {ports.hls}
rtsp_port = {ports.rtsp}
rtmp_port = {ports.rtmp}
rtmp_host = "127.0.0.1"
webrtc_port = {ports.webrtc}
segment_s = 60

[webrtc]
host = "127.0.0.1"
port = {ports.media}

[cameras]
networks = ["127.0.0.0/8"]

[backup]
may_share_disk = true
"""
