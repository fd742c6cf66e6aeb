"""Destinations over HTTP: set up by who answers for the city, secrets shown once, tests that say what came of them."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from structlog.testing import capture_logs

from tests.support.receivers import receiving
from tests.unit.api.conftest import Town, make_town
from tests.unit.api.served import serve
from vmsd.model.person import ALL_VERBS, Verb
from vmsd.services.outbox import OutboxItem
from vmsd.store.scope import Scope

HERE = "/api/v1/destinations"
PUSH = "/api/v1/push"
NEW = {"kind": "webhook", "name": "Central", "url": "https://198.51.100.7/hook", "topics": ["alertas.novo"]}
CANARY = "c4n4ry-s3cr3t"


@pytest.fixture
async def town(tmp_path):
    outbox = {"networks": ["127.0.0.0/8"], "destinations": 3}
    push = {"enabled": True, "contact": "mailto:box@example.org", "each": 2}
    async with serve(tmp_path, outbox=outbox, push=push) as served:
        yield await make_town(served)
        await served.daemon.guards_room.news_out.close()


async def add(town: Town, **fields: Any) -> Any:
    answer = await town.ask("POST", HERE, NEW | fields, who=town.gestor)
    assert answer.status == 201, answer.raw
    return answer.body


async def test_it_is_added_shown_changed_switched_off_and_removed(town: Town):
    made = await add(town)
    assert made.pop("secret").startswith("whsec_")
    assert made["state"] == "new"
    assert (await town.ask("GET", HERE, who=town.gestor)).body == {"items": [made], "next": None}
    place = f"{HERE}/{made['id']}"
    change = {"name": "Outra", "topics": ["alertas.novo", "deteccoes.lpr"], "enabled": False}
    changed = (await town.ask("PATCH", place, change, who=town.gestor)).body
    assert changed.items() >= {"name": "Outra", "enabled": False, "state": "off", "url": NEW["url"]}.items()
    assert changed["topics"] == ["deteccoes.lpr", "alertas.novo"]
    assert (await town.ask("DELETE", place, who=town.gestor)).status == 204
    assert (await town.ask("GET", place, who=town.gestor)).status == 404
    rows = (await town.ask("GET", "/api/v1/audit?action=destination", who=town.gestor)).body["items"]
    assert [row["action"] for row in rows] == ["destination.removed", "destination.changed", "destination.added"]


async def test_another_city_does_not_see_it_and_a_guard_not_even_their_own(town: Town):
    place = f"{HERE}/{(await add(town))['id']}"
    for method, path in (("GET", place), ("PATCH", place), ("DELETE", place), ("POST", f"{place}/test")):
        body = {"name": "x"} if method == "PATCH" else None
        assert (await town.ask(method, path, body, who=town.other)).status == 404
        assert (await town.ask(method, path, body, who=town.guard)).status == 403
    assert (await town.ask("GET", HERE, who=town.other)).body["items"] == []


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"url": "https://10.0.0.1:8443/"}, None),
        ({"url": "https://169.254.169.254/"}, "/url"),
        ({"url": "http://198.51.100.7/"}, "/url"),
        ({"url": "amqps://198.51.100.7/"}, "/url"),
        ({"url": ""}, "/url"),
        ({"topics": []}, "/topics"),
        ({"topics": ["alertas.novo", "alertas.novo"]}, "/topics"),
        ({"topics": ["tudo"]}, "/topics/0"),
        ({"kind": "push"}, "/kind"),
        ({"kind": "amqp"}, "/url"),
        ({"name": " "}, "/name"),
        ({"more": 1}, "/more"),
    ],
)
async def test_what_cannot_be_a_destination_is_refused_field_by_field(town: Town, fields: Any, pointer: str | None):
    answer = await town.ask("POST", HERE, NEW | fields, who=town.gestor)
    assert (answer.status, answer.pointers) == ((422, {pointer}) if pointer else (201, set()))


async def test_a_city_has_only_so_many(town: Town):
    for _ in range(3):
        await add(town)
    assert (await town.ask("POST", HERE, NEW, who=town.gestor)).status == 409


async def test_plates_are_sent_out_by_nobody_who_may_not_see_them(town: Town):
    blind = await town.served.token("gestora", ALL_VERBS - {Verb.PLATES})
    assert (await town.ask("POST", HERE, NEW, who=blind)).status == 403
    fields = NEW | {"topics": ["eventos.marca"]}
    made = (await town.ask("POST", HERE, fields, who=blind)).body
    change = {"topics": ["deteccoes.lpr"]}
    assert (await town.ask("PATCH", f"{HERE}/{made['id']}", change, who=blind)).status == 403


async def test_a_test_says_what_came_of_it_and_is_in_the_log_of_attempts(town: Town):
    async with receiving() as receiver:
        made = await add(town, url=receiver.url)
        receiver.secret = made["secret"]
        place = f"{HERE}/{made['id']}"
        fine = (await town.ask("POST", f"{place}/test", who=town.gestor)).body
        receiver.status = 503
        broken = (await town.ask("POST", f"{place}/test", who=town.gestor)).body
        renewed = (await town.ask("POST", f"{place}/secret", who=town.gestor)).body
        assert renewed["secret"] != made["secret"]
        receiver.secret, receiver.status = renewed["secret"], 200
        again = (await town.ask("POST", f"{place}/test", who=town.gestor)).body
    assert (fine["arrived"], fine["status"], fine["error"], fine["topic"]) == (1, 204, None, "fila.teste")
    assert (broken["arrived"], broken["status"], broken["error"]) == (0, 503, "it failed")
    attempts = (await town.ask("GET", f"{place}/attempts", who=town.gestor)).body["items"]
    assert attempts == [again, broken, fine]
    assert [one["type"] for one in receiver.taken] == ["fila.teste", "fila.teste"]


async def test_what_waits_and_why_is_said(town: Town):
    async with receiving() as receiver:
        receiver.status = 500
        made = await add(town, url=receiver.url)
        room = town.served.daemon.guards_room
        async with Scope(town.served.base.database, town.here.id).write() as transaction:
            for number in range(3):
                await room.outbox.put(transaction, OutboxItem("alertas.novo", {"number": number}), 0)
        room.outbox.nudge()
        for task in room.news_out.tasks()[1:]:
            await task.once()
        shown = (await town.ask("GET", f"{HERE}/{made['id']}", who=town.gestor)).body
        assert shown.items() >= {"state": "failing", "error": "it failed", "failures": 1, "waiting": 3}.items()
        receiver.status = 200
        await town.ask("POST", f"{HERE}/{made['id']}/test", who=town.gestor)
        for _ in range(10):
            town.served.clock.pass_s(1)
            for task in room.news_out.tasks()[1:]:
                await task.once()
        shown = (await town.ask("GET", f"{HERE}/{made['id']}", who=town.gestor)).body
        assert shown.items() >= {"state": "ok", "error": None, "failures": 0, "waiting": 0}.items()
        assert receiver.numbers == [0, 1, 2]


async def test_no_secret_of_a_destination_is_in_an_answer_the_log_or_the_database(town: Town):
    with capture_logs() as logs:
        amqp = NEW | {"kind": "amqp", "url": f"amqps://u:{CANARY}@198.51.100.8/v"}
        made = (await town.ask("POST", HERE, amqp, who=town.gestor)).body
        assert made["secret"] is None
        hook = await add(town, url=f"https://198.51.100.7/hook?key={CANARY}")
        answers = [(await town.ask("GET", path, who=town.gestor)).raw for path in (HERE, "/api/v1/audit")]
    files = [one.read_bytes() for one in town.served.base.settings.data_dir.glob("vmsd.db*")]
    for secret in (CANARY.encode(), hook["secret"].encode()):
        assert not any(secret in one for one in (*answers, *files, repr(logs).encode()))
    assert b"***" in answers[0]


def subscription(number: int = 1, **fields: Any) -> dict[str, Any]:
    point = generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = {"p256dh": text(point), "auth": text(bytes(16))}
    return {"name": "Celular", "endpoint": f"https://fcm.googleapis.com/fcm/send/{number}", "keys": keys} | fields


def text(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


async def test_a_browser_subscribes_once_whoever_uses_it_and_is_nobody_elses_business(town: Town):
    sent = subscription()
    first = await town.ask("POST", f"{PUSH}/subscriptions", sent, who=town.guard)
    assert first.status == 201
    again = await town.ask("POST", f"{PUSH}/subscriptions", sent, who=town.guard)
    assert again.body["id"] == first.body["id"]
    seen = (await town.ask("GET", PUSH, who=town.guard)).body
    assert seen["public_key"]
    assert [one["id"] for one in seen["subscriptions"]] == [first.body["id"]]
    assert (await town.ask("GET", f"{HERE}/{first.body['id']}", who=town.gestor)).status == 404
    assert (await town.ask("GET", HERE, who=town.gestor)).body["items"] == []
    place = f"{PUSH}/subscriptions/{first.body['id']}"
    assert (await town.ask("DELETE", place, who=town.gestor)).status == 404
    assert (await town.ask("POST", f"{PUSH}/subscriptions", sent, who=town.gestor)).status == 201
    assert (await town.ask("GET", PUSH, who=town.guard)).body["subscriptions"] == []
    assert (await town.ask("DELETE", place, who=town.gestor)).status == 204


@pytest.mark.parametrize(
    "fields",
    [
        {"endpoint": "https://attacker.example.org/push"},
        {"endpoint": "http://fcm.googleapis.com/fcm/send/1"},
        {"endpoint": "https://fcm.googleapis.com:8443/x"},
        {"endpoint": "https://x@fcm.googleapis.com/x"},
        {"keys": {"p256dh": text(b"\x04" + bytes(64)), "auth": text(bytes(16))}},
        {"keys": {"p256dh": "AAAA", "auth": "AAAA"}},
    ],
)
async def test_only_a_real_browser_at_a_known_push_service_is_taken(town: Town, fields: Any):
    assert (await town.ask("POST", f"{PUSH}/subscriptions", subscription() | fields, who=town.guard)).status == 422


async def test_a_person_has_only_so_many_browsers(town: Town):
    answers = [await town.ask("POST", f"{PUSH}/subscriptions", subscription(n), who=town.guard) for n in range(3)]
    assert [one.status for one in answers] == [201, 201, 409]


async def test_a_new_password_and_another_city_end_what_a_browser_was_told(town: Town):
    guard, root = town.served.people["guarda"], town.root
    place = f"/api/v1/users/{guard.public_id}"
    for change in ({"password": "quatro palavras bem escolhidas"}, {"city_id": town.there.public_id}):
        who = await town.served.token("guarda")
        assert (await town.ask("POST", f"{PUSH}/subscriptions", subscription(), who=who)).status == 201
        answer = await town.ask("PATCH", place, change, who=root)
        assert answer.status == 200, answer.raw
        rows = await town.served.base.database.read("SELECT count(*) AS found FROM destination")
        assert rows[0]["found"] == 0


async def test_a_superadmin_is_told_of_no_city(town: Town):
    answer = await town.ask("POST", f"{PUSH}/subscriptions", subscription(), who=town.root, city=town.here)
    assert answer.status == 409
