"""Bounded memory, and one load for all who ask."""

import asyncio

import pytest

from vmsd.errors import MediaServerAway, NotFound, TooMany
from vmsd.live.cache import SMALL_BYTES, Body, Cache, CachedObject

KEY = ("path", "file")


class HandClock:
    now_s = 0.0

    def wall_ms(self):
        return 0

    def monotonic(self):
        return self.now_s


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def cache(clock):
    return Cache(clock, limit_bytes=1_000_000, limit_objects=4)


def stored(cache, size, kept_s=60.0, fresh_s=60.0):
    cache.make_room(size)
    body = Body(cache.memory)
    body.append(bytes(size))
    now = cache._clock.monotonic()
    return CachedObject(body, {}, now + fresh_s, now + kept_s)


async def put(cache, key, size, **times):
    async def load():
        return stored(cache, size, **times)

    return await cache.share(key, load)


@pytest.mark.parametrize("size", [0, 1, SMALL_BYTES, SMALL_BYTES + 1, 500_000])
def test_a_body_gives_back_what_it_was_given(cache, size):
    data = bytes(number % 251 for number in range(size))
    body = Body(cache.memory)
    for start in range(0, size, 7000):
        body.append(data[start : start + 7000])
    assert body.read() == data
    assert body.read(10, 20) == data[10:30]
    assert (body.file is not None) == (size > SMALL_BYTES)


def test_memory_returns_when_the_last_holder_lets_go(cache):
    body = Body(cache.memory)
    body.append(bytes(100_000))
    file = body.file
    assert cache.memory.held_bytes == 100_000
    del body
    assert cache.memory.held_bytes == 0
    assert file.closed


async def test_the_least_recently_used_go_first_when_bytes_run_out(cache):
    for name in "abc":
        await put(cache, ("p", name), 300_000)
    assert cache.find(("p", "a"))
    await put(cache, ("p", "d"), 300_000)
    assert cache.find(("p", "a"))
    assert cache.find(("p", "b")) is None
    assert cache.memory.held_bytes == 900_000


async def test_the_number_of_objects_is_bounded(cache):
    for name in "abcdefgh":
        await put(cache, ("p", name), 10)
    assert [name for name in "abcdefgh" if cache.find(("p", name))] == list("efgh")


async def test_what_slow_readers_still_hold_counts_and_more_is_refused(cache):
    pinned = [await put(cache, ("p", name), 450_000) for name in "ab"]
    with pytest.raises(TooMany):
        await put(cache, ("p", "c"), 450_000)
    assert cache.memory.held_bytes == 900_000
    pinned.clear()
    assert await put(cache, ("p", "c"), 450_000)
    assert cache.memory.held_bytes == 450_000


async def test_old_objects_leave_when_new_ones_come(cache, clock):
    await put(cache, ("p", "a"), 300_000, kept_s=30)
    clock.now_s = 31
    await put(cache, ("p", "b"), 10)
    assert cache.memory.held_bytes == 10


async def test_a_stale_object_is_not_served_but_still_known(cache, clock):
    await put(cache, KEY, 10, fresh_s=1)
    clock.now_s = 1.0
    assert cache.find(KEY) is None
    assert cache.knows(KEY)


async def test_one_load_serves_all_who_ask_meanwhile(cache):
    loads, go = 0, asyncio.Event()

    async def load():
        nonlocal loads
        loads += 1
        await go.wait()
        return stored(cache, 10)

    tasks = [asyncio.create_task(cache.share(KEY, load)) for _ in range(50)]
    await asyncio.sleep(0)
    go.set()
    assert len({id(found) for found in await asyncio.gather(*tasks)}) == 1
    assert loads == 1
    assert not cache._pending


async def test_when_the_first_is_cancelled_one_of_the_others_loads(cache):
    loads, go = 0, asyncio.Event()

    async def load():
        nonlocal loads
        loads += 1
        await go.wait()
        return stored(cache, 10)

    first, *others = [asyncio.create_task(cache.share(KEY, load)) for _ in range(10)]
    await asyncio.sleep(0)
    first.cancel()
    others.pop().cancel()
    await asyncio.sleep(0.01)
    go.set()
    assert len(await asyncio.gather(*others)) == 8
    assert loads == 2
    assert not cache._pending


async def test_an_error_reaches_all_who_wait_and_is_not_kept(cache):
    loads, go = 0, asyncio.Event()

    async def load():
        nonlocal loads
        loads += 1
        await go.wait()
        raise MediaServerAway("gone")

    tasks = [asyncio.create_task(cache.share(KEY, load)) for _ in range(10)]
    await asyncio.sleep(0)
    go.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [MediaServerAway] * 10
    assert [str(outcome) for outcome in outcomes] == ["gone"] * 10
    assert len({id(outcome) for outcome in outcomes}) == 10
    assert loads == 1
    assert await put(cache, KEY, 10)


async def test_a_bug_in_a_load_leaves_nobody_waiting(cache):
    async def load():
        await asyncio.sleep(0)
        raise KeyError("bug")

    async with asyncio.timeout(5):
        outcomes = await asyncio.gather(*(cache.share(KEY, load) for _ in range(5)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [KeyError] * 5
    assert not cache._pending


async def test_dropping_the_playlists_of_a_path_leaves_everything_else(cache):
    playlist = stored(cache, 10)

    async def load():
        return CachedObject(playlist.body, {}, 60, 60, object())

    await cache.share(("p", "index.m3u8"), load)
    await cache.share(("other", "index.m3u8"), load)
    await put(cache, ("p", "segment"), 10)
    cache.drop_playlists("p")
    assert not cache.knows(("p", "index.m3u8"))
    assert cache.knows(("other", "index.m3u8"))
    assert cache.knows(("p", "segment"))


async def test_an_error_that_names_what_is_missing_stays_that_error(cache):
    async def load():
        raise NotFound("no signal")

    with pytest.raises(NotFound, match="no signal"):
        await cache.share(KEY, load)
