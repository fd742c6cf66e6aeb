"""What Prometheus is told: the right figures, to the right caller, and nothing that is nobody's business."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from tests.unit.api.served import Served
from vmsd import __version__
from vmsd.api.metrics import METHODS
from vmsd.api.routes import ROUTES
from vmsd.host.disk import DiskUsage
from vmsd.host.volume import Condition, VolumeState
from vmsd.model.person import Role
from vmsd.model.state import LiveState, State, StreamFacts
from vmsd.services.live_states import key_of
from vmsd.services.storage import BreakerState, Capacity, OpenReason

if TYPE_CHECKING:
    from tests.unit.api.conftest import Town
    from vmsd.model.camera import Camera

OPEN = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
DAY_S = 86_400


async def scraped(town: Town, **headers: str) -> dict[tuple[str, ...], float]:
    """Each sample by its name and label values."""
    answer = await town.ask("GET", "/metrics", who=town.root, **headers)
    assert answer.status == 200, answer.raw
    parse = parse_open if "openmetrics" in answer.content_type else parse_plain
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in parse(answer.raw.decode())
        for sample in family.samples
    }


async def look(served: Served) -> None:
    """What the observer does first."""
    observer: Any = served.daemon._runner("observer").task
    await observer._load_cameras()


async def camera_of(town: Town, **fields: Any) -> Camera:
    added = await town.served.camera(town.gestor, town.here, **fields)
    return await town.served.base.cameras(town.here).get(added["id"])


async def test_only_who_may_see_the_whole_box_is_told(town):
    named = town.root | {"X-City-ID": town.here.public_id}
    session = await town.served.session("root")
    for who, status in (
        ({}, 401),
        (town.guard, 403),
        (town.gestor, 403),
        (town.root, 200),
        (named, 200),
        (session, 200),
    ):
        assert (await town.ask("GET", "/metrics", who=who)).status == status
    async with town.served.base.database.write() as transaction:
        await transaction.execute("UPDATE api_token SET scope = ''")
    assert (await town.ask("GET", "/metrics", who=town.root)).status == 200
    assert (await town.ask("GET", "/metrics?x=1", who=town.root)).status == 422
    assert (await town.ask("POST", "/metrics", who=town.root)).status == 405


async def test_the_figures_of_a_camera(town):
    camera, silent = await camera_of(town), await camera_of(town, name="Muda", recording_enabled=False)
    served, daemon = town.served, town.served.daemon
    await look(served)
    now_ms = served.clock.wall_ms()
    facts = StreamFacts(bitrate=800_000)
    daemon.states.set(key_of(camera), LiveState(State.ONLINE, now_ms, None, now_ms - 400, facts))
    daemon._volume.index.note_grown(key_of(camera), 3_000_000)
    served.clock.pass_s(10)
    for who in (town.guard, town.gestor):
        await town.ask("POST", f"/api/v1/streams?camera_id={camera.public_id}", who=who)
    found = await scraped(town)

    def of(one: Camera, name: str, *more: str) -> float | None:
        return found.get((f"vmsd_camera_{name}", one.public_id, town.here.public_id, *more))

    assert [of(camera, "state", state) for state in State] == [1, 0, 0, 0, 0]
    assert of(camera, "last_frame_age_seconds") == 10.4
    assert of(camera, "last_segment_age_seconds") == 10
    assert of(camera, "received_bytes_per_second") == 100_000
    assert of(camera, "written_bytes_per_second") == 300_000
    assert of(camera, "recording") == 1
    assert of(camera, "recording_enabled") == 1
    assert of(camera, "viewers") == 2
    assert [of(silent, "state", state) for state in State] == [0, 0, 0, 1, 0]
    assert of(silent, "last_frame_age_seconds") is None
    assert of(silent, "last_segment_age_seconds") is None
    assert of(silent, "received_bytes_per_second") is None
    assert of(silent, "recording") == of(silent, "recording_enabled") == of(silent, "viewers") == 0
    served.clock.pass_s(5)
    found = await scraped(town)
    assert of(camera, "recording") == 0


async def test_the_figures_of_the_box(town):
    daemon = town.served.daemon
    await camera_of(town)
    await look(town.served)
    watch = daemon._volume.watch
    watch.usage, watch.volume = DiskUsage(1000, 250, 100, 75), VolumeState(Condition.OK)
    watch.breaker = BreakerState(open=True, reason=OpenReason.USED, since_ms=0)
    watch.capacity = Capacity(1e9, 10, 77, held_days=3.5, oldest_ms=1_795_000_000_000)
    daemon.states.mediamtx_alive = True
    daemon.database_watch.bytes = 4096
    town.served.clock.pass_s(120)
    found = await scraped(town)
    expected = {
        ("vmsd_build_info", __version__): 1,
        ("vmsd_uptime_seconds",): 120,
        ("vmsd_disk_size_bytes",): 1000,
        ("vmsd_disk_used_bytes",): 750,
        ("vmsd_disk_free_bytes",): 250,
        ("vmsd_disk_used_ratio",): 0.75,
        ("vmsd_disk_inodes_used_ratio",): 0.25,
        ("vmsd_volume_up",): 1,
        ("vmsd_breaker_open",): 1,
        ("vmsd_breaker_reason", "used"): 1,
        ("vmsd_breaker_reason", "inodes"): 0,
        ("vmsd_recordings_size_bytes",): 77,
        ("vmsd_recordings_oldest_timestamp_seconds",): 1_795_000_000,
        ("vmsd_retention_seconds", town.here.public_id, "promised"): 7 * DAY_S,
        ("vmsd_retention_seconds", town.here.public_id, "actual"): 3.5 * DAY_S,
        ("vmsd_clock_trusted",): 0,
        ("vmsd_clock_offset_seconds",): 0,
        ("vmsd_mediamtx_up",): 1,
        ("vmsd_mediamtx_applied",): 0,
        ("vmsd_database_up",): 1,
        ("vmsd_database_size_bytes",): 4096,
        ("vmsd_index_complete",): 0,
        ("vmsd_hls_cache_hits_total",): 0,
        ("vmsd_hls_cache_size_bytes",): 0,
        ("vmsd_websockets",): 0,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert found["process_resident_memory_bytes",] > 1_000_000
    assert found["process_open_fds",] > 3
    assert found["process_cpu_seconds_total",] > 0


async def test_what_was_not_measured_yet_is_not_there(town):
    found = {name for name, *_ in await scraped(town)}
    assert "vmsd_disk_free_bytes" not in found
    assert "vmsd_clock_synchronised" not in found
    assert "vmsd_task_last_ok_timestamp_seconds" not in found


async def test_a_task_that_fails_is_counted_even_after_it_has_recovered(town):
    runner, clock = town.served.daemon._runner("database"), town.served.clock
    good: Any = runner.task.once

    async def bad() -> None:
        raise OSError

    for once in (bad, bad, good, bad, good):
        runner.task.once = once
        await runner.run_once()
    ok_s = clock.wall_ms() / 1000
    clock.pass_s(3600)
    found = await scraped(town)
    assert found["vmsd_task_failures_total", "database"] == 3
    assert found["vmsd_task_failures_in_a_row", "database"] == 0
    assert found["vmsd_task_last_ok_timestamp_seconds", "database"] == ok_s
    assert found["vmsd_task_duration_seconds", "database"] == 0
    assert found["vmsd_task_late", "database"] == 1


async def test_requests_are_counted_by_route_and_never_by_what_a_caller_makes_up(town):
    camera = await camera_of(town)
    await scraped(town)
    for path in (f"/api/v1/cameras/{camera.public_id}", "/api/v1/cameras/made-up-1", "/made-up-2", "/made-up-3?a=b"):
        await town.ask("GET", path, who=town.gestor)
        await town.ask("HEAD", path, who=town.gestor)
    for method in ("PROPFIND", "LINK"):
        await town.ask(method, "/made-up-4", who=town.gestor)
    found = {key: value for key, value in (await scraped(town)).items() if key[0] == "vmsd_http_requests_total"}
    assert found["vmsd_http_requests_total", "GET", "/api/v1/cameras/{camera_id}", "2xx"] == 1
    assert found["vmsd_http_requests_total", "HEAD", "/api/v1/cameras/{camera_id}", "4xx"] == 1
    assert found["vmsd_http_requests_total", "GET", "none", "4xx"] == 2
    assert found["vmsd_http_requests_total", "other", "none", "4xx"] == 2
    assert found["vmsd_http_requests_total", "GET", "/metrics", "2xx"] == 1
    assert not [key for key in found if "made-up" in str(key) or camera.public_id in str(key)]
    assert len(found) <= (len(ROUTES) + 1) * (len(METHODS) + 1) * 5


async def test_open_websockets_are_counted(town):
    camera = await camera_of(town)
    stream = (await town.ask("POST", f"/api/v1/streams?camera_id={camera.public_id}", who=town.guard)).body
    url = f"{town.served.url}/api/v1/streams/{stream['session_id']}/events"
    async with town.served.http.ws_connect(url, headers=town.guard) as ws:
        await ws.receive_json(timeout=5)
        assert (await scraped(town))["vmsd_websockets",] == 1


async def test_no_name_address_or_password_is_told(town):
    await camera_of(
        town,
        name="canario-camera",
        group="canario-grupo",
        source_url="rtsp://canario-user:canario-senha@198.51.100.77/canario-caminho",
    )
    await town.served.city("canario-cidade")
    await town.served.person("canario-pessoa", Role.USER, town.here)
    await look(town.served)
    await town.ask("GET", "/canario-nada", who=await town.served.token("canario-pessoa"))
    for accept in ("*/*", OPEN):
        told = (await town.ask("GET", "/metrics", who=town.root, Accept=accept)).raw
        assert b"vmsd_camera_state" in told
        for secret in (b"canario", b"198.51.100.77", b"Aqui", b"root", b"Portaria"):
            assert secret not in told


async def test_openmetrics_for_who_accepts_it(town):
    await camera_of(town)
    await look(town.served)
    plain = await town.ask("GET", "/metrics", who=town.root)
    assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    open_ = await town.ask("GET", "/metrics", who=town.root, Accept=OPEN)
    assert open_.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert open_.raw.endswith(b"# EOF\n")
    assert (await scraped(town)).keys() <= (await scraped(town, Accept=OPEN)).keys()
    for odd in ("application/openmetrics-text;version=x.y", "text/plain;version=a;escaping=b", ";;,=", "text/html"):
        assert (await town.ask("GET", "/metrics", who=town.root, Accept=odd)).status == 200


async def test_head_says_what_get_would(town):
    got, head = [await town.ask(method, "/metrics", who=town.root) for method in ("GET", "HEAD")]
    assert head.status == 200
    assert head.raw == b""
    assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert abs(int(head.headers["Content-Length"]) - int(got.headers["Content-Length"])) < 500
    assert head.headers["Cache-Control"] == "no-store"


async def test_many_scrapes_at_once_are_all_answered(town):
    answers = await asyncio.gather(*(town.ask("GET", "/metrics", who=town.root) for _ in range(10)))
    assert [answer.status for answer in answers] == [200] * 10


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
async def test_promtool_finds_nothing_to_say_but_that_people_are_promised_days(town):
    """The same figure in seconds is there too: `vmsd_retention_seconds`."""
    camera = await camera_of(town)
    await look(town.served)
    daemon = town.served.daemon
    watch = daemon._volume.watch
    watch.usage, watch.capacity = DiskUsage(1000, 250, 100, 75), Capacity(1e9, 10, 77, 3.5, 1_795_000_000_000)
    now_ms = town.served.clock.wall_ms()
    facts = StreamFacts(bitrate=800_000)
    daemon.states.set(key_of(camera), LiveState(State.ONLINE, now_ms, None, now_ms - 400, facts))
    daemon._volume.index.note_grown(key_of(camera), 3_000_000)
    daemon._volume.keeper.look()
    await daemon._runner("database").run_once()
    told = (await town.ask("GET", "/metrics", who=town.root)).raw
    for line in told.decode().splitlines():
        if line.startswith("# HELP"):
            assert len(line.split(maxsplit=3)) == 4, line
    process = await asyncio.create_subprocess_exec(
        "promtool",
        "check",
        "metrics",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate(told)
    assert said.decode().splitlines() == ['vmsd_retention_days use base unit "seconds" instead of "days"']


async def test_the_promise_the_coverage_and_the_log_are_told_by_the_names_people_know(town):
    served = town.served
    camera = await camera_of(town)
    await look(served)
    served.daemon._volume.watch.capacity = Capacity(1e9, 10, 77, 11.4, None, {key_of(camera): 5_000})
    served.clock.pass_s(10 * 3600)
    now_ms = served.clock.wall_ms()
    async with served.base.database.write() as transaction:
        await transaction.execute(
            """INSERT INTO segment (city_id, camera_id, start_us, duration_ms, bytes, valid_bytes, state, flags)
            VALUES (:city, :camera, :start, :length, 9, 9, 1, 0)""",
            {"city": camera.city_id, "camera": camera.id, "start": (now_ms - 18_000_000) * 1000, "length": 18_000_000},
        )
    await served.base.audit.sign_head()
    system, place = served.daemon._volume.system, (key_of(camera), (now_ms - 18_000_000) * 1000)
    found = await scraped(town)
    tip, _ = await served.base.audit._rows.tip()
    expected = {
        ("vmsd_camera_coverage_ratio_24h", camera.public_id, town.here.public_id): 0.5002,
        ("vmsd_retention_days", town.here.public_id, "promised"): 7,
        ("vmsd_retention_days", town.here.public_id, "actual"): 11.4,
        ("vmsd_protected_bytes", town.here.public_id): 5_000,
        ("vmsd_purged_total", "vanished"): 0,
        ("vmsd_alerts_open", "critical"): 0,
        ("vmsd_audit_rows",): tip,
        ("vmsd_audit_signed_rows",): tip,
        ("vmsd_audit_signed_timestamp_seconds",): now_ms / 1000,
        ("vmsd_time_seconds",): now_ms / 1000,
        ("vmsd_safe_mode",): 0,
    }
    assert {name: found.get(name) for name in expected} == expected
    await system.drop_vanished([place], now_ms)
    assert (await scraped(town))["vmsd_purged_total", "vanished"] == 1
