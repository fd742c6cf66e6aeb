"""What the audit log must be told of an installer's work: cameras from a file, reports of acceptance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.api.audit_book import Row
from vmsd.api.routes import ACCEPTANCE, API

if TYPE_CHECKING:
    from tests.unit.api.audit_book import Book

FILE = f"{API}/cameras/import/file"


async def cameras(book: Book) -> None:
    await book.new_rows()
    table = b"name,source_url\nDa tabela,rtsp://198.51.100.12/live\n"
    answer = await book.town.ask(
        "POST", f"{FILE}?format=csv", who=book.town.gestor, raw=table, Content_Type="text/plain"
    )
    assert answer.status == 201, answer.raw
    (row,) = await book.new_rows()
    book.compare(row, Row("camera.added", "gestora", "camera", facts={"name": "Da tabela"}))
    book.covered.add(("POST", FILE))


async def acceptance(book: Book) -> None:
    gestor, mine = book.town.gestor, ("gestora", "acceptance")
    asked = Row("acceptance.asked", *mine, facts={"installer": "Equipe 2", "minutes": 5})
    body = {"installer": "Equipe 2", "minutes": 5}
    made = await book.does("POST", f"{API}/acceptances", gestor, asked, body=body, status=202)
    one = {"acceptance_id": made.body["id"]}
    await book.does("DELETE", ACCEPTANCE, gestor, Row("acceptance.cancelled", *mine), status=204, **one)
