"""`/api/v1/exports`: who may ask for one, see it, fetch it, and what is written down of that."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.tasks.export_box import START_MS, put_segment
from tests.unit.tasks.recording_box import Camera
from vmsd.clock import rfc3339
from vmsd.host.tree import Folder
from vmsd.model.person import Role, Verb
from vmsd.services.storage import BreakerState

if TYPE_CHECKING:
    from tests.unit.api.conftest import Town

EXPORTS = "/api/v1/exports"


def body(*camera_ids: str, seconds: int = 4, **more: Any) -> dict[str, Any]:
    period = {"start": rfc3339(START_MS), "end": rfc3339(START_MS + seconds * 1000)}
    return {"camera_ids": list(camera_ids), **period, "reason": "Furto", "request_number": "1/2026"} | more


@pytest.fixture
async def recorded(town: Town) -> list[str]:
    """Two cameras of the first city, each with a recording; the disk is in order."""
    served = town.served
    ids = []
    await served.daemon._volume.watch.settle(served.base.database)
    await served.daemon._volume.watch.look()
    served.daemon._volume.watch.breaker = BreakerState(open=False, reason=None, since_ms=0)
    for number, name in enumerate(("Portaria", "Praça"), 1):
        camera = await served.camera(town.root, town.here, name=name)
        ids.append(camera["id"])
        folder = Folder(town.here.public_id, camera["id"])
        put_segment(Camera(folder, (town.here.id, number), served.site.settings.recordings_dir), START_MS)
    served.daemon._volume.index.complete = False
    scanner = served.daemon._runner("scanner").task
    while not served.daemon._volume.index.complete:
        await scanner.once()
    return ids


async def made(town: Town, export_id: str) -> dict[str, Any]:
    """The export once the daemon's task has made it."""
    task = town.served.daemon.evidence.exporter
    town.served.clock.pass_s(30)
    for _ in range(20):
        await task.once()
        answer = (await town.ask("GET", f"{EXPORTS}/{export_id}", who=town.gestor)).body
        if answer["state"] not in ("queued", "running"):
            return answer
    raise AssertionError(answer)


async def test_an_export_is_asked_for_made_fetched_in_parts_and_handed_over(town: Town, recorded: list[str]):
    asked = await town.ask("POST", EXPORTS, body(recorded[0]), who=town.gestor)
    assert asked.status == 202, asked.raw
    place = f"{EXPORTS}/{asked.body['id']}"
    assert asked.headers["Location"] == place
    assert asked.body["state"] == "queued"
    assert (await town.ask("GET", f"{place}/download", who=town.gestor)).status == 409
    export = await made(town, asked.body["id"])
    assert export["state"] == "done", export
    assert (export["progress"], export["missing_seconds"]) == (1.0, 0.0)
    (file,) = export["files"]

    whole = await town.ask("GET", f"{place}/download", who=town.gestor)
    assert whole.status == 200
    assert whole.headers["ETag"] == f'"{file["sha256"]}"'
    assert hashlib.sha256(whole.raw).hexdigest() == file["sha256"]
    assert file["name"] in whole.headers["Content-Disposition"]
    part = await town.ask("GET", f"{place}/download", who=town.gestor, Range="bytes=100-199")
    assert (part.status, part.raw) == (206, whole.raw[100:200])
    delivery = {"receiver": "Delegacia", "document": "Recibo 1", "note": "em mãos"}
    delivered = await town.ask("POST", f"{place}/deliveries", delivery, who=town.gestor)
    assert (delivered.status, delivered.body["sha256"]) == (201, file["sha256"])
    assert len((await town.ask("GET", place, who=town.gestor)).body["deliveries"]) == 1
    assert (await town.ask("DELETE", place, who=town.gestor)).status == 204
    assert (await town.ask("GET", f"{place}/download", who=town.gestor)).status == 404
    assert (await town.ask("GET", place, who=town.gestor)).body["removed_at"] is not None
    rows = (await town.ask("GET", "/api/v1/audit?action=export", who=town.gestor)).body["items"]
    words = ["removed", "delivered", "downloaded", "done", "asked"]
    assert [row["action"] for row in rows] == [f"export.{word}" for word in words], "once per download"


