"""The broker the box itself is set to: a destination of every city, which no manager can take away."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from yarl import URL

from vmsd.clock import Clock
from vmsd.config import Amqp
from vmsd.errors import BadSetting
from vmsd.host.keys import Vault
from vmsd.model.destination import Destination
from vmsd.services.outbox import Outbox
from vmsd.services.senders import address_key
from vmsd.store.cities import Cities
from vmsd.store.database import Database
from vmsd.store.destinations import Destinations, new_public_id
from vmsd.store.scope import Scope

NAME = "central"
CREDENTIAL = "amqp.password"


def central_url(rules: Amqp) -> str | None:
    """With its password; raises `BadSetting` for a file that cannot be read."""
    if rules.url is None:
        return None
    file = _password_file(rules)
    if file is None:
        return rules.url
    try:
        password = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"amqp.password_file: cannot read {file}") from error
    return str(URL(rules.url).with_password(password))


def _password_file(rules: Amqp) -> Path | None:
    if rules.password_file is not None:
        return rules.password_file
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(credentials) / CREDENTIAL if credentials else None
    return credential if credential and credential.exists() else None


class CentralBroker:
    """`url` None: there is none, and what there was is taken away."""

    def __init__(
        self, database: Database, vault: Vault, outbox: Outbox, clock: Clock, url: str | None, topics: frozenset[str]
    ) -> None:
        self._database = database
        self._vault = vault
        self._outbox = outbox
        self._clock = clock
        self._url = url
        self._topics = topics
        self._done: frozenset[int] = frozenset()

    async def settle(self) -> None:
        """In every city as the configuration says; each is looked at once in the daemon's life."""
        cities = frozenset(city.id for city in await Cities(self._database).list())
        for city_id in cities - self._done:
            await self._settle(Scope(self._database, city_id))
        self._done = cities

    async def _settle(self, scope: Scope) -> None:
        store = Destinations(scope)
        present = next((one for one in await store.list() if one.kind == "central"), None)
        if present is None and self._url is None:
            return
        public_id = present.public_id if present else new_public_id()
        sealed = self._vault.seal((self._url or "").encode(), address_key(public_id))
        now_ms = self._clock.wall_ms()
        async with scope.write() as transaction:
            self._outbox.forget(scope.city_id)
            if present is None:
                await store.add(
                    transaction,
                    "central",
                    NAME,
                    self._topics,
                    public_id=public_id,
                    address=sealed,
                    secret=None,
                    now_ms=now_ms,
                )
            elif self._url is None:
                await store.remove(transaction, present)
            else:
                await store.change(transaction, _changed(present, self._topics, sealed), present.changed_ms, now_ms)


def _changed(present: Destination, topics: frozenset[str], sealed: bytes) -> Destination:
    return replace(present, topics=topics, address=sealed)
