"""Low-latency HLS beside the plain one: one request per part reaches MediaMTX, and neither costs the other anything."""

import asyncio

import pytest

from vmsd.live.playlist import parse

INDEX, MEDIA = "ll/index.m3u8", "ll/video1_stream.m3u8"


@pytest.fixture
async def quick(sites):
    """A site whose camera has parts, the first one of its newest segment."""
    return await begun(await sites(tokens={"token": "t"}))


async def begun(site):
    site.origin.newest, site.origin.newest_part = 8, 0
    return site


async def ask(site, viewer, file, **query):
    async with viewer.get(site.address(file), params=query) as answer:
        return answer.status, (await answer.read()).decode("utf-8", "replace")


async def test_a_plain_playlist_is_what_it_would_be_without_low_latency(quick, viewer):
    status, text = await ask(quick, viewer, "video1_stream.m3u8")
    prefix = quick.origin.prefix
    assert status == 200
    assert text.splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:10",
        "#EXT-X-TARGETDURATION:2",
        "#EXT-X-MEDIA-SEQUENCE:7",
        f'#EXT-X-MAP:URI="{prefix}_video1_init.mp4?token=t"',
        "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z",
        "#EXTINF:2.00000,",
        f"{prefix}_video1_seg7.mp4?token=t",
        "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z",
        "#EXTINF:2.00000,",
        f"{prefix}_video1_seg8.mp4?token=t",
    ]


async def test_a_low_latency_playlist_is_mediamtxs_own_with_tokens(quick, viewer):
    status, text = await ask(quick, viewer, MEDIA)
    assert status == 200
    assert text.replace("?token=t", "") == quick.origin.quick_media()
    assert text.count("?token=t") == text.count(quick.origin.prefix) == 7
    assert text.count("\ngap.mp4\n") == 2


async def test_both_kinds_of_player_share_the_index_and_the_segments(quick, viewer):
    segment = quick.origin.segment(8)
    for prefix in ("", "ll/"):
        assert (await ask(quick, viewer, f"{prefix}index.m3u8"))[0] == 200
        assert (await ask(quick, viewer, f"{prefix}{segment}"))[0] == 200
    assert quick.origin.asked["index.m3u8"] == 1
    assert quick.origin.asked[segment] == 1


async def test_everybody_who_waits_for_a_part_is_one_request(quick, viewer):
    await ask(quick, viewer, INDEX)
    wait = {"_HLS_msn": "9", "_HLS_part": "1", "token": "t"}
    hint = quick.origin.part(101)
    playlists = [asyncio.ensure_future(ask(quick, viewer, MEDIA, **wait)) for _ in range(30)]
    parts = [asyncio.ensure_future(ask(quick, viewer, f"ll/{hint}")) for _ in range(30)]
    await quick.settled(lambda: quick.proxy.stats().in_flight == 60)
    await quick.origin.add_part()
    answers = await asyncio.gather(*playlists)
    assert {status for status, _ in answers} == {200}
    assert all(hint in text and quick.origin.part(102) in text for _, text in answers)
    assert len(set(await asyncio.gather(*parts))) == 1
    assert quick.origin.asked["video1_stream.m3u8?_HLS_msn=9&_HLS_part=1"] == 1
    assert quick.origin.asked[hint] == 1


async def test_an_answer_is_kept_for_as_long_as_a_part_lasts(quick, viewer):
    asked = "video1_stream.m3u8?_HLS_msn=9&_HLS_part=0"
    await ask(quick, viewer, INDEX)
    for after_s, times in ((0, 1), (0.15, 1), (0.1, 2)):
        quick.clock.now_s += after_s
        assert (await ask(quick, viewer, MEDIA, _HLS_msn="9", _HLS_part="0"))[0] == 200
        assert quick.origin.asked[asked] == times


@pytest.mark.parametrize("asked", [{"_HLS_part": "1"}, {"_HLS_msn": "x"}, {"_HLS_msn": "-1"}, {"_HLS_msn": "9" * 13}])
async def test_nonsense_does_not_reach_mediamtx(quick, viewer, asked):
    before = quick.origin.asked.total()
    assert (await ask(quick, viewer, MEDIA, **asked))[0] == 400
    assert quick.origin.asked.total() == before


async def test_what_mediamtx_finds_too_far_off_is_a_bad_request(quick, viewer):
    await ask(quick, viewer, INDEX)
    quick.origin.status["video1_stream.m3u8"] = 400
    assert (await ask(quick, viewer, MEDIA, _HLS_msn="99"))[0] == 400


