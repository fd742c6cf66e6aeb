"""What the audit log must be told of the guards' room: alerts, plates, mosaics, news, motion, the map."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from tests.unit.api.audit_book import Row
from vmsd.api.routes import ALERT, API, CAMERA, DESTINATION, MOSAIC, READER, WALL, WANTED
from vmsd.clock import rfc3339

if TYPE_CHECKING:
    from tests.unit.api.audit_book import Book

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 640, 480) + b"\x08\x02\0\0\0"
PLAN = f"{API}/map/plan"


async def mosaics(book: Book) -> None:
    gestor, mine = book.town.gestor, ("gestora", "mosaic")
    camera = (await book.town.served.camera(gestor, book.town.here, name="Mosaico"))["id"]
    added = Row("mosaic.added", *mine, facts={"name": "Ronda", "layout": "2x2", "cameras": 0, "shared": True})
    body = {"name": "Ronda", "layout": "2x2", "cameras": [], "shared": True}
    made = await book.does("POST", f"{API}/mosaics", gestor, added, body=body, status=201)
    one = {"mosaic_id": made.body["id"]}
    changed = Row("mosaic.changed", *mine, subject=one["mosaic_id"])
    await book.does("PATCH", MOSAIC, gestor, changed, body={"hotspot": 1}, **one)
    opened = await book.town.ask("POST", f"{API}/streams?camera_id={camera}", who=gestor)
    stream = {"session_id": opened.body["session_id"]}
    await book.does("POST", f"{MOSAIC}/streams/{{session_id}}", gestor, changed, **one, **stream)
    await book.does("DELETE", f"{MOSAIC}/streams/{{session_id}}", gestor, changed, status=204, **one, **stream)
    facts = {"name": "Sala", "mosaic": "Ronda"}
    hung, revoked = (Row(f"wall.{word}", "gestora", "wall", facts=facts) for word in ("added", "revoked"))
    wall = await book.does("POST", f"{API}/walls", gestor, hung, body={"name": "Sala"} | one, status=201)
    book.secrets.append(wall.body["key"])
    await book.does("DELETE", WALL, gestor, revoked, status=204, wall_id=wall.body["id"])
    await book.does("DELETE", MOSAIC, gestor, Row("mosaic.removed", *mine), status=204, **one)


async def plates(book: Book) -> None:
    gestor, key = book.town.gestor, ("gestora", "webhook_key")
    camera = {"camera_id": (await book.town.served.camera(gestor, book.town.here, name="Placas"))["id"]}
    added, removed = (Row(f"webhook_key.{word}", *key, facts={"name": "Pátio"}) for word in ("added", "removed"))
    made = await book.does("POST", f"{API}/webhooks/keys", gestor, added, body={"name": "Pátio"}, status=201)
    book.secrets.append(made.body["secret"])
    path = f"{API}/webhooks/keys/{{key_id}}"
    await book.does("DELETE", path, gestor, removed, status=204, key_id=made.body["id"])
    reader = {"vendor": "hikvision", "networks": ["198.51.100.0/24"]}
    was_set, taken = (Row(f"plate_reader.{word}", "gestora", "camera") for word in ("set", "removed"))
    answer = await book.does("PUT", READER, gestor, was_set, body=reader, **camera)
    book.secrets.append(answer.body["url"].rpartition("/")[2])
    await book.does("DELETE", READER, gestor, taken, status=204, **camera)
    mine = ("gestora", "wanted_plate")
    asked = {"plate": "ABC1D23", "reason": "furto", "level": "critical"}
    wanted = await book.does("POST", f"{API}/wanted-plates", gestor, Row("wanted.added", *mine), body=asked, status=201)
    one = {"wanted_id": wanted.body["id"]}
    await book.does("PATCH", WANTED, gestor, Row("wanted.changed", *mine), body={"reason": "roubo"}, **one)
    await book.does("DELETE", WANTED, gestor, Row("wanted.removed", *mine), status=204, **one)


async def alerts(book: Book) -> None:
    gestor, mine = book.town.gestor, ("gestora", "alert")
    camera = (await book.town.served.camera(gestor, book.town.here, name="Alertas"))["id"]
    raised = []
    for kind in ("person", "car"):
        when = rfc3339(book.town.served.clock.wall_ms())
        body = {"camera_id": camera, "type": kind, "time": when, "alert": True}
        seen = Row("mark.added", "gestora", "camera", facts={"type": kind, "alert": True}, subject=camera)
        raised.append((await book.does("POST", f"{API}/events", gestor, seen, body=body, status=201)).body["alert_id"])
    taken = Row("alert.acknowledged", *mine)
    await book.does("POST", f"{API}/alerts/acknowledge", gestor, taken, body={"ids": raised[:1]})
    one = {"alert_id": raised[1]}
    await book.does("PATCH", ALERT, gestor, taken, body={"state": "acknowledged"}, **one)
    await book.does("PATCH", ALERT, gestor, Row("alert.held", *mine), body={"state": "on_hold"}, **one)
    closed = Row("alert.closed", *mine, subject=raised[1])
    await book.does("PATCH", ALERT, gestor, closed, body={"state": "closed", "note": "nada"}, **one)


async def news_out(book: Book) -> None:
    gestor, mine = book.town.gestor, ("gestora", "destination")
    named = {"name": "Central"}
    body = named | {"kind": "webhook", "url": "https://192.0.2.10/news", "topics": ["alertas.novo"]}
    added = Row("destination.added", *mine, facts=named)
    made = await book.does("POST", f"{API}/destinations", gestor, added, body=body, status=201)
    book.secrets.append(made.body["secret"])
    one = {"destination_id": made.body["id"]}
    changed = Row("destination.changed", *mine)
    await book.does("PATCH", DESTINATION, gestor, changed, body={"enabled": False}, **one)
    renewed = await book.does("POST", f"{DESTINATION}/secret", gestor, changed, **one)
    book.secrets.append(renewed.body["secret"])
    await book.does("DELETE", DESTINATION, gestor, Row("destination.removed", *mine, facts=named), status=204, **one)


async def motion_and_map(book: Book) -> None:
    gestor, mine = book.town.gestor, ("gestora", "camera")
    camera = {"camera_id": (await book.town.served.camera(gestor, book.town.here, name="Movimento"))["id"]}
    changed = Row("motion.changed", *mine, subject=camera["camera_id"])
    await book.does("PUT", f"{CAMERA}/motion", gestor, changed, body={"alert": True}, **camera)
    await book.does("DELETE", f"{CAMERA}/motion", gestor, changed, status=204, **camera)
    city = ("gestora", "city")
    limits = {"disk_used": {"amber": 0.5, "red": 0.6}}
    await book.does("PUT", f"{API}/thresholds", gestor, Row("thresholds.changed", *city), body=limits)
    await book.new_rows()
    place = "name=Terminal&south=-23.5515&west=-46.6345&north=-23.5495&east=-46.6325"
    laid = await book.town.ask("PUT", f"{PLAN}?{place}", who=gestor, raw=PNG, Content_Type="image/png")
    assert laid.status == 200, laid.raw
    (row,) = await book.new_rows()
    book.compare(row, Row("map.plan_changed", *city))
    book.covered.add(("PUT", PLAN))
    await book.does("PATCH", PLAN, gestor, Row("map.plan_changed", *city), body={"north": -23.5})
    await book.does("DELETE", PLAN, gestor, Row("map.plan_removed", *city), status=204)
