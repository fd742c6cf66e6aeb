"""A central office and three real sites: a real Prometheus over HTTPS with their certificates, and `vmsd fleet`."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.ports import free_port
from tests.support.processes import Process, until
from tests.support.site import Site
from tests.unit.central.test_central_files import CENTRAL, expressions
from vmsd.base import CONSOLE, open_base
from vmsd.config import load_settings
from vmsd.fleet.sites import as_targets, read_sites
from vmsd.services.tokens import new_secret

pytestmark = [
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is not installed"),
    pytest.mark.timeout(300),
]
EVERY_S = 2


@dataclass
class Office:
    """A folder as `packaging/central` has it, filled in for three sites; Prometheus when it was started."""

    folder: Path
    sites: dict[str, Site]
    ports: dict[str, int]
    token: str = field(default_factory=new_secret)
    prometheus: Process | None = None
    url: str = ""

    async def furnish(self) -> None:
        shutil.copytree(CENTRAL, self.folder)
        self.write("central.token", self.token)
        (self.folder / "central.token").chmod(0o600)
        lines = ["[defaults]", 'ca = "sites.pem"', 'token_file = "central.token"', "coverage = 0"]
        for name, port in self.ports.items():
            lines += ["[[site]]", f'name = "{name}"', f'url = "https://127.0.0.1:{port}"']
        self.write("sites.toml", "\n".join(lines))
        for site in self.sites.values():
            settings = load_settings(site.config)
            async with open_base(settings, beside_daemon=True) as base:
                await base.tokens.add_given(await base.people.get_named("admin"), "central", self.token, CONSOLE)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def pin(self, *names: str) -> None:
        """The certificates of these sites alone are known."""
        files = [self.sites[name].folder / "data" / "tls" / "own" / "certificate.pem" for name in names]
        self.write("sites.pem", "".join(file.read_text() for file in files))

    async def fleet(self, *words: object) -> tuple[int, Any]:
        """The code, and what `status --json` says by site."""
        command = (sys.executable, "-m", "vmsd", "fleet", "status", self.folder / "sites.toml", "--json", *words)
        process = await asyncio.create_subprocess_exec(*map(str, command), stdout=asyncio.subprocess.PIPE)
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
        return process.returncode or 0, {one["name"]: one for one in json.loads(out)["sites"]}

    async def watch(self) -> None:
        """The very configuration that is handed out, looking more often."""
        port, config = free_port(), self.folder / "prometheus.yml"
        self.write("sites.json", json.dumps(as_targets(read_sites(self.folder / "sites.toml"))))
        text = config.read_text().replace("scrape_timeout: 20s", f"scrape_timeout: {EVERY_S}s")
        config.write_text(re.sub(r"(scrape|evaluation)_interval: 60s", rf"\1_interval: {EVERY_S}s", text))
        options = (
            f"--config.file={config}",
            f"--storage.tsdb.path={self.folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}",
        )
        self.prometheus = await Process.start("prometheus", *options, log=self.folder / "prometheus.log")
        self.url = f"http://127.0.0.1:{port}"

    async def query(self, text: str) -> list[dict[str, Any]] | None:
        """None for a query that is refused, or while nobody answers."""
        async with aiohttp.ClientSession() as http:
            try:
                async with http.get(f"{self.url}/api/v1/query", params={"query": text}) as answer:
                    found = await answer.json()
            except aiohttp.ClientError:
                return None
        return found["data"]["result"] if found["status"] == "success" else None

    async def by_site(self, text: str) -> dict[str, float]:
        return {one["metric"].get("site", ""): float(one["value"][1]) for one in await self.query(text) or ()}

    async def until_up(self, **expected: int) -> None:
        async def seen() -> bool:
            return await self.by_site('up{job="vmsd"}') == expected

        await until(seen, 60, f"Prometheus sees {expected}")

    async def until_alert(self, name: str, site: str) -> None:
        async def told() -> bool:
            return bool(await self.query(f'ALERTS{{alertname="{name}", site="{site}"}}'))

        await until(told, 60, f"{name} of {site}")


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with AsyncExitStack() as stack:
        sites, ports = {}, {}
        for name in ("a", "b", "c"):
            ports[name] = free_port()
            folder = tmp_path / name
            folder.mkdir()
            https = {"enabled": True, "host": "127.0.0.1", "port": ports[name]}
            sites[name] = await stack.enter_async_context(Site(folder, https=https))
        office = Office(tmp_path / "central", sites, ports)
        await office.furnish()
        yield office
        if office.prometheus is not None:
            await office.prometheus.end(signal.SIGKILL)


async def test_the_office_sees_three_sites_and_what_happens_to_each(office: Office) -> None:
    a, b, c = office.sites.values()
    camera = await a.camera("Portaria")
    await a.start()
    camera_id = await a.add_camera("Portaria", camera.url)
    await b.start_vmsd(healthy=False)
    await c.start_vmsd(healthy=False)
    await a.until_recording(camera_id)
    office.pin("a", "b")
    await office.watch()
    await office.until_up(a=1, b=1, c=0)  # whose certificate is not known is not believed
    code, seen = await office.fleet()
    assert (code, [one["code"] for one in seen["c"]["findings"]]) == (1, ["certificate"])
    office.pin("a", "b", "c")
    await office.until_up(a=1, b=1, c=1)

    await every_query_is_answered(office)
    assert await office.by_site("vmsd_camera_recording") == {"a": 1}
    for one in await office.query("vmsd_camera_recording") or ():
        assert set(one["metric"]) == {"__name__", "job", "instance", "site", "city", "camera"}

    code, seen = await office.fleet("--html", office.folder / "page.html")
    assert seen["a"]["status"]["counts"]["recording"] == 1
    assert {finding["code"] for finding in seen["a"]["findings"]} <= {"first", "notice", "clock", "clock_drifts"}
    assert {"mediamtx"} <= {finding["code"] for finding in seen["b"]["findings"]}
    assert len({one["status"]["box"]["serial"] for one in seen.values()}) == 3

    await camera.kill()
    await office.until_alert("VmsdCameraNotRecording", "a")
    await c.stop_vmsd()
    await office.until_alert("VmsdSiteSilent", "c")
    code, seen = await office.fleet()
    assert [one["code"] for one in seen["c"]["findings"]] == ["unreachable"]

    await put_an_older_database_back(office, b)
    _, seen = await office.fleet()
    assert seen["b"]["findings"][0]["code"] == "audit_back"
    await office.until_alert("VmsdAuditWentBack", "b")
    assert not await office.query('ALERTS{alertname="VmsdAuditWentBack", site!="b"}')


async def every_query_is_answered(office: Office) -> None:
    """Of the dashboard, and of the rules as Prometheus itself has read them."""
    for text in expressions():
        assert await office.query(text) is not None, text
    async with aiohttp.ClientSession() as http, http.get(f"{office.url}/api/v1/rules") as answer:
        groups = (await answer.json())["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == 21
    assert {rule.get("lastError") for rule in rules} <= {None, ""}


async def put_an_older_database_back(office: Office, site: Site) -> None:
    """As somebody does who wants rows of the audit log to be gone."""
    database = site.folder / "data" / "vmsd.db"
    await site.stop_vmsd()
    shutil.copy(database, office.folder / "older.db")
    await site.start_vmsd(healthy=False)
    for number in range(5):
        status, _ = await site.ask("POST", "/api/v1/cities", {"name": f"Cidade {number}"})
        assert status == 201
    row = site.sql("SELECT max(seq) FROM audit")[0][0]
    await until(lambda: _remembered(office, row), 40, "the office has seen the rows", every_s=2)
    await until(lambda: _scraped(office, row), 40, "Prometheus has")
    await site.stop_vmsd()
    for file in database.parent.glob("vmsd.db*"):
        file.unlink()
    shutil.copy(office.folder / "older.db", database)
    await site.start_vmsd(healthy=False)


async def _remembered(office: Office, row: int) -> bool:
    _, seen = await office.fleet()
    return bool(seen["b"]["status"]["audit"]["row"] >= row)


async def _scraped(office: Office, row: int) -> bool:
    return (await office.by_site("vmsd_audit_rows")).get("b", 0) >= row
