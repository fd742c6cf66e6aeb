"""Alerts on a person's own browser: what they may not know never leaves the box, and only that browser can read it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.receivers import Receiver, receiving
from tests.unit.tasks.recording_box import Box, open_box
from vmsd.config import OutboxRules, Push
from vmsd.host.outgoing import HttpSender
from vmsd.host.web_push import Subscription, load_push_key
from vmsd.model.destination import FOLDED, Destination, Item, Outcome
from vmsd.model.person import GUARD_VERBS, Person, Role, Verb
from vmsd.services.outgoing_places import OutgoingPlaces
from vmsd.services.push_sender import NOT_FOR_THEM, TOO_LATE, PushSender, subscription_text
from vmsd.services.senders import Target
from vmsd.store.groups import Groups
from vmsd.store.people import People
from vmsd.store.scope import CityTransaction, Scope
from vmsd.vendors.addresses import CameraNetworks

CITY = 1
ALERT = "5f6d2a1e-1111-4222-8333-444455556666"
BODY = {
    "id": ALERT,
    "kind": "wanted_plate",
    "level": "critical",
    "camera_name": "Portaria",
    "time": "2026-11-21T11:00:00.000Z",
    "note": "the note of somebody",
    "facts": {"plate": "ABC1D23", "reason": "roubo"},
}
RULES = Push(enabled=True, contact="mailto:box@example.org")


def read(body: bytes, own: EllipticCurvePrivateKey, auth: bytes) -> dict[str, Any]:
    """As a browser does (RFC 8291, section 3)."""
    salt, length = body[:16], body[20]
    sender = body[21 : 21 + length]
    public = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = own.exchange(ECDH(), EllipticCurvePublicKey.from_encoded_point(SECP256R1(), sender))
    derive = lambda secret, salt_, about, size: HKDF(hashes.SHA256(), size, salt_, about).derive(secret)  # noqa: E731
    secret = derive(shared, auth, b"WebPush: info\x00" + public + sender, 32)
    key = derive(secret, salt, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = derive(secret, salt, b"Content-Encoding: nonce\x00", 12)
    clear = AESGCM(key).decrypt(nonce, body[21 + length :], None)
    assert clear.endswith(b"\x02")
    found: dict[str, Any] = json.loads(clear[:-1])
    return found


@dataclass
class Browser:
    """One that a guard has subscribed with, at a push service."""

    box: Box
    sender: PushSender
    receiver: Receiver
    person: Person
    camera_id: int
    auth: bytes = bytes(range(16))
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))

    async def send(self, item: Item) -> Outcome:
        public = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        to = Destination(
            CITY, 1, "x", "push", "x", frozenset({"alertas.novo"}), enabled=True, sent_id=0, created_ms=0, changed_ms=0,
            person_id=self.person.id,
        )  # fmt: skip
        text = subscription_text(Subscription(f"{self.receiver.url}?id=1", public, self.auth))
        return await self.sender.send(Target(to, "city", text), [item])

    def item(self, *, camera: bool = True, age_s: int = 0) -> Item:
        at_ms = self.box.clock.wall - age_s * 1000
        return Item(1, "y", "alertas.novo", 1, at_ms, json.dumps(BODY), self.camera_id if camera else None)

    async def may(self, *verbs: Verb) -> None:
        async with self.box.database.write() as transaction:
            groups = Groups(Scope(self.box.database, CITY))
            held = {0: frozenset(verbs)} if verbs else {}
            await groups.set_rights(CityTransaction(transaction, CITY), self.person.id, held)

    async def change(self, sql: str) -> None:
        async with self.box.database.write() as transaction:
            await transaction.execute(sql)

    @property
    def told(self) -> dict[str, Any]:
        return read(self.receiver.raw[-1][1], self.key, self.auth)


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    networks = (ip_network("127.0.0.0/8"),)
    places = OutgoingPlaces(OutboxRules(networks=networks), lambda: CameraNetworks(networks))
    http = HttpSender(places.find, 5)
    async with receiving() as receiver, open_box(tmp_path) as box:
        receiver.status = 201
        camera = await box.camera()
        async with box.database.write() as transaction:
            person = Person(0, "p", CITY, "Guarda", Role.USER, "")
            number = await People(box.database).add(transaction, person, box.clock.wall)
            await transaction.execute(
                """INSERT INTO alert (city_id, id, public_id, kind, level, state, subject, audience, at_ms, raised_ms,
                last_ms, times, note, facts) VALUES (1, 1, :alert, 'wanted_plate', 'critical', 'new', 'x', 'USER',
                0, 0, 0, 1, '', '{}')""",
                {"alert": ALERT},
            )
        sender = PushSender(box.database, http, load_push_key(tmp_path), box.clock, RULES)
        made = Browser(box, sender, receiver, await People(box.database).get("p"), camera.key[1])
        assert number == made.person.id
        await made.may(*GUARD_VERBS)
        yield made
        await http.close()


async def test_the_browser_alone_can_read_what_happened_and_the_plate(browser: Browser):
    assert await browser.send(browser.item()) == Outcome(1, 201)
    told = {name: BODY[name] for name in ("id", "kind", "level", "camera_name", "time")}
    assert browser.told == told | {"plate": "ABC1D23"}
    headers, body = browser.receiver.raw[-1]
    assert b"ABC1D23" not in body
    assert headers["Content-Encoding"] == "aes128gcm"
    assert headers["TTL"] == "3600"
    assert headers["Authorization"].startswith("vapid t=")


async def test_without_the_right_to_plates_there_is_none_and_no_other_fact(browser: Browser):
    await browser.may(Verb.VIEW)
    await browser.send(browser.item())
    assert browser.told.keys() == {"id", "kind", "level", "camera_name", "time"}


async def test_who_may_not_see_the_camera_hears_nothing(browser: Browser):
    for verbs in ((), (Verb.REPLAY, Verb.PLATES)):
        await browser.may(*verbs)
        assert await browser.send(browser.item()) == NOT_FOR_THEM
    assert browser.receiver.asked == 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE person SET status = 'disabled'",
        "UPDATE city SET status = 'suspended'",
        "UPDATE alert SET audience = 'GESTOR'",
        "DELETE FROM alert",
    ],
)
async def test_nor_does_who_may_know_of_it_no_more(browser: Browser, change: str):
    await browser.change(change)
    assert await browser.send(browser.item(camera=False)) == NOT_FOR_THEM
    assert browser.receiver.asked == 0


async def test_what_is_old_is_not_sent_and_the_next_is_not_held_up_by_it(browser: Browser):
    assert await browser.send(browser.item(age_s=3601)) == TOO_LATE
    assert TOO_LATE.unsuitable


@pytest.mark.parametrize(
    ("status", "gone", "unsuitable"), [(404, True, False), (410, True, False), (413, False, True), (503, False, False)]
)
async def test_a_subscription_that_is_over_is_gone(browser: Browser, status: int, gone: bool, unsuitable: bool):
    browser.receiver.status = status
    outcome = await browser.send(browser.item())
    assert (outcome.arrived, outcome.status, outcome.gone, outcome.unsuitable) == (0, status, gone, unsuitable)


async def test_what_was_only_counted_is_for_no_browser_and_holds_up_none(browser: Browser):
    counted = replace(browser.item(), topic=FOLDED, body='{"folded":2,"topics":{"alertas.novo":2}}')
    assert await browser.send(counted) == NOT_FOR_THEM
    assert browser.receiver.asked == 0
