"""Outages of the whole box begin and end as what is in memory says, also over the death of the daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.tasks.recording_box import NOW_MS, Box, open_box
from vmsd.clock import rfc3339
from vmsd.model.outage import OutageKind
from vmsd.services.live_states import LiveStates
from vmsd.services.outages import REJOIN_MS, Outages
from vmsd.services.storage import BreakerState, OpenReason
from vmsd.tasks.outages import PULSE_S, OutageWatch

Shown = tuple[str, float, float | None]


@dataclass
class Watched:
    box: Box
    states: LiveStates
    task: OutageWatch

    async def pass_s(self, seconds: int) -> None:
        """Second by second, as the daemon does."""
        for _ in range(seconds):
            self.box.clock.pass_s(1)
            await self.task.once()

    def restart(self) -> None:
        """The daemon is another one; what it does not remember is in the database."""
        self.states = LiveStates(self.box.clock.wall)
        self.box.watch.breaker = BreakerState(open=True, reason=None, since_ms=self.box.clock.wall)
        self.task = OutageWatch(self.box.watch, self.states, self.box.database, self.box.clock)

    def see_mediamtx(self, *, alive: bool, started_s: float = -100) -> None:
        self.states.mediamtx_alive = alive
        self.states.mediamtx_started = rfc3339(round(NOW_MS + started_s * 1000))

    def set_breaker(self, reason: OpenReason | None) -> None:
        self.box.watch.breaker = BreakerState(reason is not None, reason, self.box.clock.wall)

    async def found(self) -> list[Shown]:
        """Kinds with their times in seconds after the beginning."""
        outages = await Outages(self.box.database).between(0, NOW_MS * 2)
        return [
            (one.kind, (one.start_ms - NOW_MS) / 1000, None if one.end_ms is None else (one.end_ms - NOW_MS) / 1000)
            for one in outages
        ]


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    async with open_box(tmp_path) as box:
        states = LiveStates(box.clock.wall)
        watched = Watched(box, states, OutageWatch(box.watch, states, box.database, box.clock))
        watched.see_mediamtx(alive=True)
        await watched.task.once()
        yield watched


async def test_a_box_in_order_has_no_outage_and_writes_next_to_nothing(watched: Watched):
    before = watched.box.database._writer.total_changes
    await watched.pass_s(60)
    assert await watched.found() == []
    assert watched.box.database._writer.total_changes - before <= 60 / PULSE_S + 1


async def test_a_breaker_open_for_lack_of_room_is_told_from_a_disk_that_is_gone(watched: Watched):
    await watched.pass_s(10)
    watched.set_breaker(OpenReason.USED)
    await watched.pass_s(10)
    watched.set_breaker(OpenReason.VOLUME_MISSING)
    await watched.pass_s(20)
    watched.set_breaker(None)
    await watched.pass_s(5)
    assert await watched.found() == [("breaker", 10, 21), ("disk", 21, 40)]
    reasons = [one.facts["reason"] for one in await Outages(watched.box.database).between(0, NOW_MS * 2)]
    assert reasons == ["used", "volume_missing"]


async def test_a_media_server_that_does_not_answer_once_is_busy_and_not_away(watched: Watched):
    watched.see_mediamtx(alive=False)
    await watched.pass_s(1)
    watched.see_mediamtx(alive=True)
    await watched.pass_s(5)
    assert await watched.found() == []


async def test_a_media_server_that_is_away_is_away_since_it_was_last_seen(watched: Watched):
    await watched.pass_s(10)
    watched.see_mediamtx(alive=False)
    await watched.pass_s(30)
    assert await watched.found() == [("mediamtx", 10, None)]
    watched.see_mediamtx(alive=True, started_s=40)
    await watched.pass_s(3)
    assert await watched.found() == [("mediamtx", 10, 41)]


async def test_a_restart_nobody_saw_is_found_by_the_time_of_its_start(watched: Watched):
    await watched.pass_s(10)
    watched.see_mediamtx(alive=True, started_s=10.4)
    await watched.pass_s(5)
    assert await watched.found() == [("mediamtx", 10, 10.4)]


async def test_a_media_server_that_dies_again_and_again_is_one_outage(watched: Watched):
    for number in range(5):
        watched.see_mediamtx(alive=False)
        await watched.pass_s(3)
        watched.see_mediamtx(alive=True, started_s=number)
        await watched.pass_s(REJOIN_MS // 1000 - 1)
    assert [kind for kind, _, _ in await watched.found()] == ["mediamtx"]


async def test_the_daemons_own_absence_is_told_by_the_next_start(watched: Watched):
    await watched.pass_s(27)
    watched.box.clock.pass_s(100)
    watched.restart()
    watched.see_mediamtx(alive=True)
    watched.set_breaker(None)
    await watched.pass_s(3)
    assert await watched.found() == [("daemon", 25, 128)]


async def test_an_outage_that_lasts_over_a_restart_of_the_daemon_is_one(watched: Watched):
    watched.set_breaker(OpenReason.HEADROOM_BYTES)
    watched.see_mediamtx(alive=False)
    await watched.pass_s(10)
    watched.box.clock.pass_s(100)
    watched.restart()
    await watched.pass_s(1)
    watched.set_breaker(OpenReason.HEADROOM_BYTES)
    watched.see_mediamtx(alive=False)
    await watched.pass_s(5)
    watched.set_breaker(None)
    watched.see_mediamtx(alive=True, started_s=115)
    await watched.pass_s(1)
    found = [one for one in await watched.found() if one[0] != "daemon"]
    assert found == [("breaker", 0, 116), ("mediamtx", 0, 117)]


async def test_an_outage_that_was_over_when_the_daemon_came_back_ends_with_what_is_known(watched: Watched):
    watched.set_breaker(OpenReason.HEADROOM_BYTES)
    watched.see_mediamtx(alive=False)
    await watched.pass_s(10)
    watched.box.clock.pass_s(100)
    watched.restart()
    watched.set_breaker(None)
    watched.see_mediamtx(alive=True, started_s=60)
    await watched.pass_s(3)
    found = [one for one in await watched.found() if one[0] != "daemon"]
    assert found == [("breaker", 0, 10), ("mediamtx", 0, 60)]


async def test_an_outage_never_ends_before_it_began_whatever_the_clock_does(watched: Watched):
    watched.set_breaker(OpenReason.USED)
    await watched.pass_s(5)
    watched.box.clock.wall -= 3_600_000
    watched.set_breaker(None)
    await watched.pass_s(1)
    assert await watched.found() == [("breaker", 0, 0)]
    await Outages(watched.box.database).add(OutageKind.POWER, NOW_MS, NOW_MS - 1)
    assert ("power", 0, 0) in await watched.found()


async def test_what_two_have_seen_is_told_once(watched: Watched):
    outages = Outages(watched.box.database)
    await outages.add(OutageKind.DAEMON, NOW_MS, NOW_MS + 20_000)
    await outages.add(OutageKind.DAEMON, NOW_MS + 5_000, NOW_MS + 25_000)
    await outages.add(OutageKind.DAEMON, NOW_MS + 25_000, NOW_MS + 26_000)
    assert await watched.found() == [("daemon", 0, 25), ("daemon", 25, 26)]
