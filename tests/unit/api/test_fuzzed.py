"""Every operation of the document, asked by schemathesis in all its phases, answers as the document says."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.unit.api.documented import strict
from tests.unit.api.openapi_file import newest_document
from tests.unit.api.served import Served, serve
from vmsd.api.door import COOKIE
from vmsd.clock import rfc3339
from vmsd.model.city import City
from vmsd.model.person import Role
from vmsd.model.segment import Segment, SegmentFlag, SegmentState

HERE = Path(__file__).parent
EXAMPLES = os.environ.get("VMSD_FUZZ_EXAMPLES", "10")
"""Random requests per operation, besides those made from examples and limits; a weekly run takes thousands."""
DEADLINE_S = float(os.environ.get("VMSD_FUZZ_DEADLINE_S", "280"))
OFTEN = {"per_s": 10_000, "burst": 1_000_000}
RATES = dict.fromkeys(("read", "write", "heavy", "login", "media"), OFTEN)
START_US = 1_795_200_000_000_000


@pytest.fixture(autouse=True)
def no_names(monkeypatch):
    """Made-up host names are looked up nowhere."""
    look_up = socket.getaddrinfo

    def numbers_only(host: Any, *args: Any, **options: Any) -> Any:
        try:
            socket.inet_aton(host)
        except (OSError, TypeError, ValueError):
            raise socket.gaierror(socket.EAI_NONAME, "no names here") from None
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", numbers_only)


@dataclass
class World:
    """A city with something of everything, and a second one beside it."""

    served: Served
    here: City
    root: dict[str, str]

    async def things(self) -> dict[str, list[str]]:
        """Their ids, by the part of the address that stands before them."""
        found = {kind: await self._ids(f"/api/v1/{kind}") for kind in ("users", "groups", "streams", "cameras")}
        period = "start=2026-01-01T00:00:00Z&end=2027-01-01T00:00:00Z"
        found["recordings"] = await self._ids(f"/api/v1/recordings?camera_id={found['cameras'][0]}&{period}")
        found |= {kind: await self._ids(f"/api/v1/{kind}") for kind in ("incidents", "holds", "preservations")}
        found["cities"] = [city for city in await self._ids("/api/v1/cities") if city != self.here.public_id]
        found["tokens"] = [one["id"] for one in await self._list("/api/v1/tokens", self.root)]
        return found | {"stream": found["cameras"]}

    async def own(self, who: dict[str, str]) -> list[str]:
        """What the caller stands on: the session or the token they come with."""
        if "Cookie" in who:
            return [one["id"] for one in await self._list("/api/v1/auth/sessions", who) if one["current"]]
        secret = who["Authorization"].removeprefix("Bearer ")
        return [one["id"] for one in await self._list("/api/v1/tokens", who) if secret.startswith(one["prefix"])]

    async def _ids(self, path: str) -> list[str]:
        found = [one.get("id", one.get("session_id")) for one in await self._list(path, self.root, self.here)]
        assert found, path
        return found

    async def _list(self, path: str, who: dict[str, str], city: City | None = None) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.served.ask("GET", path, who=who, city=city)).body["items"]
        return items


async def populate(served: Served) -> World:
    here, there = await served.city("Aqui"), await served.city("Lá", plan="premium")
    await served.person("root", Role.SUPERADMIN)
    await served.person("gestora", Role.GESTOR, here)
    await served.person("guarda", Role.USER, here)
    await served.person("outra", Role.GESTOR, there)
    root = await served.token("root")
    second = await served.token("root")
    await served.token("guarda")
    for number in range(3):
        camera = await served.camera(root, here, name=f"Câmera {number}", group="Praça")
        opened = await served.ask("POST", f"/api/v1/streams?camera_id={camera['id']}", who=second, city=here)
        assert opened.status == 201
    flags = SegmentFlag(0)
    segments = [
        Segment(here.id, camera, START_US, 60_000, 1000, 1000, SegmentState.CLOSED, flags) for camera in (1, 2, 3)
    ]
    await served.daemon._volume.system.put(segments)
    await keep(served, root, here)
    served.close_breaker()
    return World(served, here, root)


async def keep(served: Served, root: dict[str, str], here: City) -> None:
    """An incident, a hold and a preserved period."""
    camera_id = (await served.ask("GET", "/api/v1/cameras", who=root, city=here)).body["items"][0]["id"]
    start_ms = START_US // 1000
    period = {"camera_id": camera_id, "start": rfc3339(start_ms), "end": rfc3339(start_ms + 60_000)}
    hold = {"number": "1", "authority": "x", "purpose": "x", "deadline": rfc3339(start_ms + 9 * 86_400_000)}
    for path, body in (
        ("incidents", {"name": "Furto", "periods": [period]}),
        ("holds", hold | {"periods": [period]}),
        ("preservations", period),
    ):
        answer = await served.ask("POST", f"/api/v1/{path}", body, who=root, city=here)
        assert answer.status == 201, answer.raw


def told_to(who: dict[str, str]) -> dict[str, Any]:
    """The document as if the caller's way to log in were the only one."""
    told, scheme = strict(newest_document()), "session" if "Cookie" in who else "token"
    told["components"]["securitySchemes"]["session"]["name"] = COOKIE
    for operation in (one for methods in told["paths"].values() for one in methods.values()):
        operation["security"] = [way for way in operation["security"] if scheme in way]
    return told


async def fuzz(world: World, folder: Path, who: dict[str, str], *only: str) -> tuple[int, str]:
    """Its exit code and what it said; `only` are its own words for which operations."""
    (folder / "openapi.json").write_text(json.dumps(told_to(who)), "utf-8")
    own, things = await world.own(who), await world.things()
    things["tokens"] = [token for token in things["tokens"] if token not in own]
    environment = os.environ | {
        "CITY_ID": world.here.public_id,
        "OWN": json.dumps(own),
        "THINGS": json.dumps(things),
        "SCHEMATHESIS_HOOKS": "fuzz_hooks",
        "PYTHONPATH": str(HERE),
    }
    header = ": ".join(next(iter(who.items())))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", f"--config-file={HERE / 'schemathesis.toml'}", "run"),
        *("openapi.json", "--url", world.served.url, "--header", header, *only),
        *("--max-examples", EXAMPLES, "--generation-deterministic", "--request-timeout", "15"),
        *("--no-color", "--warnings", "off"),
        env=environment,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE_S):
            said = (await process.stdout.read()).decode()
            return await process.wait(), said
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.timeout(DEADLINE_S + 60)
async def test_whatever_is_sent_the_answer_is_one_of_the_documents(tmp_path):
    async with serve(tmp_path, rates=RATES, cameras={"probe_deadline_s": 0.2}) as served:
        world = await populate(served)
        code, said = await fuzz(world, tmp_path, world.root)
        assert (await served.ask("GET", "/api/v1/auth/me", who=world.root)).status == 200, "it lost its own login"
        assert await served.base.desired.plan()
    assert code == 0, said


async def test_the_same_of_what_only_a_session_may_do(tmp_path):
    async with serve(tmp_path, rates=RATES) as served:
        world = await populate(served)
        who = await served.session("guarda")
        code, said = await fuzz(world, tmp_path, who, "--include-tag", "auth", "--exclude-operation-id", "log_out")
        assert (await served.ask("GET", "/api/v1/auth/me", who=who)).status == 200, "it lost its own login"
    assert code == 0, said
