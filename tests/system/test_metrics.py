"""A real Prometheus, where one is installed, reads a real daemon with a real camera."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.ports import free_port
from tests.support.processes import Process, until
from tests.support.site import Site

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is not installed")


async def start_prometheus(site: Site, folder: Path) -> tuple[Process, str]:
    """It keeps the token in a file, as an operator's would."""
    port, token, config = free_port(), folder / "token", folder / "prometheus.yml"
    token.write_text(site.token)
    scrape = {
        "job_name": "vmsd",
        "scrape_interval": "1s",
        "authorization": {"credentials_file": str(token)},
        "static_configs": [{"targets": [f"127.0.0.1:{site.ports.http}"]}],
    }
    config.write_text(json.dumps({"scrape_configs": [scrape]}))
    options = (
        f"--config.file={config}",
        f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    process = await Process.start("prometheus", *options, log=folder / "prometheus.log")
    return process, f"http://127.0.0.1:{port}"


async def test_prometheus_reads_the_daemon(site: Site, tmp_path: Path) -> None:
    camera = await site.camera("Portaria")
    await site.start()
    camera_id = await site.add_camera("Portaria", camera.url)
    await site.until_recording(camera_id)
    folder = tmp_path / "prometheus"
    folder.mkdir()
    process, url = await start_prometheus(site, folder)

    async with aiohttp.ClientSession() as http:

        async def query(text: str) -> list[dict[str, Any]]:
            try:
                async with http.get(f"{url}/api/v1/query", params={"query": text}) as answer:
                    found: list[dict[str, Any]] = (await answer.json())["data"]["result"]
                    return found
            except (aiohttp.ClientError, KeyError):
                return []

        async def value(text: str) -> float | None:
            found = await query(text)
            return float(found[0]["value"][1]) if found else None

        async def is_up() -> bool:
            return await value('up{job="vmsd"}') == 1

        try:
            await until(is_up, 30, "Prometheus has read the daemon")
            (state,) = await query("vmsd_camera_state == 1")
            assert state["metric"]["city"] == site.city_id
            assert state["metric"]["camera"] == camera_id
            assert state["metric"]["state"] == "online"
            assert await value("vmsd_camera_recording") == 1
            assert len(await query("vmsd_camera_last_frame_age_seconds < 5")) == 1
            assert len(await query("vmsd_camera_last_segment_age_seconds < 12")) == 1
            assert len(await query("vmsd_camera_received_bytes_per_second > 1000")) == 1
            assert await value("vmsd_mediamtx_up") == await value("vmsd_volume_up") == 1
            assert await value("vmsd_breaker_open") == 0
            assert await value("vmsd_disk_free_bytes")
            assert await value("max(vmsd_task_failures_in_a_row)") == 0
            assert await value("process_resident_memory_bytes")
            await camera.kill()

            async def is_offline() -> bool:
                return await value('vmsd_camera_state{state="offline"}') == 1

            await until(is_offline, 30, "Prometheus sees that the camera is gone")
        finally:
            await process.end()
    _, told = await site.ask("GET", "/metrics")
    check = await asyncio.create_subprocess_exec(
        "promtool",
        "check",
        "metrics",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await check.communicate(told)
    assert said.decode().splitlines() == ['vmsd_retention_days use base unit "seconds" instead of "days"']
