"""Nobody makes the box call itself, its neighbours' metadata, or anything that is no camera."""

from __future__ import annotations

import pytest

from tests.unit.api.served import serve
from vmsd.host.network import own_addresses
from vmsd.model.person import Role

HOSTS = [
    "127.0.0.1", "127.1.2.3", "localhost", "LOCALHOST", "localhost.", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]",
    "169.254.169.254", "169.254.0.1", "[fe80::1]", "[fe80::1%25eth0]", "224.0.0.1", "239.255.255.250", "[ff02::1]",
    "255.255.255.255", "240.0.0.1", "0.1.2.3", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]",
    "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::]", "2130706433",
    "0x7f000001", "0x7f.0.0.1", "0x7f.1", "017700000001", "0177.0.0.1", "0177.1", "127.1", "127.0.1", "00.0.0.0", "0",
    "1.2.3", "256.256.256.256", "%31%32%37.0.0.1", "①②⑦.0.0.1", "127。0。0。1", "127.0.0.1.", "[::ffff:0:127.0.0.1]x",
    "0.0.0.0", "a b", "-", "..", "a..b", "[::1", "::1]", "*", "$(x)", "a\\b",  # noqa: S104 - refused, not bound
]  # fmt: skip


async def test_a_camera_does_not_live_there(town, subtests):
    own = [
        f"[{address}]" if address.version == 6 else str(address)
        for address in own_addresses()
        if "%" not in str(address)
    ]
    for host in (*HOSTS, *own):
        forms = {
            "/source_url": {"source_url": f"rtsp://{host}:554/x"},
            "/host": {"vendor": "intelbras", "host": f"{host}:554"},
            "/sub_source_url": {"source_url": "rtsp://198.51.100.1/x", "sub_source_url": f"rtsp://{host}/y"},
        }
        for pointer, form in forms.items():
            with subtests.test(host=host, pointer=pointer):
                answer = await town.ask("POST", "/api/v1/cameras", {"name": "x"} | form, who=town.gestor)
                assert (answer.status, answer.pointers) == (422, {pointer}), answer.raw
        with subtests.test(host=host, pointer="probe"):
            form = {"source_url": f"http://{host}/x.m3u8", "protocol": "http"}
            answer = await town.ask("POST", "/api/v1/cameras/probe", form, who=town.gestor)
            assert (answer.status, answer.pointers) == (422, {"/source_url"}), answer.raw


@pytest.mark.parametrize("form", ["rtsp://{}:{}/x", "rtsp://u:p@{}:{}/x"])
async def test_the_boxs_own_ports_are_no_cameras_even_where_it_may_be_called(tmp_path, form):
    async with serve(tmp_path, cameras={"networks": ["127.0.0.0/8"]}) as served:
        city = await served.city("Aqui")
        await served.person("gestora", Role.GESTOR, city)
        who = await served.token("gestora")
        for port in served.base.settings.own_ports:
            for host in ("127.0.0.1", "127.3.4.5"):
                body = {"name": "x", "source_url": form.format(host, port)}
                answer = await served.ask("POST", "/api/v1/cameras", body, who=who)
                assert (answer.status, answer.pointers) == (422, {"/source_url"})
        body = {"name": "x", "source_url": form.format("127.0.0.1", 40_000)}
        assert (await served.ask("POST", "/api/v1/cameras", body, who=who)).status == 201


async def test_a_patch_is_looked_at_like_a_new_camera(town):
    camera = await town.served.camera(town.gestor, town.here)
    for patch in ({"source_url": "rtsp://127.0.0.1/"}, {"vendor": "hikvision", "host": "169.254.169.254"}):
        answer = await town.ask("PATCH", f"/api/v1/cameras/{camera['id']}", patch, who=town.gestor)
        assert answer.status == 422
        assert answer.pointers <= {"/source_url", "/host"}
