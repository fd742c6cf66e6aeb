"""The log over HTTP: a city is told of itself alone, and nothing that counts the others."""

from __future__ import annotations

import json
import sqlite3
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.unit.tasks.recording_box import NOW_MS, Box, open_box
from vmsd.api import audit
from vmsd.api.bodies import Query, read_query
from vmsd.api.problems import answer_problems
from vmsd.host.signing import BoxKey
from vmsd.model.audit import Action, Entry, Subject, Who
from vmsd.model.person import Role
from vmsd.services.audit import AuditLog
from vmsd.store.cities import Cities

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from vmsd.model.city import City

KEY = BoxKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
CAMERA = Subject("camera", "camera-1")
pytestmark = pytest.mark.filterwarnings("ignore::aiohttp.web.NotAppKeyWarning")


class Doorman:
    """Stands where the door does: lets in who a test says, to the city it says."""

    queries: ClassVar = {"/audit": audit.FilterPage, "/audit.csv": audit.Filter, "/audit/verify": Query}

    def __init__(self) -> None:
        self.role, self.city = Role.SUPERADMIN, None

    @web.middleware
    async def admit(self, request: web.Request, handler: Any) -> web.StreamResponse:
        person = SimpleNamespace(public_id="person-0", name="Ana", role=self.role)
        request["caller"] = SimpleNamespace(person=person, role=self.role)
        if self.city:
            request["city"] = SimpleNamespace(city=self.city)
        request["query"] = read_query(request, self.queries[request.path])
        return await handler(request)


class House:
    def __init__(self, box: Box, client: TestClient, door: Doorman, log: AuditLog, cities: list[City]) -> None:
        self.box, self.client, self.door, self.log, self.cities = box, client, door, log, cities

    async def get(self, url: str, status: int = 200) -> Any:
        answer = await self.client.get(url)
        assert answer.status == status, await answer.text()
        return await answer.json(content_type=None)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Two cities; five rows of the first, three of the second, one of the box."""
    async with open_box(tmp_path) as box:
        log, door, cities = AuditLog(box.database, KEY, box.clock, lambda: True), Doorman(), []
        for name in ("Norte", "Sul"):
            async with box.database.write() as transaction:
                rows = Cities(box.database)
                city = await rows.add(transaction, name=name, status="active", plan="pro", now_ms=NOW_MS)
            cities.append(city)
        for at in range(8):
            who = Who(f"person-{at}", "José", "USER", "10.0.0.7")
            await log.record(Entry(Action.VIEW_LIVE, who, cities[at % 3 // 2 or at > 6].id, CAMERA))
        await log.record(Entry(Action.DAEMON_STARTED))
        app = web.Application(middlewares=[answer_problems, door.admit])
        app[audit.AUDIT] = log
        app.router.add_get("/audit", audit.list_entries)
        app.router.add_get("/audit/verify", audit.verify)
        app.router.add_get("/audit.csv", audit.export_csv)
        async with TestClient(TestServer(app)) as client:
            yield House(box, client, door, log, cities)


async def test_a_superadmin_sees_the_whole_chain(house: House):
    answer = await house.get("/audit")
    assert [item["row"] for item in answer["items"]] == list(range(9, 0, -1))
    newest = answer["items"][0]
    assert (newest["action"], newest["person"], newest["city_id"]) == ("daemon.started", None, None)
    assert newest["previous"] == answer["items"][1]["hash"]


async def test_a_city_is_told_nothing_that_counts_the_others(house: House):
    house.door.role, house.door.city = Role.GESTOR, house.cities[1]
    answer = await house.get("/audit?limit=2")
    assert answer["next"]
    for item in answer["items"]:
        assert item["city_id"] == house.cities[1].public_id
        assert not {"row", "seq", "previous", "hash"} & set(item)
        assert item["subject"] == {"kind": "camera", "id": "camera-1"}
    rest = await house.get(f"/audit?limit=50&cursor={answer['next']}")
    assert rest["next"] is None
    assert len(answer["items"]) + len(rest["items"]) == 3


@pytest.mark.parametrize("url", ["/audit", "/audit.csv"])
async def test_only_a_superadmin_sees_more_than_a_city(house: House, url: str):
    house.door.role = Role.GESTOR
    await house.get(url, 403)


@pytest.mark.parametrize(
    "query",
    [
        "cursor=1",
        f"cursor={'0' * 64}",
        "limit=0",
        "person=x",
        "start=yesterday",
        "start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z",
        "q=",
        "other=1",
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(house: House, query: str):
    assert (await house.get(f"/audit?{query}", 422))["errors"]


async def test_filters_reach_the_rows(house: House):
    for query, rows in (("action=daemon", 1), ("q=jos", 8), ("subject=camera-1", 8), ("end=2026-01-01T00:00:00Z", 0)):
        assert len((await house.get(f"/audit?{query}"))["items"]) == rows


async def test_verify_answers_for_the_whole_chain(house: House):
    good = await house.get("/audit/verify")
    head = (await house.get("/audit?limit=1"))["items"][0]["hash"]
    assert good == {"valid": True, "length": 9, "head": head, "first_bad": None, "why": None}
    with sqlite3.connect(house.box.database.path) as connection:
        connection.execute("DROP TRIGGER audit_never_changed")
        connection.execute("UPDATE audit SET facts = CAST(X'FF7B' AS TEXT), person_name = 'x' WHERE seq = 4")
    bad = await house.get("/audit/verify")
    assert bad == good | {"valid": False, "first_bad": 4, "why": "changed"}
    assert (await house.get("/audit"))["items"][5]["facts"] == "?{"


async def test_the_table_is_a_file_and_taking_it_is_itself_written_down(house: House):
    house.door.city = house.cities[0]
    answer = await house.client.get("/audit.csv?action=view")
    text = await answer.text("utf-8-sig")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert len(text.strip().split("\r\n")) == 1 + 5
    newest = (await house.get("/audit?limit=1"))["items"][0]
    assert (newest["action"], newest["person"]["name"]) == ("audit.exported", "Ana")


async def test_asking_only_whether_the_table_is_there_writes_nothing(house: House):
    assert (await house.client.head("/audit.csv")).status == 200
    assert json.dumps(await house.get("/audit?limit=1")).count("audit.exported") == 0