async def test_who_may_not_export_every_camera_of_it_never_hears_of_it(town: Town, recorded: list[str]):
    group = (await town.ask("POST", "/api/v1/groups", {"name": "Entradas"}, who=town.gestor)).body
    await town.ask("PATCH", f"/api/v1/cameras/{recorded[0]}", {"group": "Entradas"}, who=town.gestor)
    number = (await town.served.base.database.read("SELECT id FROM camera_group"))[0]["id"]
    held = {0: frozenset({Verb.REPLAY}), number: frozenset({Verb.EXPORT})}
    await town.served.person("porteiro", Role.USER, town.here, held)
    limited = await town.served.token("porteiro")
    assert group["id"]
    assert (await town.ask("POST", EXPORTS, body(recorded[1]), who=limited)).status == 403
    assert (await town.ask("POST", EXPORTS, body(*recorded), who=limited)).status == 403
    assert (await town.ask("POST", EXPORTS, body(recorded[0]), who=town.guard)).status == 403
    mine = (await town.ask("POST", EXPORTS, body(recorded[0]), who=limited)).body
    both = (await town.ask("POST", EXPORTS, body(*recorded), who=town.gestor)).body
    seen = (await town.ask("GET", EXPORTS, who=limited)).body["items"]
    assert [one["id"] for one in seen] == [mine["id"]]
    for method, path in (("GET", ""), ("GET", "/download"), ("DELETE", ""), ("POST", "/retry")):
        assert (await town.ask(method, f"{EXPORTS}/{both['id']}{path}", who=limited)).status == 404
        assert (await town.ask(method, f"{EXPORTS}/{both['id']}{path}", who=town.other)).status == 404
    first = (await town.ask("GET", f"{EXPORTS}?limit=1", who=town.gestor)).body
    second = (await town.ask("GET", f"{EXPORTS}?limit=1&cursor={first['next']}", who=town.gestor)).body
    assert [one["id"] for one in (*first["items"], *second["items"])] == [both["id"], mine["id"]]


async def test_a_browser_fetches_what_is_of_the_city_it_shows_until_somebody_may_not(town: Town, recorded: list[str]):
    """A superadmin's browser sends no header; rights count when it is fetched, not when it was asked for."""
    ask = town.ask
    export = await made(town, (await ask("POST", EXPORTS, body(*recorded), who=town.gestor)).body["id"])
    place = f"{EXPORTS}/{export['id']}/download"
    browser = await town.served.session("root")
    shown = await ask("GET", place, who=browser, city=None)
    assert shown.status == 200
    assert shown.raw[:4] == b"PK\3\4"
    for name in ("Entradas", "Saídas"):
        await ask("POST", "/api/v1/groups", {"name": name}, who=town.gestor)
    for camera_id in recorded:
        await ask("PATCH", f"/api/v1/cameras/{camera_id}", {"group": "Entradas"}, who=town.gestor)
    (row,) = await town.served.base.database.read("SELECT id FROM camera_group WHERE name = 'Entradas'")
    await town.served.person("porteiro", Role.USER, town.here, {row["id"]: frozenset({Verb.EXPORT})})
    limited = await town.served.token("porteiro")
    assert (await ask("GET", place, who=limited)).status == 200
    await ask("PATCH", f"/api/v1/cameras/{recorded[1]}", {"group": "Saídas"}, who=town.gestor)
    assert (await ask("GET", place, who=limited)).status == 404
    await ask("PATCH", f"/api/v1/cities/{town.here.public_id}", {"status": "suspended"}, who=town.root)
    assert (await ask("GET", place, who=town.gestor)).status == 403


async def test_a_session_gives_its_password_again_before_it_exports(town: Town, recorded: list[str]):
    session = await town.served.session("gestora")
    town.served.clock.pass_s(700)
    refused = await town.ask("POST", EXPORTS, body(recorded[0]), who=session)
    assert (refused.status, refused.body["cause"]) == (403, "reauthenticate")


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"end": rfc3339(START_MS)}, "/end"),
        ({"end": rfc3339(START_MS).replace(".000Z", ".0004Z")}, "/end"),
        ({"end": rfc3339(START_MS + 400 * 86_400_000)}, "/end"),
        ({"start": rfc3339(START_MS - 90_000), "end": rfc3339(START_MS - 60_000)}, "/start"),
        ({"camera_ids": []}, "/camera_ids"),
        ({"format": "avi"}, "/format"),
        ({"reason": ""}, "/reason"),
        ({"codec": "h264"}, "/codec"),
    ],
)
async def test_what_cannot_be_is_named(town: Town, recorded: list[str], changed: dict[str, Any], pointer: str):
    answer = await town.ask("POST", EXPORTS, body(recorded[0], **changed), who=town.gestor)
    assert answer.status == 422, answer.raw
    assert pointer in answer.pointers


async def test_what_is_not_there_and_what_does_not_fit(town: Town, recorded: list[str]):
    nobody = "00000000-0000-4000-8000-00000000dead"
    assert (await town.ask("POST", EXPORTS, body(nobody), who=town.gestor)).status == 404
    assert (await town.ask("POST", EXPORTS, body(recorded[0], hold_id=nobody), who=town.gestor)).status == 404
    town.served.daemon._volume.watch.breaker = BreakerState(open=True, reason=None, since_ms=0)
    assert (await town.ask("POST", EXPORTS, body(recorded[0]), who=town.gestor)).status == 507
