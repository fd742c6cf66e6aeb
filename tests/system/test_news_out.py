"""News reaches other programs whatever happens to them, to the broker, and to the daemon itself."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import until
from tests.support.rabbitmq import RabbitMq, needs_rabbitmq
from tests.support.receivers import HANG, receiving
from tests.support.site import Site
from vmsd.config import OutboxRules
from vmsd.host.amqp import Address, Broker, Message
from vmsd.host.outgoing import tls_context
from vmsd.model.destination import Destination, Item, Outcome
from vmsd.services.outgoing_places import OutgoingPlaces
from vmsd.services.senders import UNROUTED, BrokerSender, Target
from vmsd.vendors.addresses import CameraNetworks

TOPIC = "eventos.marca"
FAST = {"networks": ["127.0.0.0/8"], "retry_most_s": 2, "deadline_s": 3, "webhook_per_s": 100}


async def happen(site: Site, camera_id: str, *numbers: int) -> None:
    """Something is seen, once for each number."""
    for number in numbers:
        event = {"camera_id": camera_id, "type": "teste", "time": "2026-11-21T11:00:00Z", "text": str(number)}
        status, body = await site.ask("POST", "/api/v1/events", event)
        assert status in (200, 201, 202), body


async def add(site: Site, **fields: Any) -> Any:
    body = {"name": "x", "topics": [TOPIC]} | fields
    status, made = await site.ask("POST", "/api/v1/destinations", body)
    assert status == 201, made
    return made


def numbers_of(bodies: list[dict[str, Any]]) -> list[int]:
    """Each item once, in the order in which it came first."""
    return [int(body["data"]["text"]) for body in {body["id"]: body for body in bodies}.values()]


@needs_rabbitmq
@pytest.mark.timeout(180)
async def test_a_broker_stopped_for_a_while_gets_everything_in_order(tmp_path: Path):
    async with RabbitMq(tmp_path / "rabbit") as broker:
        password = tmp_path / "password"
        password.write_text("guest\n")
        central = {"url": broker.url.replace(":guest@", "@"), "password_file": str(password), "topics": [TOPIC]}
        site_folder = tmp_path / "site"
        site_folder.mkdir()
        async with Site(site_folder, outbox=FAST, amqp=central) as site:
            await site.start()
            camera_id = await site.add_camera("Portaria", "rtsp://127.0.0.1:9/live")
            await broker.declare("all", "vmsd", "eventos.*")
            made = await add(site, kind="amqp", url=broker.url)
            await until(lambda: listed(site, 2), 20, "the box's own broker is a destination too")
            await happen(site, camera_id, *range(20))
            await until(lambda: settled(site), 20, "everything has arrived")
            await broker.stop()
            await happen(site, camera_id, *range(20, 50))
            await until(lambda: failing(site, made["id"]), 20, "it is said that it fails")
            await site.stop_vmsd(signal.SIGKILL)
            await site.start_vmsd()
            await happen(site, camera_id, *range(50, 80))
            await broker.start()
            await happen(site, camera_id, *range(80, 90))
            await until(lambda: settled(site), 40, "everything has arrived")
        messages = await broker.fetch("all")
        await plates_go_to_their_own_exchange(broker)
    bodies = [json.loads(message.body) for message in messages]
    assert numbers_of(bodies) == list(range(90))
    times = [sum(body["id"] == one for body in bodies) for one in {body["id"] for body in bodies}]
    assert min(times) >= 2, "by the city's own destination and by the box's"
    first = messages[0]
    assert (first.routing_key, first.content_type, first.delivery_mode) == (TOPIC, "application/json", 2)
    assert first.message_id == bodies[0]["id"]


async def plates_go_to_their_own_exchange(broker: RabbitMq) -> None:
    await broker.declare("plates", "deteccoes", "deteccoes.lpr")
    rules = OutboxRules(networks=("127.0.0.0/8",))
    places = OutgoingPlaces(rules, lambda: CameraNetworks(rules.networks))
    sender = BrokerSender(places, 5, tls_context)
    to = Destination(1, 1, "x", "amqp", "x", frozenset(), enabled=True, sent_id=0, created_ms=0, changed_ms=0)
    items = [
        Item(number, str(number), topic, 2, 0, "{}") for number, topic in enumerate(("deteccoes.lpr", "fila.teste"))
    ]
    outcome = await sender.send(Target(to, "city", broker.url), items)
    await sender.keep(())
    assert outcome == Outcome(2, None, UNROUTED), "what no queue wants has arrived all the same, and is told of"
    assert [message.message_id for message in await broker.fetch("plates")] == ["0"]


@needs_rabbitmq
@pytest.mark.timeout(120)
async def test_a_connection_that_ends_under_what_is_published_is_an_answer_like_any_other(tmp_path: Path):
    async def find(_host: str, _port: int) -> list[Address]:
        return [ip_address("127.0.0.1")]

    messages = [Message("vmsd", TOPIC, str(number), 0, bytes(50_000)) for number in range(100)]
    said = set()
    async with RabbitMq(tmp_path / "rabbit") as rabbit:
        for turns in range(0, 120, 4):
            broker = Broker(rabbit.url, find, 10, tls_context)
            published = asyncio.ensure_future(broker.publish(messages))
            for _ in range(turns):
                await asyncio.sleep(0.0003)
            await broker.close()
            outcome = await published
            assert outcome.confirmed == len(messages) or outcome.error
            said.add(outcome.error)
            await broker.close()
    assert said & {"the connection was broken off", "ConnectionClosed"}


async def listed(site: Site, count: int) -> bool:
    return len((await site.get("/api/v1/destinations"))["items"]) == count


async def settled(site: Site) -> bool:
    items = (await site.get("/api/v1/destinations"))["items"]
    return all(one["state"] == "ok" and one["waiting"] == 0 for one in items)


async def failing(site: Site, destination_id: str) -> bool:
    return bool((await site.get(f"/api/v1/destinations/{destination_id}"))["state"] == "failing")


@pytest.mark.timeout(150)
async def test_a_daemon_killed_again_and_again_loses_nothing_on_the_way_to_a_bad_receiver(tmp_path: Path):
    chance = random.Random(7)
    async with receiving() as receiver, Site(tmp_path, outbox=FAST) as site:
        await site.start()
        camera_id = await site.add_camera("Portaria", "rtsp://127.0.0.1:9/live")
        made = await add(site, kind="webhook", url=receiver.url)
        receiver.secret = made["secret"]
        receiver.status = lambda _: chance.choices((200, 500, 302, HANG), (85, 10, 4, 1))[0]
        for turn in range(4):
            await happen(site, camera_id, *range(turn * 40, turn * 40 + 40))
            await asyncio.sleep(chance.uniform(0, 0.5))
            await site.stop_vmsd(signal.SIGKILL)
            await site.start_vmsd()
        receiver.status = 200
        await until(lambda: settled(site), 40, "everything has arrived")
        assert numbers_of(receiver.taken) == list(range(160))
        assert await until(lambda: emptied(site), 15, "nothing is kept that has arrived")


async def emptied(site: Site) -> bool:
    return site.sql("SELECT count(*) FROM outbox") == [(0,)]
