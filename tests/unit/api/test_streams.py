"""Viewing sessions: who watches, by which addresses, and for how long."""

from __future__ import annotations

from tests.unit.api.served import serve, viewing_token
from vmsd.model.person import Role

STREAMS = "/api/v1/streams"


async def open_stream(town, camera, who):
    answer = await town.ask("POST", f"{STREAMS}?camera_id={camera['id']}", who=who)
    assert answer.status == 201, answer.raw
    return answer


async def test_a_stream_is_opened_shown_and_closed(town):
    camera = await town.served.camera(town.gestor, town.here)
    answer = await open_stream(town, camera, town.guard)
    opened = answer.body
    token = viewing_token(opened)
    assert opened["camera_id"] == camera["id"]
    assert opened["hls_url"] == f"/hls/stream_{camera['id']}/index.m3u8?token={token}"
    assert opened["ll_hls_url"] == f"/hls/stream_{camera['id']}/ll/index.m3u8?token={token}"
    assert opened["webrtc_url"] == f"/webrtc/stream_{camera['id']}/whep?token={token}"
    assert opened["snapshot_url"].endswith(f"/snapshot.jpg?token={token}")
    assert "expires_at" in opened
    assert not any(name.startswith("main_") for name in opened)
    path = answer.headers["Location"]
    assert path == f"{STREAMS}/{opened['session_id']}"
    shown = (await town.ask("GET", path, who=town.guard)).body
    assert token not in str(shown)
    for _ in range(2):
        assert (await town.ask("GET", f"{path}/urls", who=town.guard)).body["hls_url"] == opened["hls_url"]
    metrics = (await town.ask("GET", f"{path}/metrics", who=town.guard)).body
    assert metrics.keys() == {"bitrate", "fps", "latency", "viewers"}
    assert metrics["viewers"] == 1
    assert (await town.ask("DELETE", path, who=town.guard)).status == 204
    assert (await town.ask("GET", path, who=town.guard)).status == 404
    assert (await town.ask("GET", opened["hls_url"])).status == 401


async def test_a_camera_with_a_substream_shows_its_main_stream_in_three_qualities_too(town):
    sub = {"sub_source_url": "rtsp://198.51.100.10/small"}
    camera = await town.served.camera(town.gestor, town.here, **sub)
    opened = (await open_stream(town, camera, town.guard)).body
    for name in ("hls_url", "ll_hls_url", "webrtc_url"):
        assert opened[f"main_{name}"] == opened[name].replace(camera["id"], f"{camera['id']}_main")


async def test_the_camera_is_named_and_known(town):
    for query, status in (("", 422), ("?camera_id=x", 422), ("?camera_id=00000000-0000-4000-8000-000000000000", 404)):
        assert (await town.ask("POST", STREAMS + query, who=town.guard)).status == status


async def test_guards_see_their_own_streams_and_managers_everybodys(town):
    camera = await town.served.camera(town.gestor, town.here)
    await town.served.person("outro guarda", Role.USER, town.here)
    second = await town.served.token("outro guarda")
    mine = (await open_stream(town, camera, town.guard)).body["session_id"]
    theirs = (await open_stream(town, camera, second)).body["session_id"]
    listed = {
        name: [item["session_id"] for item in (await town.ask("GET", STREAMS, who=who)).body["items"]]
        for name, who in (("guard", town.guard), ("gestor", town.gestor), ("other", town.other))
    }
    assert listed["guard"] == [mine]
    assert sorted(listed["gestor"]) == sorted([mine, theirs])
    assert listed["other"] == []
    assert (await town.ask("GET", f"{STREAMS}/{theirs}", who=town.guard)).status == 404
    assert (await town.ask("DELETE", f"{STREAMS}/{theirs}", who=town.guard)).status == 404
    assert (await town.ask("GET", f"{STREAMS}/{theirs}/urls", who=town.gestor)).status == 403
    assert (await town.ask("DELETE", f"{STREAMS}/{theirs}", who=town.gestor)).status == 204


async def test_pages_of_streams_hold_each_once_though_they_are_used_and_closed_meanwhile(town):
    camera = await town.served.camera(town.gestor, town.here)
    opened = []
    for _ in range(7):
        opened.append((await open_stream(town, camera, town.guard)).body)
        town.served.clock.pass_s(0.01)
    seen, cursor = [], ""
    while True:
        page = (await town.ask("GET", f"{STREAMS}?limit=2{cursor}", who=town.guard)).body
        seen += [item["session_id"] for item in page["items"]]
        if page["next"] is None:
            break
        await town.ask("GET", opened[4]["hls_url"])
        await town.ask("DELETE", f"{STREAMS}/{seen[-1]}", who=town.guard)
        cursor = f"&cursor={page['next']}"
    assert seen == [one["session_id"] for one in opened]


async def test_a_person_and_the_box_have_room_for_so_many(tmp_path):
    async with serve(tmp_path, live={"streams": 5, "streams_per_person": 3}) as served:
        city = await served.city("Aqui")
        for name in ("um", "dois"):
            await served.person(name, Role.GESTOR, city)
        one, two = await served.token("um"), await served.token("dois")
        camera = await served.camera(one, city)
        path = f"{STREAMS}?camera_id={camera['id']}"
        assert [(await served.ask("POST", path, who=one)).status for _ in range(4)] == [201, 201, 201, 429]
        answers = [await served.ask("POST", path, who=two) for _ in range(3)]
        assert [answer.status for answer in answers] == [201, 201, 429]
        assert answers[-1].headers["Retry-After"] == "10"
        served.clock.pass_s(61)
        assert (await served.ask("POST", path, who=one)).status == 201


async def test_a_removed_camera_is_watched_no_more(town):
    camera = await town.served.camera(town.gestor, town.here)
    opened = (await open_stream(town, camera, town.guard)).body
    assert (await town.ask("DELETE", f"/api/v1/cameras/{camera['id']}", who=town.gestor)).status == 204
    assert (await town.ask("GET", opened["hls_url"])).status == 404
    assert (await town.ask("GET", f"{STREAMS}/{opened['session_id']}/metrics", who=town.guard)).status == 404