async def test_the_same_question_is_one_question_however_it_is_written(quick, viewer):
    await ask(quick, viewer, INDEX)
    await ask(quick, viewer, MEDIA, _HLS_part="00", _HLS_msn="009", _HLS_skip="v2", other="1")
    await ask(quick, viewer, MEDIA, _HLS_msn="9", _HLS_part="0", _HLS_skip="YES")
    assert quick.origin.asked["video1_stream.m3u8?_HLS_msn=9&_HLS_part=0&_HLS_skip=YES"] == 1


async def test_a_part_that_never_comes_is_given_up(sites, viewer):
    site = await begun(await sites(upstream_s=0.3))
    await ask(site, viewer, INDEX)
    answers = await asyncio.gather(
        ask(site, viewer, MEDIA, _HLS_msn="9", _HLS_part="7"), ask(site, viewer, f"ll/{site.origin.part(107)}")
    )
    assert [status for status, _ in answers] == [503, 503]
    assert site.proxy.stats().in_flight == 0
    assert site.proxy.stats().held_bytes < 10_000


async def test_only_so_many_different_waits_of_one_stream_reach_mediamtx(sites, viewer):
    site = await begun(await sites(waits_per_path=2))
    await ask(site, viewer, INDEX)
    waits = [asyncio.ensure_future(ask(site, viewer, MEDIA, _HLS_msn="9", _HLS_part=part)) for part in ("1", "2")]
    await site.settled(lambda: site.proxy.stats().in_flight == 2)
    assert (await ask(site, viewer, MEDIA, _HLS_msn="9", _HLS_part="3"))[0] == 429
    await site.origin.add_part()
    await site.origin.add_part()
    assert [status for status, _ in await asyncio.gather(*waits)] == [200, 200]
    assert (await ask(site, viewer, MEDIA, _HLS_msn="9", _HLS_part="0"))[0] == 200


async def test_who_waits_keeps_nobody_from_watching(sites, viewer):
    site = await begun(await sites(requests=1, requests_per_viewer=1, waits=3, waits_per_viewer=2))
    await ask(site, viewer, INDEX)
    wait = {"_HLS_msn": "9", "_HLS_part": "1"}
    waits = [asyncio.ensure_future(ask(site, viewer, MEDIA, **wait)) for _ in range(2)]
    await site.settled(lambda: site.proxy.stats().in_flight == 2)
    assert (await ask(site, viewer, MEDIA, **wait))[0] == 429
    assert (await ask(site, viewer, "index.m3u8"))[0] == 200
    await site.origin.add_part()
    assert [status for status, _ in await asyncio.gather(*waits)] == [200, 200]


async def test_a_waiting_player_who_leaves_takes_nobody_along(quick, viewer):
    await ask(quick, viewer, INDEX)
    wait = {"_HLS_msn": "9", "_HLS_part": "1"}
    first, second = (asyncio.ensure_future(ask(quick, viewer, MEDIA, **wait)) for _ in range(2))
    await quick.settled(lambda: quick.proxy.stats().in_flight == 2)
    first.cancel()
    await quick.settled(lambda: quick.proxy.stats().in_flight == 1)
    await quick.origin.add_part()
    assert (await second)[0] == 200


async def test_hours_of_low_latency_leave_nothing_behind(quick, viewer):
    for part in range(300):
        quick.clock.now_s += 0.2
        await ask(quick, viewer, MEDIA, _HLS_msn="9", _HLS_part=str(part))
        await quick.origin.add_part()
        await ask(quick, viewer, f"ll/{quick.origin.part(100 + part)}")
    assert len(quick.proxy._quick._objects) < 80
    assert len(quick.proxy._cache._objects) < 10


async def test_a_stream_that_ends_ends_the_waiting(quick, viewer):
    await ask(quick, viewer, MEDIA)
    quick.origin.status["video1_stream.m3u8"] = 500
    assert (await ask(quick, viewer, MEDIA, _HLS_msn="9", _HLS_part="1"))[0] == 404
    assert not quick.proxy._quick.knows(("city/camera", "ll/video1_stream.m3u8?"))


async def test_stills_take_the_newest_whole_segment(quick):
    newest = await quick.proxy.newest("city/camera")
    assert newest.file == quick.origin.segment(8)


def test_an_update_keeps_what_it_leaves_out_to_itself():
    body = b"#EXTM3U\n#EXT-X-PART-INF:PART-TARGET=0.2\n#EXT-X-MEDIA-SEQUENCE:9\n#EXT-X-SKIP:SKIPPED-SEGMENTS=2\n"
    assert parse(body, keeps_parts=True).render({"token": "t"}) == body
