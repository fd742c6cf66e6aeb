"""What goes out of the box: in order, at least once, within bounds, and nobody waits for somebody else."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import suppress
from dataclasses import replace

import pytest

from tests.unit.tasks.outbox_box import PostBox, number_of
from vmsd.errors import StorageFull
from vmsd.model.destination import FOLDED, Outcome
from vmsd.services.courier import Courier
from vmsd.services.outbox import OutboxItem
from vmsd.store.cities import Cities
from vmsd.store.destinations import Destinations
from vmsd.store.scope import Scope
from vmsd.tasks.outbox import OutboxLane


@pytest.fixture
def post(box) -> PostBox:
    return PostBox(box)


async def test_everything_arrives_in_the_order_of_its_city(post: PostBox):
    here, there = await post.city("Aqui"), await post.city("Lá")
    for city in (here, there):
        await post.add(city, city.name)
    for number in range(50):
        await post.put(here if number % 2 else there, number)
    await post.work()
    assert post.slot.numbers("Aqui") == list(range(1, 50, 2))
    assert post.slot.numbers("Lá") == list(range(0, 50, 2))


async def test_nothing_is_kept_that_nobody_wants(post: PostBox):
    city = await post.city()
    await post.put(city, 1)
    await post.add(city, "plates", "deteccoes.lpr")
    await post.put(city, 2)
    assert await post.rows(city) == []
    await post.put(city, 3, topic="deteccoes.lpr")
    await post.work()
    assert post.slot.numbers("plates") == [3]


async def test_what_is_rolled_back_never_goes_out(post: PostBox):
    city = await post.city()
    await post.add(city, "a")
    with suppress(RuntimeError):
        async with Scope(post.database, city.id).write() as transaction:
            await post.outbox.put(transaction, OutboxItem("alertas.novo", {"number": 1}), post.clock.wall)
            raise RuntimeError
    post.courier.expect()
    await post.work()
    assert post.slot.taken == []


async def test_a_destination_that_is_away_holds_up_no_other_and_loses_nothing(post: PostBox):
    city = await post.city()
    await post.add(city, "away")
    await post.add(city, "here")
    post.slot.down = {"away"}
    for number in range(20):
        await post.put(city, number)
        await post.work(for_s=30)
    assert post.slot.numbers("here") == list(range(20))
    assert post.slot.numbers("away") == []
    post.slot.down = set()
    await post.work()
    assert post.slot.numbers("away") == list(range(20))


async def test_one_that_never_answers_holds_up_no_other_and_may_be_removed_meanwhile(post: PostBox):
    city = await post.city()
    slow = await post.add(city, "slow")
    asked, answer = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        asked.set()
        await answer.wait()

    post.slot.before["slow"] = hang
    await post.put(city, 1)
    stuck = asyncio.create_task(post.lane.once())
    await asyncio.wait_for(asked.wait(), 5)
    await post.add(city, "quick")
    await post.put(city, 2)
    post.clock.pass_s(1)
    await OutboxLane(post.courier, 2).once()
    assert post.slot.numbers("quick") == [2]
    async with Scope(post.database, city.id).write() as transaction:
        await Destinations(Scope(post.database, city.id)).remove(transaction, slow)
    answer.set()
    await asyncio.wait_for(stuck, 5)


async def test_attempts_come_ever_more_seldom_and_at_least_every_quarter_of_an_hour(post: PostBox):
    city = await post.city()
    away = await post.add(city, "away")
    post.slot.down = {"away"}
    await post.put(city, 1)
    tried_s: list[float] = []
    while len(tried_s) < 14:
        await post.lane.once()
        tried_s += [post.clock.monotonic_s] * (len(post.slot.tried) - len(tried_s))
        post.clock.pass_s(max(post.lane.every_s, 0.01))
    for number, (before_s, after_s) in enumerate(itertools.pairwise(tried_s)):
        assert min(900, 2**number) * 0.5 <= after_s - before_s <= min(900, 2**number) + 1.1
    found = await post.get(city, away)
    assert (found.failures, found.sent_id) == (14, 0)
    assert found.broken_since_ms is not None


async def test_a_refusal_is_tried_again_slowly_and_what_a_server_asks_for_counts(post: PostBox):
    city = await post.city()
    await post.add(city, "a")
    post.slot.down, post.slot.outcome = {"a"}, Outcome(0, 422, "it refused the message")
    await post.put(city, 1)
    await post.work(for_s=29)
    assert len(post.slot.tried) == 1
    await post.work(for_s=40)
    assert len(post.slot.tried) == 2
    post.slot.outcome = Outcome(0, 429, "it refused the message", retry_after_s=600)
    while len(post.slot.tried) < 3:
        await post.work(for_s=1)
    await post.work(for_s=590)
    assert len(post.slot.tried) == 3
    post.slot.down = set()
    await post.work(for_s=20)
    assert post.slot.numbers("a") == [1]


async def test_one_that_is_gone_is_switched_off_and_written_down(post: PostBox):
    city = await post.city()
    gone = await post.add(city, "gone")
    post.slot.down, post.slot.outcome = {"gone"}, Outcome(0, 410, "it refused the message", gone=True)
    await post.put(city, 1, 2)
    await post.work(for_s=5)
    found = await post.get(city, gone)
    assert not found.enabled
    assert found.gone_ms is not None
    assert len(post.slot.tried) == 1
    rows = await post.database.read("SELECT action FROM audit ORDER BY seq DESC LIMIT 1")
    assert rows[0]["action"] == "destination.gone"
    assert await post.bounds.keep()
    assert await post.rows(city) == []


async def test_a_clock_set_back_by_a_year_delays_nothing(post: PostBox):
    city = await post.city()
    await post.add(city, "a")
    post.slot.down = {"a"}
    await post.put(city, 1)
    await post.work(for_s=3)
    post.clock.wall -= 365 * 86_400_000
    post.slot.down = set()
    await post.work(for_s=3)
    assert post.slot.numbers("a") == [1]


async def test_one_that_comes_back_gets_ten_a_second_at_most_unless_more_is_new(post: PostBox):
    city = await post.city()
    await post.add(city, "a")
    await post.put(city, 0)
    await post.work()
    post.slot.down = {"a"}
    await post.put(city, *range(1, 301))
    await post.work(for_s=5)
    post.slot.down = set()
    assert await post.work() >= 300 / 10
    assert post.slot.numbers("a") == list(range(301))
    await post.put(city, *range(301, 500))
    assert await post.work() < 5  # who keeps up gets everything at once


async def test_who_comes_back_catches_up_even_with_more_new_than_ten_a_second(post: PostBox):
    city = await post.city()
    await post.add(city, "a")
    await post.put(city, 0)
    await post.work()
    post.slot.down = {"a"}
    await post.put(city, *range(1, 100))
    await post.work(for_s=5)
    post.slot.down = set()
    for second in range(60):
        await post.put(city, *range(100 + second * 30, 130 + second * 30))
        began = post.clock.monotonic_s
        await post.work(for_s=1)
        post.clock.pass_s(max(0, began + 1 - post.clock.monotonic_s))
    assert len(post.slot.numbers("a")) >= 1850
    await post.work()
    assert post.slot.numbers("a") == list(range(1900))


async def test_after_a_kill_nothing_is_missing_and_what_comes_twice_has_the_same_name(post: PostBox):
    city = await post.city()
    await post.add(city, "a")
    await post.put(city, *range(100))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Courier, "_note", _killed)
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                await post.work()
            post.restart()
    await post.work()
    seen = [item for _, item in post.slot.taken]
    assert [number_of(item) for item in {item.public_id: item for item in seen}.values()] == list(range(100))
    assert len(seen) > 100
    assert len({item.public_id for item in seen}) == 100


async def _killed(*_: object) -> None:
    raise KeyboardInterrupt


async def test_what_has_arrived_everywhere_is_dropped_and_its_number_never_comes_again(post: PostBox):
    city = await post.city()
    first, away = await post.add(city, "first"), await post.add(city, "away")
    post.slot.down = {"away"}
    await post.put(city, 1, 2, 3)
    await post.work(for_s=3)
    await post.bounds.keep()
    assert len(await post.rows(city)) == 3
    post.slot.down = set()
    await post.work()
    assert await post.bounds.keep()
    assert await post.rows(city) == []
    await post.put(city, 4)
    assert [row["id"] for row in await post.rows(city)] == [4]
    await post.work()
    for one in (first, away):
        assert (await post.get(city, one)).sent_id == 4


async def test_what_is_not_for_a_destination_does_not_stay_for_it(post: PostBox):
    city = await post.city()
    await post.add(city, "alerts", "alertas.novo")
    await post.add(city, "plates", "deteccoes.lpr")
    await post.put(city, *range(20), topic="deteccoes.lpr")
    await post.work()
    await post.courier.note_passed()
    await post.bounds.keep()
    assert await post.rows(city) == []
    assert post.slot.numbers("alerts") == []


async def test_over_its_bound_the_oldest_of_the_least_important_is_only_counted(box):
    post = PostBox(box, items=100)
    city = await post.city()
    slow, other = await post.add(city, "slow"), await post.add(city, "other")
    post.slot.down = {"slow"}
    for number in range(120):
        post.clock.pass_s(1)
        await post.put(city, number, priority=(1, 2, 3)[number % 3])
        await post.work(for_s=1)
    while await post.bounds.keep():
        pass
    rows = await post.rows(city)
    assert len(rows) <= 100
    assert [row["topic"] for row in rows].count(FOLDED) == 1
    post.slot.down = set()
    await post.work()
    got = [item for at, item in post.slot.taken if at == "slow"]
    counted = json.loads(got[0].body if got[0].topic == FOLDED else next(o.body for o in got if o.topic == FOLDED))
    numbers = [number_of(item) for item in got if item.topic != FOLDED]
    assert numbers == sorted(numbers)
    missing = sorted(set(range(120)) - set(numbers))
    assert counted["folded"] == len(missing)
    assert counted["topics"] == {"alertas.novo": len(missing)}
    assert all(number % 3 == 2 for number in missing)  # priority 3 alone
    assert missing == list(range(2, 120, 3))[: len(missing)]
    assert post.slot.numbers("other") == list(range(120))
    assert (await post.get(city, slow)).sent_id == (await post.get(city, other)).sent_id


async def test_what_a_destination_has_got_is_not_counted_as_missing_there(box):
    post = PostBox(box, items=100)
    city = await post.city()
    half = await post.add(city, "half")
    await post.add(city, "none")
    post.slot.down = {"none"}
    await post.put(city, *range(60))
    await post.work(for_s=5)
    assert (await post.get(city, half)).sent_id == 60
    post.slot.down = {"none", "half"}
    await post.put(city, *range(60, 260))
    while await post.bounds.keep():
        pass
    post.slot.down = set()
    await post.work()
    for name in ("half", "none"):
        got = [item for at, item in post.slot.taken if at == name]
        counted = sum(json.loads(item.body)["folded"] for item in got if item.topic == FOLDED)
        assert counted + len([item for item in got if item.topic != FOLDED]) == 260, name


async def test_no_alarm_is_ever_only_counted_and_the_normal_go_when_nothing_less_is_left(box):
    post = PostBox(box, items=100)
    city = await post.city()
    await post.add(city, "away")
    post.slot.down = {"away"}
    await post.put(city, *range(150), priority=1)
    await post.put(city, *range(150, 200), priority=2)
    while await post.bounds.keep():
        pass
    rows = await post.rows(city)
    assert [row["priority"] for row in rows].count(1) == 150
    assert [json.loads(row["body"])["folded"] for row in rows if row["topic"] == FOLDED] == [50]


async def test_a_full_database_is_given_room_by_the_least_important_and_no_alarm(box):
    post = PostBox(box)
    city = await post.city()
    await post.add(city, "away")
    post.slot.down = {"away"}
    await post.put(city, *range(20), priority=1)
    for priority in (2, 3):
        await post.put(city, *range(20, 220), priority=priority, padding="x" * 2000)
    await post.bounds.keep()
    assert len(await post.rows(city)) == 420
    (pages,) = (await post.database.read("PRAGMA page_count"))[0]
    await set_pages(post, pages + 1)
    with pytest.raises(StorageFull):
        await post.put(city, *range(400), padding="x" * 2000)
    while await post.bounds.keep():
        pass
    rows = await post.rows(city)
    assert [json.loads(row["body"])["folded"] for row in rows if row["topic"] == FOLDED] == [200]
    assert [row["priority"] for row in rows].count(1) == 20
    assert [row["priority"] for row in rows].count(2) == 200
    await post.put(city, *range(50), padding="x" * 2000)


async def set_pages(post: PostBox, most: int) -> None:
    await post.database._writer.execute_fetchall(f"PRAGMA max_page_count = {most}")


async def test_the_bound_by_weight_counts_too_and_the_heaviest_city_pays(box):
    post = PostBox(box, bytes=100_000)
    small, large = await post.city("small"), await post.city("large")
    for city in (small, large):
        await post.add(city, city.name)
    post.slot.down = {"small", "large"}
    await post.put(small, *range(10))
    for number in range(100):
        await post.put(large, number, padding="x" * 2000)
    while await post.bounds.keep():
        pass
    rows = [*await post.rows(small), *await post.rows(large)]
    assert sum(row["bytes"] for row in rows) <= 100_000
    assert len(await post.rows(small)) == 10
    backlog = await post.outbox.backlog(large.id)
    assert backlog.items == len(await post.rows(large))
    assert backlog.oldest_ms == post.clock.wall


async def test_one_that_is_switched_on_again_gets_what_is_new_from_then_on(post: PostBox):
    city = await post.city()
    off = await post.add(city, "off")
    await post.add(city, "on")
    scope = Scope(post.database, city.id)
    async with scope.write() as transaction:
        await Destinations(scope).disable(transaction, off)
    await post.put(city, 1)
    await post.work()
    async with scope.write() as transaction:
        await Destinations(scope).enable(transaction, replace(off, enabled=False))
    await post.put(city, 2)
    await post.work()
    assert post.slot.numbers("off") == [2]
    assert post.slot.numbers("on") == [1, 2]


async def test_a_city_that_is_removed_takes_its_destinations_and_what_waits_with_it(post: PostBox):
    city = await post.city()
    await post.add(city, "away")
    post.slot.down = {"away"}
    await post.put(city, 1)
    await post.work(for_s=3)
    async with post.database.write() as transaction:
        await Cities(post.database).remove(transaction, city)
    assert await post.rows(city) == []
    post.clock.pass_s(10)
    await post.work()


async def test_the_last_two_hundred_attempts_are_kept(post: PostBox):
    city = await post.city()
    one = await post.add(city, "a")
    await post.put(city, *range(450))
    await post.work()
    attempts = await Destinations(Scope(post.database, city.id)).attempts(one)
    assert len(attempts) == 200
    assert {attempt.items for attempt in attempts} == {1}


async def test_what_was_sealed_with_another_key_is_said_and_stops_nobody_else(post: PostBox):
    city = await post.city()
    broken = await post.add(city, "broken")
    await post.add(city, "fine")
    await post.database_spoil(broken)
    await post.put(city, 1)
    await post.work(for_s=3)
    assert post.slot.numbers("fine") == [1]
    assert (await post.get(city, broken)).failures > 0
