"""The timeline of a camera-day among three million recordings: in the store, as a service, and at the API."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog
from index import SEGMENT_US, _fill, _median, _row, _uuid

from tests.unit.api.served import Served, serve, settings_in
from vmsd.clock import rfc3339
from vmsd.model.person import Role
from vmsd.store.database import open_database
from vmsd.store.scope import Scope
from vmsd.store.timeline import CameraFacts

FEW, MANY = 200_000, 3_000_000
CAMERA = 7
DAY_US = 86_400_000_000
POINT = "SELECT duration_ms FROM segment WHERE city_id = 1 AND camera_id = ? AND start_us = ?"
POINTS = "1,440 SQLite point queries"
STORE_MS, API_MS = 1.0, 5.0
HOLES = 20
PASSES = 40


def run() -> list[dict[str, Any]]:
    """One row per figure; a ratio above its goal is a regression."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory(prefix="vmsd-bench-") as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> list[dict[str, Any]]:
    for rows in (FEW, MANY):
        (folder / str(rows)).mkdir()
    few, many = [await _measure(folder / str(rows), rows) for rows in (FEW, MANY)]
    day, among = "camera-day", f"among {MANY:,}"
    calm = "the goal itself, by the calmest pass"
    return [
        _row(f"recordings of a {day} {among}, store", many["store"], many["points"], 0.5, "ms", POINTS),
        _row(f"recordings of a {day} {among}, store", many["store least"], STORE_MS, 1.0, "ms", calm),
        _row(f"timeline of a {day} {among}, service", many["whole"], many["points"], 1.0, "ms", POINTS),
        _row(
            f"timeline of a {day} with {HOLES} gaps {among}, service", many["gaps"], many["points"], 1.5, "ms", POINTS
        ),
        _row(f"timeline of a {day} {among}, API", many["api least"], API_MS, 1.0, "ms", calm),
        _row(f"calendar of a month {among}, API", many["month"], 30 * many["points"], 1.0, "ms", f"30 x {POINTS}"),
        _row(
            f"timeline of a {day} {among}, service",
            many["whole least"],
            few["whole least"],
            1.3,
            "ms",
            f"among {FEW:,}",
        ),
    ]


async def _measure(folder: Path, rows: int) -> dict[str, float]:
    """Milliseconds of each at a table of `rows` rows."""
    settings = settings_in(folder)
    async with open_database(settings.database):
        pass
    _fill(settings.database, rows)
    _cut_holes(settings.database)
    async with serve(folder) as served:
        newest_us = await _newest_us(served)
        served.clock.wall = (newest_us + SEGMENT_US) // 1000
        return {"points": await _points(settings.database, newest_us), **await _figures(served, newest_us)}


def _cut_holes(database: Path) -> None:
    """In the day before the newest one, the recordings of some minutes are gone and the camera was silent then."""
    with sqlite3.connect(database, isolation_level=None) as connection:
        (newest_us,) = connection.execute("SELECT max(start_us) FROM segment WHERE camera_id = ?", (CAMERA,)).fetchone()
        for number in range(HOLES):
            hole_us = newest_us - DAY_US - (number * 60 + 30) * SEGMENT_US
            connection.execute("DELETE FROM segment WHERE camera_id = ? AND start_us = ?", (CAMERA, hole_us))
            line = "INSERT INTO state_change VALUES (1, ?, ?, ?, ?)"
            connection.execute(line, (CAMERA, hole_us // 1000 + 5000, "offline", "timeout"))
            connection.execute(line, (CAMERA, hole_us // 1000 + 55_000, "online", None))


async def _newest_us(served: Served) -> int:
    rows = await served.base.database.read(
        "SELECT max(start_us) AS us FROM segment WHERE city_id = 1 AND camera_id = :id", {"id": CAMERA}
    )
    return int(rows[0]["us"])


async def _points(database: Path, newest_us: int) -> float:
    """The peer: one bare query per recording, on the thread that asks."""
    with sqlite3.connect(database) as connection:

        async def points() -> None:
            for index in range(1440):
                connection.execute(POINT, (CAMERA, newest_us - index * SEGMENT_US)).fetchall()

        return await _median(points, 10)


async def _figures(served: Served, newest_us: int) -> dict[str, float]:
    base, end_us = served.base, newest_us + SEGMENT_US
    (city,) = await base.cities.list(limit=1)
    await served.person("root", Role.SUPERADMIN)
    headers = await served.token("root") | {"X-City-ID": city.public_id}
    camera = await base.cameras(city).get(_uuid(CAMERA))
    caller = await base.accounts.caller_of_token(headers["Authorization"].split()[1], "")
    timeline = served.site.open_city(city, caller).timeline
    facts = CameraFacts(Scope(base.database, 1))
    end_ms, day_ms = end_us // 1000, DAY_US // 1000
    whole = await timeline.get(camera, end_ms - day_ms, end_ms)
    holes = await timeline.get(camera, end_ms - 2 * day_ms, end_ms - day_ms)
    assert (len(whole.spans), whole.coverage, len(holes.gaps)) == (1, 1.0, HOLES)
    path = f"{served.url}/api/v1/cameras/{camera.public_id}"
    period = f"start={rfc3339(end_ms - day_ms)}&end={rfc3339(end_ms)}"

    async def ask(url: str) -> None:
        async with served.http.get(url, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            await answer.read()

    return {
        **await _timed("store", lambda: facts.spans(CAMERA, end_ms - day_ms, end_ms, limit=100_000)),
        **await _timed("whole", lambda: timeline.get(camera, end_ms - day_ms, end_ms)),
        **await _timed("gaps", lambda: timeline.get(camera, end_ms - 2 * day_ms, end_ms - day_ms)),
        **await _timed("api", lambda: ask(f"{path}/timeline?{period}")),
        **await _timed("month", lambda: ask(f"{path}/calendar?month={rfc3339(end_ms)[:7]}")),
    }


async def _timed(name: str, once: Callable[[], Awaitable[object]]) -> dict[str, float]:
    """The median, and the least: what it takes while nobody disturbs it."""
    taken = []
    for _ in range(PASSES):
        began = time.perf_counter()
        await once()
        taken.append((time.perf_counter() - began) * 1000)
    return {name: statistics.median(taken), f"{name} least": min(taken)}


if __name__ == "__main__":
    for one in run():
        print(one)
