"""Alerts on a person's own browser, wherever it is: encrypted for it alone, and nothing that they may not know."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from vmsd.clock import Clock
from vmsd.config import Push as Rules
from vmsd.host.outgoing import HttpSender
from vmsd.host.web_push import PushKey, Subscription, decoded, encoded, encrypt
from vmsd.model.destination import FOLDED, Item, Outcome
from vmsd.model.person import Verb
from vmsd.services.senders import HTTP_TEXTS, OK, Target
from vmsd.store.database import Database
from vmsd.store.push_facts import find_audience, find_group, find_person
from vmsd.store.scope import Scope

GONE = {404, 410}
USELESS = {400, 413}
"""It does not take this message, and would not tomorrow."""
TOLD = ("id", "kind", "level", "camera_name", "time")
NOT_FOR_THEM = Outcome(0, None, "the person may not know of it", unsuitable=True)
TOO_LATE = Outcome(0, None, "it is too old", unsuitable=True)


def subscription_text(subscription: Subscription) -> str:
    """As it is sealed."""
    keys = {"p256dh": encoded(subscription.public_key), "auth": encoded(subscription.auth)}
    return json.dumps({"endpoint": subscription.endpoint, **keys})


def subscription_of(text: str) -> Subscription:
    """Raises ValueError for what is none."""
    said: dict[str, str] = json.loads(text)
    return Subscription(said["endpoint"], decoded(said["p256dh"]), decoded(said["auth"]))


class PushSender:
    """One message per alert. The push service sees who gets one and when, not what it says."""

    at_once = 1

    def __init__(self, database: Database, http: HttpSender, key: PushKey, clock: Clock, rules: Rules) -> None:
        self._database = database
        self._http = http
        self._key = key
        self._clock = clock
        self._rules = rules

    async def send(self, target: Target, items: Sequence[Item]) -> Outcome:
        (item,) = items
        now_ms = self._clock.wall_ms()
        if now_ms - item.at_ms > self._rules.kept_s * 1000:
            return TOO_LATE
        told = None if item.topic == FOLDED else await self._told(target, item)
        if told is None:
            return NOT_FOR_THEM
        subscription = subscription_of(target.address)
        body = encrypt(json.dumps(told, ensure_ascii=False).encode(), subscription)
        answer = await self._http.post(subscription.endpoint, body, self._headers(subscription, told, now_ms))
        if answer.status is None:
            return Outcome(0, None, answer.error)
        if answer.status in OK:
            return Outcome(1, answer.status)
        text, gone = HTTP_TEXTS.get(answer.status // 100, "it answered nonsense"), answer.status in GONE
        return Outcome(0, answer.status, text, answer.retry_after_s, gone, unsuitable=answer.status in USELESS)

    def _headers(self, subscription: Subscription, told: Mapping[str, Any], now_ms: int) -> Mapping[str, str]:
        return {
            "Authorization": self._key.authorization(subscription.endpoint, self._rules.contact, now_ms // 1000),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(self._rules.kept_s),
            "Urgency": "high",
            "Topic": told["id"].replace("-", "")[:32],
        }

    async def _told(self, target: Target, item: Item) -> dict[str, Any] | None:
        """What the person may know of this alert now; None: not even that there is one."""
        scope, body = Scope(self._database, target.destination.city_id), json.loads(item.body)
        person = await find_person(self._database, target.destination.person_id or 0)
        audience = await find_audience(scope, body["id"])
        if person is None or audience is None or not person.role.reaches(audience):
            return None
        told = {name: body[name] for name in TOLD}
        if item.camera_id is None:
            return told
        held = person.rights.on(await find_group(scope, item.camera_id))
        if Verb.VIEW not in held:
            return None
        plate = body["facts"].get("plate")
        return told | {"plate": plate} if plate and Verb.PLATES in held else told
