"""The health board over HTTP: what is measured, judged by the city's thresholds."""

from __future__ import annotations

from vmsd.host.wear import Wear
from vmsd.model.person import Role, Verb
from vmsd.model.state import LiveState, State
from vmsd.services.live_states import key_of
from vmsd.store.cameras import Cameras
from vmsd.store.scope import Scope

BOARD = "/api/v1/health-board"
MINUTE_MS = 60_000


class Box:
    """What the tasks of a daemon would have measured."""

    def __init__(self, town):
        self.town, self.served = town, town.served

    async def camera(self, name, **fields):
        made = await self.served.camera(self.town.gestor, self.town.here, name=name, **fields)
        scope = Scope(self.served.base.database, self.town.here.id)
        return await Cameras(scope, self.served.base.rows).get(made["id"])

    def state(self, camera, state, age_s=0.0):
        now_ms = self.served.clock.wall_ms()
        live = LiveState(state, now_ms - 5 * MINUTE_MS, last_bytes_ms=round(now_ms - age_s * 1000))
        self.served.daemon.states.set(key_of(camera), live)

    def writes(self, camera):
        self.served.daemon._volume.index.note_grown(key_of(camera), 1000)

    async def fact(self, camera, minutes_ago, fps):
        at_ms = self.served.clock.wall_ms() - round(minutes_ago * MINUTE_MS)
        async with self.served.base.database.write() as transaction:
            await transaction.execute(
                "INSERT INTO stream_fact (city_id, camera_id, at_ms, fps, viewers, online_ratio)"
                " VALUES (:city, :camera, :at, :fps, 0, 1)",
                {"city": camera.city_id, "camera": camera.id, "at": at_ms, "fps": fps},
            )

    async def dropped(self, camera, minutes_ago, state="offline"):
        at_ms = self.served.clock.wall_ms() - round(minutes_ago * MINUTE_MS)
        async with self.served.base.database.write() as transaction:
            await transaction.execute(
                "INSERT INTO state_change (city_id, camera_id, at_ms, state) VALUES (:city, :camera, :at, :state)",
                {"city": camera.city_id, "camera": camera.id, "at": at_ms, "state": state},
            )

    def sends(self, **fps):
        """Frames per second of what was recorded last, by the name of the camera's number."""
        index, rates = self.served.daemon._volume.index, {int(name[1:]): rate for name, rate in fps.items()}
        index.fps = lambda key: rates.get(key[1])

    def settle(self):
        self.served.clock.pass_s(60)

    async def board(self, who=None):
        answer = await self.town.ask("GET", BOARD, who=who or self.town.guard)
        assert answer.status == 200, answer.raw
        return answer.body


async def test_each_camera_is_counted_by_what_it_does(town):
    box = Box(town)
    names = ("No ar", "Sem sinal", "Parada", "Desligada", "Sem gravar")
    online, lost, frozen, off, missing = [await box.camera(name) for name in names]
    box.settle()
    states = (State.ONLINE, State.OFFLINE, State.STALLED, State.DISABLED, State.ONLINE)
    for camera, state in zip((online, lost, frozen, off, missing), states, strict=True):
        box.state(camera, state)
    box.writes(online)
    box.writes(frozen)
    board = await box.board()
    counts = {"all": 5, "online": 2, "offline": 1, "stalled": 1, "starting": 0, "disabled": 1}
    assert board["cameras"] == counts | {"recording": 2, "not_recording": 1, "degraded": 0}
    told = {one["name"]: [trouble["what"] for trouble in one["troubles"]] for one in board["troubled"]}
    assert told == {"Sem sinal": ["no_signal"], "Parada": ["no_signal"], "Sem gravar": ["not_recording"]}
    figures = {name: (one["value"], one["level"]) for name, one in board["figures"].items()}
    assert figures["cameras_offline"] == (2, "amber")
    assert figures["cameras_not_recording"] == (1, "amber")
    assert figures["cameras_degraded"] == (0, "green")
    assert figures["disk_wear"] == figures["promise"] == (None, None)
    assert board["level"] == "red", "MediaMTX is away in these tests"
    assert board["parts"]["mediamtx"] == "red"


async def test_a_camera_that_has_just_come_is_given_time_to_be_recorded(town):
    box = Box(town)
    camera = await box.camera("Nova")
    box.state(camera, State.ONLINE)
    assert (await box.board())["cameras"]["not_recording"] == 0
    box.settle()
    assert (await box.board())["cameras"]["not_recording"] == 1


