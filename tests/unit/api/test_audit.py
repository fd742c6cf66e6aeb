"""The log over HTTP: a city is told of itself alone, and nothing that counts the others."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from vmsd.model.audit import Action, Entry, Subject, Who
from vmsd.model.person import ALL_VERBS, Role

if TYPE_CHECKING:
    from tests.unit.api.conftest import Town
    from vmsd.services.audit import AuditLog

CAMERA = Subject("camera", "camera-1")
URL = "/api/v1/audit"


@dataclass
class House:
    """Five rows of the first city, three of the second and one of the box, the newest, after those of the town."""

    town: Town
    log: AuditLog

    async def get(self, query: str = "", status: int = 200, who: dict[str, str] | None = None, **city: Any) -> Any:
        answer = await self.town.ask("GET", URL + query, who=self.town.root if who is None else who, **city)
        assert answer.status == status, answer.raw
        return answer.body


@pytest.fixture
async def house(town: Town) -> House:
    log = town.served.base.audit
    for at in range(8):
        who = Who(f"person-{at}", "José", "USER", "10.0.0.7")
        city = (town.here, town.there)[at % 3 // 2 or at > 6]
        await log.record(Entry(Action.VIEW_LIVE, who, city.id, CAMERA))
    await log.record(Entry(Action.DAEMON_STARTED))
    return House(town, log)


async def test_a_superadmin_sees_the_whole_chain(house: House):
    items = (await house.get("?limit=500"))["items"]
    assert [item["row"] for item in items] == list(range(len(items), 0, -1))
    newest = items[0]
    assert (newest["action"], newest["person"], newest["city_id"]) == ("daemon.started", None, None)
    assert newest["previous"] == items[1]["hash"]


@pytest.mark.parametrize("caller", ["other", "root"])
async def test_a_city_is_told_nothing_that_counts_the_others(house: House, caller: str):
    """Nor is a superadmin who looks at that city."""
    town = house.town
    who = getattr(town, caller) | {"X-City-ID": town.there.public_id}
    answer = await house.get("?action=view&limit=2", who=who)
    assert answer["next"]
    for item in answer["items"]:
        assert item["city_id"] == town.there.public_id
        assert not {"row", "seq", "previous", "hash"} & set(item)
        assert item["subject"] == {"kind": "camera", "id": "camera-1"}
    rest = await house.get(f"?action=view&limit=50&cursor={answer['next']}", who=who)
    assert rest["next"] is None
    assert len(answer["items"]) + len(rest["items"]) == 3


async def test_what_concerns_the_whole_box_is_no_citys_to_read(house: House):
    items = (await house.get("?limit=500", who=house.town.other))["items"]
    assert {item["city_id"] for item in items} == {house.town.there.public_id}
    await house.get("/verify", 403, who=house.town.other)


@pytest.mark.parametrize("url", ["", ".csv", "/verify"])
async def test_a_guard_does_not_read_the_log_whatever_their_verbs(house: House, url: str):
    served, here = house.town.served, house.town.here
    await served.person("forte", Role.USER, here, rights={0: ALL_VERBS})
    await house.get(url, 403, who=await served.token("forte"))
    await house.get(url, 401, who={})


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
    assert (await house.get(f"?{query}", 422))["errors"]


async def test_filters_reach_the_rows(house: House):
    for query, rows in (("action=daemon", 1), ("q=jos", 8), ("subject=camera-1", 8), ("end=2026-01-01T00:00:00Z", 0)):
        assert len((await house.get(f"?{query}"))["items"]) == rows


async def test_verify_answers_for_the_whole_chain(house: House):
    good = await house.get("/verify")
    newest = (await house.get("?limit=1"))["items"][0]
    assert good == {"valid": True, "length": newest["row"], "head": newest["hash"], "first_bad": None, "why": None}
    with sqlite3.connect(house.town.served.base.database.path) as connection:
        connection.execute("DROP TRIGGER audit_never_changed")
        connection.execute("UPDATE audit SET facts = CAST(X'FF7B' AS TEXT), person_name = 'x' WHERE seq = 2")
    bad = await house.get("/verify")
    assert bad == good | {"valid": False, "first_bad": 2, "why": "changed"}
    assert (await house.get("?limit=500"))["items"][-2]["facts"] == "?{"


async def test_the_table_is_a_file_and_taking_it_is_itself_written_down(house: House):
    answer = await house.town.ask("GET", f"{URL}.csv?action=view", who=house.town.gestor)
    text = answer.raw.decode("utf-8-sig")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert len(text.strip().split("\r\n")) == 1 + 5
    newest = (await house.get("?limit=1"))["items"][0]
    assert (newest["action"], newest["person"]["name"]) == ("audit.exported", "gestora")
    assert newest["city_id"] == house.town.here.public_id


async def test_asking_only_whether_the_table_is_there_writes_nothing(house: House):
    assert (await house.town.ask("HEAD", f"{URL}.csv", who=house.town.gestor)).status == 200
    assert json.dumps(await house.get("?limit=1")).count("audit.exported") == 0
