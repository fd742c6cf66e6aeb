"""Camera groups that come into being because a camera or a right names them."""

from __future__ import annotations

from uuid import uuid4

from vmsd.model.audit import Action, Entry, Subject, Who
from vmsd.services.audit import AuditLog
from vmsd.store.groups import Groups
from vmsd.store.scope import CityTransaction


async def ensure_group(
    transaction: CityTransaction, store: Groups, audit: AuditLog, name: str, by: Who, now_ms: int
) -> int:
    """The number of the group of this name; one that is made now is written down."""
    if await store.find_id(name) is None:
        public_id = str(uuid4())
        await store.add(transaction, public_id, name, now_ms)
        entry = Entry(Action.GROUP_ADDED, by, subject=Subject("group", public_id), facts={"name": name})
        await audit.append(transaction, entry, now_ms)
    return await store.ensure(transaction, name, now_ms)