async def test_degraded_is_what_is_measured_worse_than_usual(town):
    """Half the usual frames, an old frame, a signal that keeps going; without a usual rate nothing is said of it."""
    box = Box(town)
    names = ("Boa", "Lenta", "Velha", "Instável", "Recente")
    good, slow, old, shaky, new = [await box.camera(name) for name in names]
    box.settle()
    for camera in (good, slow, old, shaky, new):
        box.state(camera, State.ONLINE, age_s=3.5 if camera is old else 0.2)
        box.writes(camera)
        for minutes in range(20, 20 + 5 * (5 if camera is new else 12), 5):
            await box.fact(camera, minutes, 15)
    for minutes in (1, 20, 59, 61, 62):
        await box.dropped(good, 70 + minutes)
        await box.dropped(shaky, minutes, "stalled" if minutes == 1 else "offline")
    box.sends(**{f"n{one.id}": 4.0 if one in (slow, new) else 14.0 for one in (good, slow, old, shaky, new)})
    board = await box.board()
    found = {one["name"]: one for one in board["troubled"]}
    assert {name: one["troubles"] for name, one in found.items()} == {
        "Lenta": [{"what": "fps", "level": "red"}],
        "Velha": [{"what": "frame_age", "level": "amber"}],
        "Instável": [{"what": "drops", "level": "amber"}],
    }
    assert (found["Lenta"]["fps"], found["Lenta"]["usual_fps"], found["Instável"]["drops"]) == (4, 15, 3)
    assert (board["cameras"]["degraded"], board["figures"]["cameras_degraded"]["level"]) == (3, "amber")
    limits = {"camera_fps": {"amber": 0.2, "red": 0.1}, "camera_frame_age": {"amber": 10, "red": 20}}
    more = {"camera_drops": {"amber": 4, "red": 9}}
    assert (await town.ask("PUT", "/api/v1/thresholds", limits | more, who=town.gestor)).status == 200
    assert (await box.board())["cameras"]["degraded"] == 0


async def test_a_board_is_of_the_cameras_one_may_see(town):
    box = Box(town)
    seen, hidden = await box.camera("Vista", group="Praça"), await box.camera("Oculta", group="Escola")
    await town.served.camera(town.other, town.there)
    box.settle()
    for camera in (seen, hidden):
        box.state(camera, State.OFFLINE)
    await town.served.person("praça", Role.USER, town.here, {1: frozenset({Verb.VIEW})})
    board = await box.board(await town.served.token("praça"))
    assert [one["name"] for one in board["troubled"]] == ["Vista"]
    assert (board["cameras"]["all"], board["detections"]) == (1, None)
    assert (await box.board())["detections"] == 0


async def test_plates_are_counted_for_those_who_may_see_them(town):
    box = Box(town)
    camera, other = await box.camera("Vista", group="Praça"), await box.camera("Oculta", group="Escola")
    now_ms = town.served.clock.wall_ms()
    async with town.served.base.database.write() as transaction:
        for number, (one, ago_h) in enumerate(((camera, 1), (camera, 23), (camera, 25), (other, 1)), 1):
            at_ms = now_ms - ago_h * 60 * MINUTE_MS
            await transaction.execute(
                "INSERT INTO detection (city_id, id, public_id, camera_id, at_ms, received_ms, last_ms, times, vendor,"
                " wanted, place, facts) VALUES (:city, :id, :public, :camera, :at, :at, :at, 1, 'x', 0, '', '{}')",
                {"city": one.city_id, "id": number, "public": str(number), "camera": one.id, "at": at_ms},
            )
    await town.served.person("praça", Role.USER, town.here, {1: frozenset({Verb.VIEW, Verb.PLATES})})
    assert (await box.board(await town.served.token("praça")))["detections"] == 2
    assert (await box.board())["detections"] == 3


async def test_the_wear_of_the_disk_is_what_it_said(town):
    box = Box(town)
    await box.camera("Portaria")
    town.served.site.health.wear.last = Wear("nvme", 0.72, failing=False, source="smart")
    board = await box.board()
    assert board["wear"] == {"kind": "nvme", "used_ratio": 0.72, "failing": False, "source": "smart"}
    assert (board["figures"]["disk_wear"]["level"], board["parts"]["disk_health"]) == ("amber", "green")
    town.served.site.health.wear.last = Wear("rotating", None, failing=True, source="smart")
    board = await box.board()
    assert (board["figures"]["disk_wear"]["value"], board["parts"]["disk_health"]) == (None, "red")
