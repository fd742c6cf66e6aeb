"""A real camera that gets another address is found again by the console's command, beside a running daemon."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.onvif import OnvifDevice, onvif_network
from tests.support.processes import Process, until
from tests.support.site import SMALL, VMSD, Site, TestCamera

LOGIN = ("--username", "admin", "--password", "segredo")


async def test_a_camera_that_moved_is_followed_and_recorded_again(tmp_path: Path) -> None:
    async with onvif_network() as net, Site(tmp_path, cameras=net.rules) as site:
        camera = await site.camera("Portaria", *SMALL, *LOGIN, "--host", "127.0.0.2")
        device = await net.add(OnvifDevice(login=("admin", "segredo"), rtsp_port=camera.port))
        await site.start()
        said = await _inspected(site, device)
        assert said["serial"] == "SN-0001"
        camera_id = await site.add_camera("Portaria", said["record"], username="admin", password="segredo")
        await site.until_recording(camera_id)
        status, _ = await site.ask("POST", f"/api/v1/cameras/{camera_id}/device", {"service_url": device.url})
        assert status == 200
        await camera.kill()
        await net.move(device, "127.0.0.5")
        moved = TestCamera("Portaria", tmp_path, (*SMALL, *LOGIN, "--host", "127.0.0.5"), camera.port)
        await moved.start()
        try:
            await site.until_state(camera_id, "offline", 20)
            await site.command("camera", "find", "--city", site.city_id, "--apply")
            await site.until_state(camera_id, "online", 30)
            await site.until_recording(camera_id)
            assert (await site.get(f"/api/v1/cameras/{camera_id}"))["source_url"].startswith("rtsp://127.0.0.5:")
        finally:
            await moved.kill()


async def _inspected(site: Site, device: OnvifDevice) -> dict[str, str]:
    """By the command, the password on its standard input."""
    found = await site.command("camera", "discover")
    assert "1 found on lo" in found
    log = site.folder / "inspect.log"
    words = ("sh", "-c", 'echo segredo | "$@"', "sh", *VMSD, "camera", "inspect", "--json", "--user", "admin")
    process = await Process.start(*words, device.place, "--config", site.config, log=log)
    assert await process.wait(30) == 0, process.output()

    async def told() -> bool:
        return process.output().rstrip().endswith("}")

    await until(told, 5, "it has told")
    answer: dict[str, str] = json.loads(process.output())
    return answer
