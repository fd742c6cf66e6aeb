"""What has to be known of a person and an alert before the one is told of the other."""

from __future__ import annotations

from vmsd.model.person import Person, Role
from vmsd.store.database import Database, Transaction
from vmsd.store.people import PERSON, person_of
from vmsd.store.scope import Scope
from vmsd.store.statements import CitySql, SystemSql

PERSON_BY_ID = SystemSql(
    f"""SELECT {PERSON} FROM person JOIN city ON city.id = person.city_id
    WHERE person.id = :id AND person.status = 'active' AND city.status = 'active'"""
)
AUDIENCE = CitySql("SELECT audience FROM alert WHERE city_id = :city_id AND public_id = :public_id")
GROUP = CitySql("SELECT group_id FROM camera WHERE city_id = :city_id AND id = :id")
FORGET_ALL_OF = SystemSql("DELETE FROM destination WHERE person_id = :id AND kind = 'push'")
FORGET = SystemSql("DELETE FROM destination WHERE public_id = :public_id AND kind = 'push'")


async def find_person(database: Database, person_id: int) -> Person | None:
    """None for one who may not log in now."""
    rows = await database.read(PERSON_BY_ID, {"id": person_id})
    return person_of(rows[0]) if rows else None


async def find_audience(scope: Scope, alert: str) -> Role | None:
    rows = await scope.fetch(AUDIENCE, public_id=alert)
    return Role(rows[0]["audience"]) if rows else None


async def find_group(scope: Scope, camera_id: int) -> int | None:
    rows = await scope.fetch(GROUP, id=camera_id)
    return rows[0]["group_id"] if rows else None


async def forget_subscription(database: Database, public_id: str) -> None:
    """In whichever city, and whoever's it was."""
    async with database.write() as transaction:
        await transaction.execute(FORGET, {"public_id": public_id})


async def forget_all_of(transaction: Transaction, person: Person) -> None:
    """Whatever browsers they had alerts sent to."""
    await transaction.execute(FORGET_ALL_OF, {"id": person.id})
