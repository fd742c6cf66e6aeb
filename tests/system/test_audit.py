"""The log of a real daemon: every end is told of, by the stop itself or by the next start; the chain stays whole."""

from __future__ import annotations

import signal
from typing import Any

import aiohttp

from tests.support.processes import until
from tests.support.site import Site


async def rows(site: Site, action: str = "") -> list[dict[str, Any]]:
    """Oldest first, of the whole box."""
    url = f"{site.url}/api/v1/audit?limit=500" + (f"&action={action}" if action else "")
    async with aiohttp.request("GET", url, headers={"Authorization": f"Bearer {site.token}"}) as answer:
        assert answer.status == 200, await answer.text()
        items: list[dict[str, Any]] = (await answer.json())["items"]
    return items[::-1]


async def verdict(site: Site) -> dict[str, Any]:
    answer: dict[str, Any] = await site.get("/api/v1/audit/verify")
    return answer


async def starts(site: Site) -> list[str]:
    return [row["facts"]["last_stop"] for row in await rows(site, "daemon.started")]


def heads(site: Site) -> set[int]:
    return {row[0] for row in site.sql("SELECT seq FROM audit_head")}


async def test_a_power_cut_is_told_by_the_next_start_and_a_stop_is_signed(site: Site) -> None:
    await site.start(healthy=False)
    assert await starts(site) == ["never_ran"]
    first = await rows(site)
    assert [row["person"]["name"] for row in first[:3]] == ["console"] * 3, "what was done at the console is there too"
    began = next(row["row"] for row in first if row["action"] == "daemon.started")
    await until(lambda: _signed(site, began), 15, "the first head is signed")

    await site.stop_vmsd(signal.SIGKILL)
    await site.start_vmsd(healthy=False)
    assert await starts(site) == ["never_ran", "crash"]
    assert await rows(site, "daemon.stopped") == []

    assert await site.stop_vmsd() == 0
    (last,) = site.sql("SELECT seq, action FROM audit ORDER BY seq DESC LIMIT 1")
    assert last[1] == "daemon.stopped"
    assert last[0] in heads(site), "the stop itself is under the box's signature"

    site.sql("UPDATE meta SET value = 'another boot' WHERE key = 'running_since_boot' AND value <> ''")
    await site.start_vmsd(healthy=False)
    assert (await starts(site))[-1] == "clean"
    await site.stop_vmsd(signal.SIGKILL)
    site.sql("UPDATE meta SET value = 'another boot' WHERE key = 'running_since_boot'")
    await site.start_vmsd(healthy=False)
    assert (await starts(site))[-1] == "power_loss"
    good = await verdict(site)
    assert good["valid"], good
    assert good["length"] == len(await rows(site))


async def _signed(site: Site, least: int) -> bool:
    return any(seq >= least for seq in heads(site))


async def test_whoever_changes_a_byte_while_the_box_is_off_is_named_by_the_row(site: Site) -> None:
    await site.start(healthy=False)
    await site.add_camera("Portaria", "rtsp://127.0.0.1:1/live")
    assert (await verdict(site))["valid"]
    await site.stop_vmsd()
    (row,) = site.sql("SELECT seq FROM audit WHERE action = 'camera.added'")
    site.sql("DROP TRIGGER audit_never_changed")
    site.sql("UPDATE audit SET person_name = 'Outro' WHERE seq = :seq", seq=row[0])
    await site.start_vmsd(healthy=False)
    found = await verdict(site)
    assert (found["valid"], found["first_bad"], found["why"]) == (False, row[0], "changed")
