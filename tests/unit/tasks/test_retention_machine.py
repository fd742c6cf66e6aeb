"""Whatever happens, in whatever order: what is deleted was allowed to be, and everything deleted is accounted for."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.tasks.recording_box import DAY_MS, HOUR_MS, NOW_MS, Box, Camera, HandClock, head_of, open_box, parts_of
from vmsd.host.disk import DiskUsage
from vmsd.model.audit import Who
from vmsd.model.city import PLAN_DAYS
from vmsd.model.segment import Segment, SegmentFlag, SegmentState
from vmsd.services.cities import CityList
from vmsd.store.cameras import CameraRows, Cameras
from vmsd.store.cities import Cities
from vmsd.store.kept_periods import KeptPeriods
from vmsd.store.scope import Scope
from vmsd.tasks.sweeper import BY_AGE

if TYPE_CHECKING:
    from collections.abc import Coroutine

MINUTE_MS = 60_000
LONG_AGO_MS = -(10**15)
BATCH, CAP = 3, 7
TOTAL = 400_000
"""Bytes of the volume: some forty recordings."""
SWEEP_USED = 0.9
SETTLED_PASSES = 3
"""So many hours without a deletion: after a restart the share of the hour before is waited for."""
CRASHES = ("before_mark", "after_mark", "in_unlink", "after_unlink", "before_drop", "after_drop")


Place = tuple[int, int, int]


def params_of(place: Place) -> dict[str, Any]:
    return dict(zip(("city", "camera", "start"), place, strict=True))


class Killed(Exception):
    """The daemon was killed here."""


@dataclass(frozen=True)
class Recorded:
    """What really was recorded: `start_ms` is what its name says, `true_ms` when it ended."""

    place: Place
    camera: Camera
    start_ms: int
    end_ms: int
    true_ms: int
    untrusted: bool = False

    @property
    def path(self) -> Path:
        return self.camera.path(self.start_ms)


@dataclass(frozen=True)
class Kept:
    key: tuple[int, int]
    start_ms: int
    end_ms: int

    def holds(self, one: Recorded) -> bool:
        return self.key == one.camera.key and self.end_ms > one.start_ms and self.start_ms < one.end_ms


class OpenVault:
    """For cameras without secrets."""

    def seal(self, clear: bytes, bound_to: str) -> bytes:
        return clear

    def open(self, sealed: bytes, bound_to: str) -> bytes:
        return sealed


class Retention(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="vmsd-retention-"))
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("vmsd.services.storage.usage", lambda _root: self.usage())
        self.clock = HandClock()
        self.true_ms = NOW_MS
        self.others_bytes = 0
        self.recorded: dict[Place, Recorded] = {}
        self.forgotten: set[Place] = set()
        self.kept: dict[tuple[int, int], Kept] = {}
        self.copy: tuple[Path, dict[tuple[int, int], Kept]] | None = None
        self.days: dict[tuple[int, int], list[int]] = {}
        self.reduced: dict[tuple[int, int], tuple[int, int]] = {}
        self.by_age: list[tuple[float, int]] = []
        self.jumped_s = -1e9

    def do(self, what: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(what)

    @initialize(ages=st.lists(st.integers(0, 40 * 24), min_size=3, max_size=6, unique=True))
    def begin(self, ages: list[int]) -> None:
        self.stack = AsyncExitStack()
        self.box: Box = self.do(self.stack.enter_async_context(open_box(self.folder, clock=self.clock)))
        self.cameras = [self.do(self.box.camera(number, plan="premium")) for number in (1, 2)]
        self.cameras.append(self.do(self.box.camera(1, city=2, plan="basic", days=3)))
        self.days = {camera.key: [self.kept_days(camera)] for camera in self.cameras}
        for number, _ in enumerate(self.cameras):
            for age in ages:
                self.add(number, self.true_ms - age * HOUR_MS - number * MINUTE_MS, 2)
        self.restart()

    def restart(self) -> None:
        self.sweeper = self.box.sweeper(purge_batch=BATCH, purge_cap=CAP, sweep_used=SWEEP_USED)
        if not self.box.keeper.look().trusted or self.clock.monotonic_s - self.jumped_s < 2 * 3600:
            self.by_age = []

    def teardown(self) -> None:
        if hasattr(self, "box"):
            self.do(self.stack.aclose())
        self.patch.undo()
        self.loop.close()
        shutil.rmtree(self.folder)
        structlog.reset_defaults()

    # --- what there is

    def usage(self) -> DiskUsage:
        here = sum(one.path.stat().st_size for one in self.recorded.values() if one.path.exists())
        return DiskUsage(TOTAL, max(0, TOTAL - here - self.others_bytes), 0, 0)

    @property
    def lacking(self) -> float:
        return (1 - SWEEP_USED) * TOTAL - self.usage().free_bytes

    def rows(self, sql: str, params: dict[str, Any] | None = None) -> list[Any]:
        return self.do(self.box.database.read(sql, params))

    def states(self) -> dict[Place, int]:
        rows = self.rows("SELECT city_id, camera_id, start_us, state FROM segment")
        return {(row["city_id"], row["camera_id"], row["start_us"]): row["state"] for row in rows}

    def flags(self) -> dict[Place, int]:
        rows = self.rows("SELECT city_id, camera_id, start_us, flags FROM segment")
        return {(row["city_id"], row["camera_id"], row["start_us"]): row["flags"] for row in rows}

    def ledger(self) -> dict[Place, list[str]]:
        lines: dict[Place, list[str]] = {}
        for row in self.rows("SELECT city_id, camera_id, start_us, reason FROM purge"):
            lines.setdefault((row["city_id"], row["camera_id"], row["start_us"]), []).append(row["reason"])
        return lines

    def kept_days(self, camera: Camera) -> int:
        return self.do(self.box.find(camera.folder.camera)).kept_days

    def is_kept(self, one: Recorded) -> bool:
        return any(kept.holds(one) for kept in self.kept.values())

    # --- what happens

    @rule(
        number=st.integers(0, 2),
        ages=st.lists(st.integers(0, 40 * 24), min_size=1, max_size=6),
        parts=st.integers(1, 3),
    )
    def record(self, number: int, ages: list[int], parts: int) -> None:
        """Recordings of up to 40 days ago, as the clock was right then."""
        for age in ages:
            self.add(number, self.true_ms - age * HOUR_MS, parts)

    @rule(number=st.integers(0, 2), parts=st.integers(1, 3))
    def record_now(self, number: int, parts: int) -> None:
        """Named by the wall clock, whatever that shows."""
        start_ms, trusted = self.clock.wall - MINUTE_MS, self.box.keeper.look().trusted
        one = self.add(number, start_ms, parts, untrusted=not trusted)
        if one is not None and not trusted:
            sql = "INSERT INTO segment_clock VALUES (:city, :camera, :start, 'boot', 0, NULL, NULL)"
            self.do(self.write(sql, params_of(one.place)))

    @rule(number=st.integers(0, 2), days=st.sampled_from([-20_000, -40, -8, 30]), right=st.booleans())
    def record_in_doubt(self, number: int, days: int, right: bool) -> None:
        self.jump(days)
        self.record_now(number, 2)
        if right:
            self.set_right()

    def add(self, number: int, start_ms: int, parts: int, *, untrusted: bool = False) -> Recorded | None:
        camera = self.cameras[number]
        place = (*camera.key, start_ms * 1000)
        if place in self.recorded:
            return None
        end_ms = start_ms + parts * 1000
        one = Recorded(place, camera, start_ms, end_ms, self.true_ms if untrusted else end_ms, untrusted)
        one.path.parent.mkdir(parents=True, exist_ok=True)
        one.path.write_bytes(head_of(start_ms, parts * 1000) + parts_of(0, parts))
        size = one.path.stat().st_size
        flags = SegmentFlag.CLOCK_UNTRUSTED if untrusted else SegmentFlag(0)
        row = Segment(*place, parts * 1000, size, size, SegmentState.CLOSED, flags)
        self.do(self.box.system.put([row]))
        self.recorded[place] = one
        return one

    async def write(self, sql: str, params: dict[str, Any]) -> None:
        async with self.box.database.write() as transaction:
            await transaction.execute(sql, params)

    @rule(number=st.integers(0, 2), age=st.integers(-24, 40 * 24), hours=st.integers(1, 72))
    def keep(self, number: int, age: int, hours: int) -> None:
        start_ms = self.true_ms - age * HOUR_MS
        self.do(self.keep_period(Kept(self.cameras[number].key, start_ms, start_ms + hours * HOUR_MS)))

    @precondition(lambda self: any(one.path.exists() for one in self.recorded.values()))
    @rule(data=st.data(), before_ms=st.sampled_from([0, 1, 100_000]), length_ms=st.sampled_from([1, 1000, 10 * DAY_MS]))
    def keep_recorded(self, data: st.DataObject, before_ms: int, length_ms: int) -> None:
        there = sorted(place for place, one in self.recorded.items() if one.path.exists())
        one = self.recorded[data.draw(st.sampled_from(there))]
        start_ms = one.start_ms - before_ms
        self.do(self.keep_period(Kept(one.camera.key, start_ms, start_ms + length_ms)))

    async def keep_period(self, kept: Kept) -> None:
        scope = Scope(self.box.database, kept.key[0])
        who = {"reason": "", "person": None, "person_name": None, "now_ms": self.clock.wall}
        async with scope.write() as transaction:
            added = await KeptPeriods(scope).add(transaction, kept.key[1], kept.start_ms, kept.end_ms, **who)
        self.kept[kept.key[0], added.id] = kept

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        city, number = data.draw(st.sampled_from(sorted(self.kept)))
        del self.kept[city, number]
        sql = "UPDATE kept_period SET released_ms = 1 WHERE city_id = :city AND id = :number"
        self.do(self.write(sql, {"city": city, "number": number}))

    @rule(hours=st.sampled_from([0.1, 1, 5, 24, 24 * 4]))
    def pass_time(self, hours: float) -> None:
        self.clock.pass_s(hours * 3600)
        self.true_ms += round(hours * HOUR_MS)
        self.box.keeper.look()

    @rule(days=st.sampled_from([-20_000, -40, -1, 1, 30, 365]))
    def jump(self, days: int) -> None:
        self.clock.wall, self.jumped_s = self.true_ms + days * DAY_MS, self.clock.monotonic_s
        self.box.keeper.look()

    @rule()
    def set_right(self) -> None:
        """What was named before is at least as old as now."""
        self.clock.wall, self.jumped_s = self.true_ms, self.clock.monotonic_s
        assert self.box.keeper.look().trusted or self.box.keeper.confirm().trusted
        sql = "UPDATE segment_clock SET not_after_ms = :now WHERE not_after_ms IS NULL"
        self.do(self.write(sql, {"now": self.true_ms}))

    @rule(lacking_bytes=st.sampled_from([None, 1, 5_000, 20_000, TOTAL]))
    def fill(self, lacking_bytes: int | None) -> None:
        """Somebody else's files leave so much too little; None for their end."""
        self.others_bytes = 0
        if lacking_bytes is not None:
            self.others_bytes = max(0, round(lacking_bytes - self.lacking))

    @rule(plan=st.sampled_from(sorted(PLAN_DAYS)), city=st.integers(0, 1))
    def change_plan(self, plan: Any, city: int) -> None:
        cities = CityList(self.box.database, self.box.audit, self.clock)
        found = self.do(Cities(self.box.database).list())[city]
        self.do(cities.change(found, by=Who(), name=found.name, status=found.status, plan=plan))
        self.note_days()

    @rule(number=st.integers(0, 2), days=st.sampled_from([None, 1, 5, 12, 20]))
    def change_camera(self, number: int, days: int | None) -> None:
        self.do(self.set_days(self.cameras[number], days))
        self.note_days()

    async def set_days(self, camera: Camera, days: int | None) -> None:
        scope = Scope(self.box.database, camera.key[0])
        store = Cameras(scope, CameraRows(OpenVault()))
        before = await store.get(camera.folder.camera)
        after = replace(before, retention_days=days, changed_ms=before.changed_ms + 1)
        async with scope.write() as transaction:
            await store.change(transaction, after, before.changed_ms)
            await store.note_fewer(transaction, before, after, self.clock.wall)

    def note_days(self) -> None:
        for camera in self.cameras:
            now = self.kept_days(camera)
            before = self.days[camera.key][-1]
            if now < before:
                self.reduced[camera.key] = (self.clock.wall, before)
            self.days[camera.key].append(now)

    @rule()
    def copy_database(self) -> None:
        target = self.folder / "copy.db"
        target.unlink(missing_ok=True)
        self.do(self.box.database.back_up(target))
        self.copy = (target, dict(self.kept))

    @precondition(lambda self: self.copy is not None)
    @rule()
    def restore(self) -> None:
        """The newest copy instead of the database, and a rescan: what the copy keeps is kept."""
        assert self.copy is not None
        path, kept = self.copy
        trusted = self.box.keeper.trusted
        self.do(self.stack.aclose())
        for old in self.folder.glob("data/vmsd.db*"):
            old.unlink()
        shutil.copyfile(path, self.box.settings.database)
        self.stack, self.kept, self.by_age = AsyncExitStack(), dict(kept), []
        self.box = self.do(self.stack.enter_async_context(open_box(self.folder, clock=self.clock)))
        self.box.keeper = self.box.keeper.__class__(self.clock, lambda: self.box.kernel)
        self.box.keeper.begin(self.true_ms, doubted=not trusted)
        self.box.keeper.look()
        known = self.states().keys() | self.ledger().keys()
        self.do(self.box.scan())
        self.note_forgotten(known)
        self.days = {camera.key: [*self.days[camera.key], self.kept_days(camera)] for camera in self.cameras}
        self.reduced = {}
        self.restart()

    def note_forgotten(self, known: set[Place]) -> None:
        """What the copy does not know: deletions since, and whether a name came from a wrong clock."""
        doubted = {place for place, flags in self.flags().items() if flags & SegmentFlag.CLOCK_UNTRUSTED}
        for place, one in list(self.recorded.items()):
            if place not in known and not one.path.exists():
                self.forgotten.add(place)
            elif place not in known:
                believed = one.untrusted and place not in doubted
                true_ms = LONG_AGO_MS if believed else one.true_ms
                self.recorded[place] = replace(one, untrusted=place in doubted, true_ms=true_ms)

    # --- the sweeper, and what must be true of it

    @rule(
        hours=st.sampled_from([0.2, 0.5, 1, 5]),
        jump_days=st.sampled_from([0, 0, 0, 0, None, None, None, -40, 3, 365]),
        crash=st.sampled_from([None, None, *CRASHES]),
        at=st.sampled_from([1, 1, 1, 2, 3]),
        race=st.sampled_from([False, False, True]),
    )
    def sweep_later(self, hours: float, jump_days: int | None, crash: str | None, at: int, race: bool) -> None:
        self.pass_time(hours)
        if jump_days == 0:
            self.set_right()
        elif jump_days is not None:
            self.jump(jump_days)
        self.sweep(crash, at, race=race)

    @rule(
        lacking_bytes=st.sampled_from([1, 5_000, 20_000]),
        crash=st.sampled_from([None, None, *CRASHES]),
        at=st.sampled_from([1, 1, 2]),
    )
    def sweep_full(self, lacking_bytes: int, crash: str | None, at: int) -> None:
        self.fill(lacking_bytes)
        self.sweep(crash, at)

    def sweep(self, crash: str | None = None, at: int = 1, *, race: bool = False) -> None:
        states, ledger = self.states(), self.ledger()
        lacking, trusted = self.lacking, self.box.keeper.look().trusted
        protected = [place for place, one in self.recorded.items() if self.is_kept(one) and states.get(place, 2) != 2]
        with pytest.MonkeyPatch.context() as patch:
            raced, killed = self.interfere(patch, crash, at, race=race), False
            try:
                self.do(self.sweeper.once())
            except Killed:
                killed = True
        after, lines = self.states(), self.ledger()
        marked = {
            place: self.reason_of(place, lines, after)
            for place, state in states.items()
            if state != 2 and after.get(place, 2) == 2
        }
        assert not marked.keys() & {*protected, *raced}, "what somebody keeps was deleted"
        assert all(self.recorded[place].path.exists() for place in {*protected, *raced})
        assert len(marked) <= CAP
        assert {*lines} - {*ledger} <= {place for place in states if place not in after}
        self.judge(marked, lacking, after, trusted=trusted, finished=crash is None and not race)
        if killed:
            self.restart()

    def interfere(self, patch: pytest.MonkeyPatch, crash: str | None, at: int, *, race: bool) -> list[Place]:
        """A kill at the `at`th time something is done; somebody who keeps what is just about to be marked."""
        system, raced, counts = self.box.system, [], dict.fromkeys(CRASHES, 0)

        def step(name: str) -> None:
            counts[name] += 1
            if name == crash and counts[name] == at:
                raise Killed

        mark, drop, run, unlink = system.mark, system.drop_garbage, self.sweeper._thread.run, os.unlink

        async def marking(segments: Any, reason: Any) -> Any:
            step("before_mark")
            if race and not raced:
                one = self.recorded[segments[0].city_id, segments[0].camera_id, segments[0].start_us]
                raced.append(one.place)
                await self.keep_period(Kept(one.camera.key, one.start_ms, one.start_ms + 1))
            marked = await mark(segments, reason)
            step("after_mark")
            return marked

        async def dropping(segments: Any, now_ms: int) -> None:
            step("before_drop")
            await drop(segments, now_ms)
            step("after_drop")

        async def running(*args: Any) -> Any:
            done = await run(*args)
            step("after_unlink")
            return done

        def unlinking(*args: Any, **kwargs: Any) -> None:
            if "dir_fd" in kwargs:
                step("in_unlink")
            unlink(*args, **kwargs)

        patch.setattr(system, "mark", marking)
        patch.setattr(system, "drop_garbage", dropping)
        patch.setattr(self.sweeper._thread, "run", running)
        patch.setattr("vmsd.host.tree.os.unlink", unlinking)
        return raced

    def reason_of(self, place: Place, lines: Any, after: Any) -> str:
        if place not in after:
            (reason,) = lines[place]
            return str(reason)
        sql = "SELECT purge_reason FROM segment WHERE city_id = :city AND camera_id = :camera AND start_us = :start"
        return str(self.rows(sql, params_of(place))[0][0])

    def judge(self, marked: dict[Place, str], lacking: float, after: Any, *, trusted: bool, finished: bool) -> None:
        """Every reason was true when it was given."""
        by_age = [place for place, reason in marked.items() if reason in BY_AGE]
        by_space = [place for place, reason in marked.items() if reason == "space"]
        assert len(by_age) + len(by_space) == len(marked)
        assert trusted or not by_age, "deleted by age with a clock nobody trusts"
        for place in by_age:
            self.judge_age(self.recorded[place], marked[place])
        self.judge_share(len(by_age))
        if by_space:
            assert lacking > 0
            free = [place for place, state in after.items() if state == 1 and not self.is_kept(self.recorded[place])]
            newest = max(place[2] for place in by_space)
            assert all(newest <= place[2] for place in free), "something older was left"
        if by_space and finished:
            sizes = {place: self.sizes[place] for place in by_space}
            last = max(by_space, key=lambda place: place[2])
            largest = max(sizes[place] for place in by_space if place[2] == last[2])
            assert self.lacking + largest > 0, "more was deleted than was needed"

    def judge_age(self, one: Recorded, reason: str) -> None:
        days = self.days[one.camera.key]
        age_ms = self.true_ms - one.end_ms
        assert self.true_ms - one.true_ms > days[-1] * DAY_MS, "deleted before it was old enough"
        reduced_ms, before = self.reduced.get(one.camera.key, (0, 0))
        if reason == "plan_changed":
            assert age_ms < max(days) * DAY_MS
        elif one.start_ms < reduced_ms:
            assert age_ms >= before * DAY_MS, "it was the change that took it"

    def judge_share(self, count: int) -> None:
        now_s = self.clock.monotonic_s
        self.by_age = [(at, one) for at, one in self.by_age if now_s - at < 3600]
        self.by_age.append((now_s, count))
        most = max(BATCH, round(0.02 * len(self.recorded)))
        assert sum(one for _, one in self.by_age) <= most, "more than the hourly share"

    @rule()
    def settle(self) -> None:
        """With a clock that is right and time enough, all that is overdue goes, and rows and files are the same."""
        self.set_right()
        idle = 0
        while idle < SETTLED_PASSES:
            before = len(self.states())
            self.pass_time(1)
            self.sweep()
            idle = idle + 1 if len(self.states()) == before else 0
        self.do(self.box.scan())
        states, lines = self.states(), self.ledger()
        believed = not self.box.index.missing_files
        for place, one in self.recorded.items():
            assert one.path.exists() == (place in states) or not believed
            told = place not in states and place not in self.forgotten
            assert len(lines.get(place, [])) == told
            assert not (place in states and self.is_overdue(one) and not self.is_kept(one))

    def is_overdue(self, one: Recorded) -> bool:
        aged_ms = self.true_ms - self.days[one.camera.key][-1] * DAY_MS
        sure = not one.untrusted or (self.not_after_ms(one) or self.true_ms) < aged_ms
        return one.end_ms < aged_ms and sure

    def not_after_ms(self, one: Recorded) -> int | None:
        rows = self.rows(
            """SELECT not_after_ms FROM segment_clock
            WHERE city_id = :city AND camera_id = :camera AND start_us = :start""",
            params_of(one.place),
        )
        return rows[0][0] if rows else None

    @property
    def sizes(self) -> dict[Place, int]:
        rows = self.rows(
            "SELECT city_id, camera_id, start_us, bytes FROM segment "
            "UNION ALL SELECT city_id, camera_id, start_us, bytes FROM purge"
        )
        return {(row["city_id"], row["camera_id"], row["start_us"]): row["bytes"] for row in rows}

    @invariant()
    def the_totals_are_the_sum_of_the_rows(self) -> None:
        if not hasattr(self, "box"):
            return
        (rows,) = self.rows("SELECT count(*), coalesce(sum(bytes), 0), coalesce(sum(duration_ms), 0) FROM segment")
        (days,) = self.rows(
            "SELECT coalesce(sum(segments), 0), coalesce(sum(bytes), 0), coalesce(sum(duration_ms), 0) FROM camera_day"
        )
        assert tuple(rows) == tuple(days)

    @invariant()
    def nothing_is_lost_and_nothing_is_told_twice(self) -> None:
        if not hasattr(self, "box"):
            return
        states, lines = self.states(), self.ledger()
        for place, one in self.recorded.items():
            assert len(lines.get(place, [])) <= 1
            if place not in states and place not in self.forgotten:
                assert len(lines.get(place, [])) == 1
                assert not one.path.exists()
            if states.get(place) == SegmentState.CLOSED:
                assert one.path.stat().st_size == self.sizes[place]


TestRetention = Retention.TestCase
TestRetention.settings = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
