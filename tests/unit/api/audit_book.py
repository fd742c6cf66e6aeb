"""Asks, and compares what the audit log was told with what it should have been told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vmsd.store.audit import Audit

if TYPE_CHECKING:
    from tests.unit.api.conftest import Town
    from tests.unit.api.served import Answer
    from vmsd.model.audit import Record


@dataclass(frozen=True)
class Row:
    """What is expected of a row; of its facts at least these."""

    action: str
    who: str | None
    kind: str | None = None
    city: str | None = "here"
    facts: Mapping[str, Any] = field(default_factory=dict)
    subject: str = ""


@dataclass
class Book:
    """Asks, and compares what was written down with what should have been."""

    town: Town
    read: int = 0
    covered: set[tuple[str, str]] = field(default_factory=set)
    secrets: list[str] = field(default_factory=list)

    async def new_rows(self) -> list[Record]:
        rows = list(await Audit(self.town.served.base.database).chunk(self.read + 1, 10**9, 10**6))
        self.read += len(rows)
        return rows

    async def does(
        self,
        method: str,
        path: str,
        who: dict[str, str],
        *rows: Row,
        body: Any = None,
        status: int = 200,
        query: str = "",
        **ids: str,
    ) -> Answer:
        await self.new_rows()
        address = re.sub(r"{(\w+):.+}", r"{\1}", path)
        for name, value in ids.items():
            address = address.replace(f"{{{name}}}", value)
        answer: Answer = await self.town.ask(method, address + query, body, who=who)
        assert answer.status == status, (method, path, answer.raw)
        written = await self.new_rows()
        assert [one.action for one in written] == [row.action for row in rows], (method, path)
        for one, row in zip(written, rows, strict=True):
            self.compare(one, row)
        if rows:
            self.covered.add((method, path))
        return answer

    def compare(self, one: Record, row: Row) -> None:
        cities = {None: None, "here": self.town.here.public_id, "there": self.town.there.public_id}
        assert (one.person_name, one.subject_kind) == (row.who, row.kind), row
        assert one.city == cities.get(row.city, row.city), row
        assert (one.person is None) == (row.who is None), row
        assert one.address == "127.0.0.1", row
        facts = json.loads(one.facts)
        assert {name: facts.get(name) for name in row.facts} == dict(row.facts), (row, facts)
        if row.subject:
            assert one.subject == row.subject, row
