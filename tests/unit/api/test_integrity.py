"""The check of disk against database is a superadmin's to start, and tells what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmsd.store.audit import Audit
from vmsd.store.integrity import Cursor

if TYPE_CHECKING:
    from tests.unit.api.conftest import Town

URL = "/api/v1/system/integrity"
SYSTEM = "/api/v1/system"


async def test_a_check_is_started_once_and_its_result_is_shown(town: Town):
    served, boss = town.served, town.root
    assert (await served.ask("GET", URL, who=boss)).body == {"running": False, "now": None, "last": None}
    for _ in range(2):
        answer = await served.ask("POST", URL, who=boss)
        assert answer.status == 202
        assert answer.body["running"]
    assert answer.body["now"]["by"] == "root"
    rows = [row.action for row in await Audit(served.base.database).chunk(0, 10**9, 10**6)]
    assert rows.count("integrity.asked") == 1

    integrity = served.site.integrity
    integrity.counts.stopped, integrity.counts.files = True, 7
    await integrity.end(Cursor())
    shown = (await served.ask("GET", URL, who=boss)).body
    assert (shown["running"], shown["last"]["files"], shown["last"]["stopped"]) == (False, 7, True)
    notices = (await served.ask("GET", SYSTEM, who=boss)).body["notices"]
    assert "integrity_stopped" in {notice["code"] for notice in notices}


async def test_nobody_else_may(town: Town):
    for name in town.served.people:
        if name != "root":
            who = await town.served.token(name)
            for method in ("GET", "POST"):
                assert (await town.served.ask(method, URL, who=who)).status in (400, 403), name


async def test_the_box_tells_of_its_last_power_loss(town: Town):
    boss = town.root
    assert (await town.served.ask("GET", SYSTEM, who=boss)).body["last_power_loss"] is None
