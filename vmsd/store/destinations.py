"""The destinations of one city, and what came of the last attempts there."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from vmsd.errors import Conflict, NotFound
from vmsd.model.destination import Attempt, Destination, Kind
from vmsd.store.database import Row
from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

COLUMNS = """city_id, id, public_id, kind, name, topics, enabled, sent_id, created_ms, changed_ms, person_id, sent_ms,
    failures, retry_ms, broken_since_ms, gone_ms, address, secret"""
_FIELDS = tuple(COLUMNS.replace("\n", "").replace(" ", "").split(","))
_NEWEST = """max(
        coalesce((SELECT max(id) FROM outbox WHERE city_id = :city_id), 0),
        coalesce((SELECT max(sent_id) FROM destination WHERE city_id = :city_id), 0)
    )"""
"""The number of the last item there ever was, as far as any destination can tell."""
KEPT_ATTEMPTS = 200

LIST = CitySql(
    f"""SELECT {COLUMNS} FROM destination WHERE city_id = :city_id AND id > :after AND kind <> 'push'
    ORDER BY id LIMIT :limit"""
)
GET = CitySql(f"SELECT {COLUMNS} FROM destination WHERE city_id = :city_id AND public_id = :public_id")
OF_PERSON = CitySql(
    f"""SELECT {COLUMNS} FROM destination WHERE city_id = :city_id AND person_id = :person_id AND kind = 'push'
    ORDER BY id"""
)
COUNT = CitySql("SELECT count(*) AS found FROM destination WHERE city_id = :city_id AND (kind = 'push') = :push")
INSERT = CitySql(
    f"""INSERT INTO destination (city_id, id, public_id, kind, name, address, secret, topics, person_id, enabled,
    sent_id, failures, created_ms, changed_ms) VALUES (:city_id,
    (SELECT coalesce(max(id), 0) + 1 FROM destination WHERE city_id = :city_id), :public_id, :kind, :name, :address,
    :secret, :topics, :person_id, 1, {_NEWEST}, 0, :now_ms, :now_ms)"""
)
CHANGE = CitySql(
    """UPDATE destination SET name = :name, address = :address, secret = :secret, topics = :topics,
    changed_ms = max(changed_ms + 1, :now_ms) WHERE city_id = :city_id AND id = :id AND changed_ms = :seen_ms"""
)
ENABLE = CitySql(
    f"""UPDATE destination SET enabled = 1, sent_id = {_NEWEST}, failures = 0, retry_ms = NULL, broken_since_ms = NULL,
    gone_ms = NULL WHERE city_id = :city_id AND id = :id AND enabled = 0"""
)
DISABLE = CitySql("UPDATE destination SET enabled = 0 WHERE city_id = :city_id AND id = :id AND enabled = 1")
RETRY_NOW = CitySql("UPDATE destination SET retry_ms = NULL WHERE city_id = :city_id AND id = :id")
REMOVE = CitySql("DELETE FROM destination WHERE city_id = :city_id AND id = :id")
WAITING = CitySql(
    "SELECT topic, count(*) AS items FROM outbox WHERE city_id = :city_id AND id > :sent_id GROUP BY topic"
)
ATTEMPTS = CitySql(
    """SELECT at_ms, topic, item, items, status, error, took_ms FROM attempt
    WHERE city_id = :city_id AND destination_id = :destination_id ORDER BY id DESC LIMIT :limit"""
)
NOTE = CitySql(
    """INSERT INTO attempt (city_id, destination_id, id, at_ms, topic, item, items, status, error, took_ms)
    VALUES (:city_id, :destination_id, (SELECT coalesce(max(id), 0) + 1 FROM attempt
        WHERE city_id = :city_id AND destination_id = :destination_id),
    :at_ms, :topic, :item, :items, :status, :error, :took_ms)"""
)
FORGET = CitySql(
    """DELETE FROM attempt WHERE city_id = :city_id AND destination_id = :destination_id
    AND id <= (SELECT max(id) FROM attempt WHERE city_id = :city_id AND destination_id = :destination_id) - :kept"""
)


class Destinations:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def list(self, *, after: int = 0, limit: int = 500) -> Sequence[Destination]:
        """All but people's own browsers, in the order they were added."""
        return [destination_of(row) for row in await self._scope.fetch(LIST, after=after, limit=limit)]

    async def of_person(self, person_id: int) -> Sequence[Destination]:
        """The browsers that show them what is new."""
        return [destination_of(row) for row in await self._scope.fetch(OF_PERSON, person_id=person_id)]

    async def get(self, public_id: str, transaction: CityTransaction | None = None) -> Destination:
        rows = await (transaction or self._scope).fetch(GET, public_id=public_id)
        if not rows:
            raise NotFound("there is no such destination")
        return destination_of(rows[0])

    async def count(self, transaction: CityTransaction, *, push: bool) -> int:
        (row,) = await transaction.fetch(COUNT, push=int(push))
        return int(row["found"])

    async def add(
        self,
        transaction: CityTransaction,
        kind: Kind,
        name: str,
        topics: frozenset[str],
        *,
        public_id: str,
        address: bytes,
        secret: bytes | None,
        now_ms: int,
        person_id: int | None = None,
    ) -> Destination:
        """It gets what is new from now on."""
        sealed = {"public_id": public_id, "address": address, "secret": secret}
        said = {"kind": kind, "name": name, "topics": _words(topics), "person_id": person_id}
        await transaction.execute(INSERT, now_ms=now_ms, **said, **sealed)
        return await self.get(public_id, transaction)

    async def change(
        self, transaction: CityTransaction, changed: Destination, seen_ms: int, now_ms: int
    ) -> Destination:
        """Name, topics, address and secret; `Conflict` when somebody else has changed it since it was read."""
        sealed = {"address": changed.address, "secret": changed.secret}
        said = {"name": changed.name, "topics": _words(changed.topics)}
        done = await transaction.execute(CHANGE, id=changed.id, seen_ms=seen_ms, now_ms=now_ms, **said, **sealed)
        if done == 0:
            raise Conflict("somebody else has just changed this destination; look at it again")
        return await self.get(changed.public_id, transaction)

    async def enable(self, transaction: CityTransaction, destination: Destination) -> None:
        """From now on: what has come meanwhile is not kept for it."""
        await transaction.execute(ENABLE, id=destination.id)

    async def disable(self, transaction: CityTransaction, destination: Destination) -> None:
        await transaction.execute(DISABLE, id=destination.id)

    async def retry_now(self, transaction: CityTransaction, destination: Destination) -> None:
        """Whatever was wrong may be right now."""
        await transaction.execute(RETRY_NOW, id=destination.id)

    async def remove(self, transaction: CityTransaction, destination: Destination) -> None:
        if await transaction.execute(REMOVE, id=destination.id) == 0:
            raise NotFound("there is no such destination")

    async def waiting(self, destination: Destination) -> int:
        """How many items it has not got yet."""
        rows = await self._scope.fetch(WAITING, sent_id=destination.sent_id)
        return sum(row["items"] for row in rows if destination.wants(row["topic"]))

    async def attempts(self, destination: Destination, limit: int = KEPT_ATTEMPTS) -> Sequence[Attempt]:
        """The newest first."""
        rows = await self._scope.fetch(ATTEMPTS, destination_id=destination.id, limit=limit)
        return [Attempt(**dict(row)) for row in rows]

    async def note(self, transaction: CityTransaction, destination_id: int, attempts: Sequence[Attempt]) -> None:
        """In their order; of all there were the last ones stay."""
        for one in attempts[-KEPT_ATTEMPTS:]:
            await transaction.execute(NOTE, destination_id=destination_id, **vars(one))
        if attempts:
            await transaction.execute(FORGET, destination_id=destination_id, kept=KEPT_ATTEMPTS)


def new_public_id() -> str:
    """Known before the row is there: what is sealed is bound to it."""
    return str(uuid4())


def destination_of(row: Row) -> Destination:
    fields = {name: row[name] for name in _FIELDS}
    return Destination(**fields | {"topics": frozenset(row["topics"].split()), "enabled": bool(row["enabled"])})


def _words(topics: frozenset[str]) -> str:
    return " ".join(sorted(topics))
