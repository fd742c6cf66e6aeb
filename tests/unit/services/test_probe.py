"""A probe opens the address that was checked, and says why it opens none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from tests.support.names import NameServer
from tests.support.redirects import counting
from tests.support.sources import PictureCamera, serving
from vmsd.errors import Invalid, SourceFailed
from vmsd.services.camera_hosts import CameraHosts
from vmsd.services.probe import Prober
from vmsd.vendors.addresses import CameraNetworks

LAB = CameraNetworks(allowed=(ip_network("127.0.0.1/32"),))


@pytest.fixture
async def server() -> NameServer:
    return NameServer(cam_lan="127.0.0.1", evil_lan="169.254.169.254", local_lan="127.0.0.2")


@pytest.fixture
async def prober(server: NameServer) -> AsyncIterator[Prober]:
    hosts = CameraHosts(lambda: LAB)
    hosts.ask = server.ask
    prober = Prober(3, hosts=hosts)
    yield prober
    await prober.close()


async def test_a_name_is_asked_once_and_the_answer_is_called(prober: Prober, server: NameServer) -> None:
    """The name is known to this name server alone, which changes its mind at once."""
    async with serving(PictureCamera().app) as camera:
        url = camera.replace("127.0.0.1", "cam.lan")
        assert (await prober.probe_url(f"{url}/still.jpg"))["codec"] == "mjpeg"
        server.names["cam.lan"] = "127.0.0.2"
        assert (await prober.probe_url(f"{url}/still.jpg"))["codec"] == "mjpeg"
        assert server.asked == ["cam.lan"]


async def test_nobody_is_called_where_no_camera_may_be(prober: Prober) -> None:
    async with counting("127.0.0.2") as here:
        for host in ("127.0.0.2", "local.lan", "evil.lan", "[::ffff:127.0.0.2]"):
            for scheme in ("rtsp", "rtmp", "http", "https", "rtsps"):
                with pytest.raises(Invalid):
                    await prober.probe_url(f"{scheme}://{host}:{here.port}/x")
        assert here.connections == 0


@pytest.mark.parametrize("url", ["rtsp://nobody.lan/x", "http://nobody.lan/x"])
async def test_a_name_nobody_knows_is_an_unreachable_host(prober: Prober, url: str) -> None:
    with pytest.raises(SourceFailed) as failed:
        await prober.probe_url(url)
    assert failed.value.cause == "host_unreachable"


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "cam.lan", "srt://cam.lan", "concat:x", "rtsp://", "-"])
async def test_what_is_no_address_of_a_camera_is_not_opened(prober: Prober, url: str) -> None:
    with pytest.raises(Invalid):
        await prober.probe_url(url)
