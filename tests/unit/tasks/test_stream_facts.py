"""What is measured of streams: by a clock moved by hand, with playlists that say what the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.unit.tasks.camera_box import CameraBox, open_camera_box
from vmsd.errors import MediaServerAway, NotFound
from vmsd.host.tree import Tree
from vmsd.mediamtx.names import PathName
from vmsd.model.camera import Camera
from vmsd.model.person import Caller, Person, Role
from vmsd.model.state import LiveState, State
from vmsd.model.state import StreamFacts as Seen
from vmsd.services.index import RecordingIndex
from vmsd.services.live_states import key_of
from vmsd.services.segment_files import SegmentFiles
from vmsd.services.stream_facts import DAY_MS, KEPT_DAYS, PERIOD_MS, StreamFacts
from vmsd.services.streams import Streams
from vmsd.store.scope import Scope
from vmsd.store.stream_facts import StreamFactRow, StreamFactRows, put_stream_facts
from vmsd.tasks.stream_facts import LOOK_AGAIN_S, StreamFactsTask

VIEWER = Caller(Person(1, "p", 1, "guarda", Role.USER, ""), "token")


@dataclass
class Bench:
    box: CameraBox
    behind_ms: int = 1500
    error: Exception | None = None
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        box = self.box
        self.streams = Streams(box.clock, viewing_s=3600, limit=100, limit_each=100)
        self.index = RecordingIndex(SegmentFiles(Tree(box.settings.recordings_dir)), box.clock)
        self.facts = StreamFacts(box.states, self.index, self.streams, box.clock)
        base = box.base
        self.task = StreamFactsTask(self.facts, box.states, self._newest_end, base.database, base.keeper, box.clock)
        box.states.mediamtx_alive = True

    async def _newest_end(self, path: str) -> int:
        self.asked.append(path)
        if self.error is not None:
            raise self.error
        return self.box.clock.wall_ms() - self.behind_ms

    async def add(self, **fields: object) -> Camera:
        camera = await self.box.add(**fields)
        self.box.states.watched = [*self.box.states.watched, (self.box.city, camera)]
        self.tell(camera)
        return camera

    def tell(self, camera: Camera, state: State = State.ONLINE, bitrate: int | None = 1000) -> None:
        self.box.states.set(key_of(camera), LiveState(state, 0, None, None, Seen(bitrate=bitrate)))

    async def run(self, seconds: float) -> None:
        for _ in range(round(seconds / self.task.every_s)):
            self.box.clock.pass_s(self.task.every_s)
            await self.task.once()

    async def rows(self, camera: Camera) -> list[StreamFactRow]:
        return list(await StreamFactRows(Scope(self.box.base.database, self.box.city.id)).list(camera.id, 0))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_camera_box(tmp_path) as box:
        yield Bench(box)


async def test_five_minutes_become_one_row_per_camera_in_one_transaction(bench: Bench) -> None:
    cameras = [await bench.add(name=name) for name in "abc"]
    clock, database = bench.box.clock, bench.box.base.database
    clock.pass_s((PERIOD_MS - clock.wall_ms() % PERIOD_MS) / 1000)
    began_ms = clock.wall_ms()
    written = []
    write = database.write

    def counted():
        written.append(clock.wall_ms())
        return write()

    database.write = counted
    bench.facts.note_fps_of(bench.box.path_of(cameras[0]), 12.0)
    await bench.run(150)
    bench.tell(cameras[0], State.OFFLINE, None)
    bench.streams.open(VIEWER, bench.box.city.id, cameras[1].id, cameras[1].public_id)
    await bench.run(155)
    assert len(written) == 1
    (row,) = await bench.rows(cameras[0])
    assert (row.at_ms, row.bitrate, row.fps, row.viewers) == (began_ms, 1000, 12.0, 0)
    assert row.online_ratio == pytest.approx(0.5, abs=0.02)
    assert row.latency_ms == pytest.approx(1500, abs=1)
    (second,) = await bench.rows(cameras[1])
    assert (second.viewers, second.fps, second.online_ratio) == (1, None, 1.0)


async def test_rows_are_kept_for_eight_days(bench: Bench) -> None:
    camera, clock = await bench.add(), bench.box.clock
    now_ms = clock.wall_ms()
    old = [StreamFactRow(bench.box.city.id, camera.id, now_ms - days * DAY_MS, 1, 1.0, 1, 0, 1.0) for days in (7, 9)]
    await put_stream_facts(bench.box.base.database, old, 0)
    await bench.run(PERIOD_MS / 1000 + 10)
    assert len(await bench.rows(camera)) == 3, "a clock that is not trusted takes none away"
    bench.box.base.keeper.begin(None)
    await bench.run(PERIOD_MS / 1000)
    kept = [row.at_ms for row in await bench.rows(camera)]
    assert old[0].at_ms in kept
    assert old[1].at_ms not in kept
    assert min(kept) > now_ms - KEPT_DAYS * DAY_MS


async def test_latency_is_the_mean_of_what_was_seen_and_nothing_when_nobody_looks(bench: Bench) -> None:
    camera = await bench.add()
    assert bench.facts.latency_ms(camera) is None
    bench.streams.open(VIEWER, bench.box.city.id, camera.id, camera.public_id)
    for behind_ms in (1000, 2000, 3000):
        bench.behind_ms = behind_ms
        await bench.run(5)
    assert bench.facts.latency_ms(camera) == 2000
    bench.error = NotFound("x")
    await bench.run(40)
    assert bench.facts.latency_ms(camera) == 3000
    await bench.run(60)
    assert bench.facts.latency_ms(camera) is None


async def test_a_clock_that_was_set_makes_no_latency(bench: Bench) -> None:
    camera = await bench.add()
    bench.behind_ms = 3_600_000
    await bench.run(5)
    assert bench.facts.latency_ms(camera) is None
    bench.behind_ms = -3_600_000
    await bench.run(5)
    assert bench.facts.latency_ms(camera) == 0


async def test_who_is_not_watched_is_looked_at_seldom_and_who_is_offline_not_at_all(bench: Bench) -> None:
    seldom, offline = await bench.add(), await bench.add(name="b")
    bench.tell(offline, State.OFFLINE)
    await bench.run(2 * LOOK_AGAIN_S + 15)
    assert len(bench.asked) == 3
    assert set(bench.asked) == {bench.box.path_of(seldom)}


async def test_the_smaller_stream_is_looked_at_while_it_has_a_signal(bench: Bench) -> None:
    camera = await bench.add(sub_source_url="rtsp://127.0.0.9:9/sub")
    sub = str(PathName(bench.box.city.public_id, camera.public_id, sub=True))
    bench.box.states.available_paths = frozenset({sub})
    await bench.run(5)
    bench.box.states.available_paths = frozenset()
    await bench.run(LOOK_AGAIN_S + 5)
    assert bench.asked == [sub, bench.box.path_of(camera)]


async def test_a_mediamtx_that_is_away_costs_one_look(bench: Bench) -> None:
    for name in "abc":
        await bench.add(name=name)
    bench.error = MediaServerAway("x")
    await bench.run(5)
    assert len(bench.asked) == 1
    bench.box.states.mediamtx_alive = False
    await bench.run(5)
    assert len(bench.asked) == 1


async def test_frames_are_told_only_while_they_come(bench: Bench) -> None:
    camera = await bench.add()
    path = bench.box.path_of(camera)
    assert bench.facts.fps(camera) is None
    bench.facts.note_fps_of(path, 12.5)
    bench.facts.note_fps_of(path, None)
    assert bench.facts.fps(camera) == 12.5
    bench.tell(camera, State.STALLED)
    assert bench.facts.fps(camera) is None
    bench.tell(camera)
    bench.box.clock.pass_s(61)
    assert bench.facts.fps(camera) is None
