"""What the audit log must be told of evidence: what is kept, exported and reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.unit.api.audit_book import Row
from vmsd.api.routes import API, EXPORTED, HOLD, INCIDENT, PRESERVATION, RECORDING
from vmsd.clock import rfc3339
from vmsd.model.segment import Segment, SegmentFlag, SegmentState
from vmsd.services.storage import BreakerState

if TYPE_CHECKING:
    from tests.unit.api.audit_book import Book

MINUTE_MS = 60_000


async def recorded(book: Book, name: str) -> dict[str, str]:
    """A new camera with three files of a minute; the period of the first."""
    served, city = book.town.served, book.town.here
    camera = (await served.camera(book.town.gestor, city, name=name))["id"]
    rows = await served.base.database.read("SELECT id FROM camera WHERE public_id = :id", {"id": camera})
    began_ms = served.clock.wall_ms() - 10 * MINUTE_MS
    starts = [(began_ms + number * MINUTE_MS) * 1000 for number in range(3)]
    closed, none = SegmentState.CLOSED, SegmentFlag(0)
    files = [Segment(city.id, rows[0]["id"], start, MINUTE_MS, 1000, 1000, closed, none) for start in starts]
    await served.daemon._volume.system.put(files)
    return {"camera_id": camera, "start": rfc3339(began_ms), "end": rfc3339(began_ms + MINUTE_MS)}


async def kept(book: Book) -> None:
    gestor, period = book.town.gestor, await recorded(book, "Guardada")
    camera = period["camera_id"]
    query = f"?camera_id={camera}&start={period['start']}&end={period['end']}"
    listed = await book.town.ask("GET", f"{API}/recordings{query}", who=gestor)
    recording = {"recording_id": listed.body["items"][0]["id"]}
    mine = ("gestora", "camera")
    preserved, released = (Row(f"recording.{word}", *mine, subject=camera) for word in ("preserved", "released"))
    path, reason = f"{RECORDING}/preserve", {"reason": "pedido"}
    await book.does("PUT", path, gestor, preserved, body=reason, **recording)
    await book.does("PUT", path, gestor, body=reason, **recording)
    await book.does("DELETE", path, gestor, released, status=204, **recording)
    made = await book.does("POST", f"{API}/preservations", gestor, preserved, body=period | reason, status=201)
    await book.does("DELETE", PRESERVATION, gestor, released, status=204, preservation_id=made.body["id"])
    await incident(book, period)
    await hold(book, period)


async def incident(book: Book, period: dict[str, str]) -> None:
    gestor, row = book.town.gestor, ("gestora", "incident")
    body = {"name": "Furto", "note": "portão", "periods": [period]}
    added = Row("incident.added", *row, facts={"name": "Furto"})
    made = await book.does("POST", f"{API}/incidents", gestor, added, body=body, status=201)
    one = {"incident_id": made.body["id"]}
    changed = Row("incident.changed", *row)
    await book.does("PATCH", INCIDENT, gestor, changed, body={"note": "portão norte"}, **one)
    later = {"periods": [moved(period)]}
    await book.does("POST", f"{INCIDENT}/periods", gestor, changed, body=later, status=201, **one)
    await book.does("DELETE", INCIDENT, gestor, Row("incident.closed", *row), status=204, **one)


async def hold(book: Book, period: dict[str, str]) -> None:
    gestor, row, now_ms = book.town.gestor, ("gestora", "hold"), book.town.served.clock.wall_ms()
    deadline = {"deadline": rfc3339(now_ms + 86_400_000)}
    asked = {"number": "12/2026", "authority": "2ª Vara", "purpose": "inquérito"}
    added = Row("hold.added", *row, facts={"number": "12/2026"})
    body = asked | deadline | {"periods": [period]}
    made = await book.does("POST", f"{API}/holds", gestor, added, body=body, status=201)
    one = {"hold_id": made.body["id"]}
    changed = Row("hold.changed", *row)
    await book.does("PATCH", HOLD, gestor, changed, body={"authority": "3ª Vara"}, **one)
    await book.does("POST", f"{HOLD}/periods", gestor, changed, body={"periods": [moved(period)]}, status=201, **one)
    later = {"deadline": rfc3339(now_ms + 2 * 86_400_000)}
    await book.does("POST", f"{HOLD}/confirm", gestor, Row("hold.confirmed", *row), body=later, **one)
    await book.does("DELETE", HOLD, gestor, Row("hold.ended", *row, facts={"why": "released"}), status=204, **one)


async def exports(book: Book) -> None:
    gestor, period, row = book.town.gestor, await recorded(book, "Exportada"), ("gestora", "export")
    watch = book.town.served.daemon._volume.watch
    await watch.settle(book.town.served.base.database)
    await watch.look()
    watch.breaker = BreakerState(open=False, reason=None, since_ms=0)
    wish: dict[str, Any] = {"camera_ids": [period["camera_id"]], "start": period["start"], "end": period["end"]}
    wish |= {"reason": "inquérito", "request_number": "12/2026", "format": "mp4"}
    asked = Row("export.asked", *row)
    made = await book.does("POST", f"{API}/exports", gestor, asked, body=wish, status=202)
    one = {"export_id": made.body["id"]}
    await book.does("DELETE", EXPORTED, gestor, Row("export.cancelled", *row), status=204, **one)
    again = Row("export.asked", *row, facts={"again": True})
    await book.does("POST", f"{EXPORTED}/retry", gestor, again, status=202, **one)
    async with book.town.served.base.database.write() as transaction:
        await transaction.execute(DONE, {"id": one["export_id"]})
    delivery = {"receiver": "Oficial de justiça", "document": "recibo 1", "note": ""}
    delivered = Row("export.delivered", *row, facts={"receiver": "Oficial de justiça"})
    await book.does("POST", f"{EXPORTED}/deliveries", gestor, delivered, body=delivery, status=201, **one)


DONE = """UPDATE export SET state = 'done', ended_ms = created_ms,
    result = '{"cameras": [], "file": {"name": "a.mp4", "bytes": 1, "sha256": "00"}}' WHERE public_id = :id"""


async def purges(book: Book) -> None:
    now_ms = book.town.served.clock.wall_ms()
    period = {"start": rfc3339(now_ms - 86_400_000), "end": rfc3339(now_ms - MINUTE_MS)}
    row = Row("purge.reported", "gestora", "purge_report")
    await book.does("POST", f"{API}/purges", book.town.gestor, row, body=period, status=201)


def moved(period: dict[str, str]) -> dict[str, str]:
    """The minute after it."""
    return period | {"start": period["end"], "end": period["end"].replace(":00.000Z", ":30.000Z")}
