"""The status for a central office: signed, small, without a name; and its token, which opens nothing else."""

from __future__ import annotations

import gzip
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import TypeAdapter

from tests.unit.api.test_metrics import camera_of, look
from vmsd.api.policy import Tenant
from vmsd.api.routes import ROUTES
from vmsd.base import CONSOLE
from vmsd.errors import Invalid
from vmsd.host.disk import DiskUsage
from vmsd.host.volume import Condition, VolumeState
from vmsd.model.audit import GENESIS, fingerprint
from vmsd.model.person import ScopeWord, Verb
from vmsd.model.site_status import SignedStatus
from vmsd.model.state import Cause, LiveState, State
from vmsd.services.box_seal import canonical_json
from vmsd.services.live_states import key_of
from vmsd.services.site_figures import FRESH_S
from vmsd.services.tokens import LONGEST_STATUS_DAYS, new_secret

if TYPE_CHECKING:
    from tests.unit.api.conftest import Town

STATUS = "/api/v1/status"
TOKENS = "/api/v1/tokens"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
FILLED = {"camera_id": UNKNOWN, "main": "", "file": "index.m3u8", "version": "0", "name": "x.css"}
HOUR_MS = 3_600_000


@pytest.fixture
async def office(town: Town) -> dict[str, str]:
    """The header a central office comes with."""
    secret = new_secret()
    await town.served.base.tokens.add_given(town.served.people["root"], "central", secret, CONSOLE)
    return {"Authorization": f"Bearer {secret}"}


async def status_of(town: Town, who: dict[str, str], query: str = "") -> Any:
    town.served.clock.pass_s(FRESH_S)
    answer = await town.ask("GET", STATUS + query, who=who)
    assert answer.status == 200, answer.raw
    return answer.body


def is_signed(answer: Any) -> bool:
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(answer["signature"]["public_key"]))
    key.verify(bytes.fromhex(answer["signature"]["signature"]), canonical_json(answer["status"]))
    return bool(answer["status"]["box"]["fingerprint"] == fingerprint(key.public_bytes_raw()))


async def record(town: Town, camera: Any, start_ms: int, end_ms: int) -> None:
    row = {"city": camera.city_id, "camera": camera.id, "start": start_ms * 1000, "length": end_ms - start_ms}
    async with town.served.base.database.write() as transaction:
        await transaction.execute(
            """INSERT INTO segment (city_id, camera_id, start_us, duration_ms, bytes, valid_bytes, state, flags)
            VALUES (:city, :camera, :start, :length, 9, 9, 1, 0)""",
            row,
        )


async def test_it_says_how_the_site_is_and_the_box_vouches_for_it(town, office):
    good, bad = await camera_of(town), await camera_of(town, name="Praça")
    await camera_of(town, name="Desligada", recording_enabled=False)
    served, daemon = town.served, town.served.daemon
    await look(served)
    watch = daemon._volume.watch
    watch.usage, watch.volume = DiskUsage(1000, 250, 100, 75), VolumeState(Condition.OK)
    served.close_breaker()
    start_ms = served.clock.wall_ms()
    served.clock.pass_s(4 * 3600)
    now_ms = served.clock.wall_ms()
    await record(town, good, start_ms, now_ms + round(FRESH_S) * 1000)
    await record(town, bad, start_ms, start_ms + HOUR_MS)
    daemon.states.set(key_of(good), LiveState(State.ONLINE, now_ms, None, now_ms))
    daemon.states.set(key_of(bad), LiveState(State.OFFLINE, now_ms, Cause.WRONG_PASSWORD))
    daemon._volume.index.note_grown(key_of(good), 1000)
    served.clock.pass_s(-FRESH_S)
    answer = await status_of(town, office)
    assert is_signed(answer)
    TypeAdapter(SignedStatus).validate_json(json.dumps(answer), strict=True)
    status = answer["status"]
    assert status["counts"] == {
        "all": 3,
        "online": 1,
        "offline": 1,
        "stalled": 0,
        "starting": 1,
        "disabled": 0,
        "recording": 1,
        "unrecorded": 1,
    }
    assert status["coverage"] == {"worst": 0.2492, "camera": bad.public_id, "mean": 0.6246}
    assert status["cameras"][0] | {"since": ""} == {
        "id": bad.public_id,
        "state": "offline",
        "since": "",
        "cause": "wrong_password",
        "enabled": True,
        "recording": False,
        "written_age": None,
        "coverage": 0.2492,
    }
    assert status["disk"]["used_ratio"] == 0.75
    assert status["disk"]["recording"] is True
    assert status["promise"]["promised_days"] == 7
    tip = await served.base.audit._rows.tip()
    assert (status["audit"]["row"], status["audit"]["hash"]) == (tip[0], tip[1].hex())


async def test_the_row_the_caller_remembers_is_looked_up_in_the_log_of_today(town, office):
    before = (await status_of(town, office))["status"]["audit"]
    await town.served.city("Outra")
    head = await town.served.base.audit.sign_head()
    after = await status_of(town, office, f"?audit_row={before['row']}")
    assert is_signed(after)
    assert after["status"]["audit"]["asked"] == {"row": before["row"], "hash": before["hash"]}
    assert after["status"]["audit"]["row"] > before["row"]
    assert after["status"]["audit"]["signed"]["hash"] == head.hash.hex() != GENESIS.hex()
    beyond = await status_of(town, office, "?audit_row=999999")
    assert beyond["status"]["audit"]["asked"] is None
    for wrong in ("0", "-1", "x", str(2**60)):
        assert (await town.ask("GET", f"{STATUS}?audit_row={wrong}", who=office)).status == 422


async def test_it_is_made_once_in_a_few_seconds_and_has_a_version(town, office):
    first = await town.ask("GET", STATUS, who=office)
    again = await town.ask("GET", STATUS, who=office, If_None_Match=first.headers["ETag"])
    assert (again.status, again.raw) == (304, b"")
    assert (await town.ask("GET", STATUS, who=office)).raw == first.raw
    town.served.clock.pass_s(6)
    changed = await town.ask("GET", STATUS, who=office, If_None_Match=first.headers["ETag"])
    assert changed.status == 200


async def test_it_stays_below_20_kb_with_more_cameras_than_it_lists_and_is_sent_gzipped(town, office):
    states, index = town.served.daemon.states, town.served.daemon._volume.index
    camera = await camera_of(town)
    city, _ = town.here, await look(town.served)
    many = [type(camera)(**{**vars(camera), "id": number, "public_id": UNKNOWN}) for number in range(1, 400)]
    states.watched = [(city, one) for one in many]
    for one in many:
        states.set(key_of(one), LiveState(State.STALLED, 1_795_000_000_123, Cause.HOST_UNREACHABLE))
        index.note_grown(key_of(one), 12_345)
    town.served.clock.pass_s(86_401)
    plain = await town.ask("GET", STATUS, who=office, Accept_Encoding="identity")
    status = plain.body["status"]
    assert (len(status["cameras"]), status["left_off"], status["counts"]["unrecorded"]) == (64, 335, 399)
    assert 10_000 < len(plain.raw) < 20_000
    zipped = await town.ask("GET", STATUS, who=office, Accept_Encoding="gzip")
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert int(zipped.headers["Content-Length"]) == len(gzip.compress(plain.raw, 1)) < 5_000


async def test_there_is_no_name_in_it(town, office):
    await camera_of(town, name="canario-camera", source_url="rtsp://canario:canario@198.51.100.77/canario")
    await town.served.city("canario-cidade")
    await look(town.served)
    town.served.clock.pass_s(3600)
    told = json.dumps(await status_of(town, office))
    for secret in ("canario", "198.51.100.77", "Aqui", "root", "central", str(town.served.base.settings.data_dir)):
        assert secret not in told


async def test_who_may_read_it(town, office):
    session = await town.served.session("root")
    for who, status in (({}, 401), (town.guard, 403), (town.gestor, 403), (town.root, 200), (session, 200)):
        assert (await town.ask("GET", STATUS, who=who)).status == status
    assert (await town.ask("POST", STATUS, {}, who=office)).status == 405


async def test_the_token_of_a_central_office_opens_nothing_else(town, office):
    """Every route there is, asked with it in the header and, as for sockets and players, in the address."""
    camera = await camera_of(town)
    secret, opened = office["Authorization"].removeprefix("Bearer "), set()
    known = FILLED | {"camera_id": camera.public_id, "id": camera.public_id, "city_id": town.here.public_id}
    for route in ROUTES:
        if route.tenant is Tenant.PUBLIC:
            continue
        path = re.sub(
            r"\{(\w+)(?::[^{}]*(?:\{[^}]*\})?[^{}]*)?\}", lambda match: known.get(match[1], UNKNOWN), route.path
        )
        body = None if route.method == "GET" else {}
        for city in (None, town.here):
            status = (await town.ask(route.method, path, body, who=office, city=city)).status
            if route.status:
                opened.add(path)
                assert status == 200, path
            else:
                assert status == 403, (route.method, path, status)
            keyed = await town.ask(route.method, f"{path}?token={secret}", body, city=city)
            assert keyed.status in (401, 403), (route.method, path, keyed.status)
            assert secret.encode() not in keyed.raw
    assert opened == {STATUS, "/metrics"}


async def test_neither_does_it_open_a_socket(town, office):
    secret = office["Authorization"].removeprefix("Bearer ")
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers = upgrade | {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    for path in ("/ws/alerts", f"/ws/alerts?token={secret}", f"/api/v1/streams/{UNKNOWN}/events?token={secret}"):
        who = {} if "token=" in path else office
        assert (await town.ask("GET", path, who=who | headers)).status in (401, 403), path


async def test_a_superadmin_makes_one_and_nobody_else(town):
    wanted = {"name": "central", "scope": "status:read"}
    made = await town.ask("POST", TOKENS, wanted, who=town.root)
    assert (made.status, made.body["scope"]) == (201, ["status:read"])
    office = {"Authorization": f"Bearer {made.body['token']}"}
    assert (await town.ask("GET", STATUS, who=office)).status == 200
    assert (await town.ask("GET", "/api/v1/cities", who=office)).status == 403
    refused = await town.ask("POST", TOKENS, wanted, who=town.gestor)
    assert (refused.status, refused.pointers) == (422, {"/scope"})
    mixed = await town.ask("POST", TOKENS, wanted | {"scope": ["status:read", "view"]}, who=town.root)
    assert (mixed.status, mixed.pointers) == (422, {"/scope"})
    long = wanted | {"expires_at": "2036-11-01T00:00:00Z"}
    session = await town.served.session("root")
    assert (await town.ask("POST", TOKENS, long, who=session)).status == 201
    assert (await town.ask("POST", TOKENS, long | {"scope": ["view"]}, who=session)).status == 422
    listed = (await town.ask("GET", TOKENS, who=town.root)).body["items"]
    assert ["status:read"] in [one["scope"] for one in listed]


async def test_a_token_made_elsewhere_is_taken_once_and_a_weak_one_never(town):
    tokens, root = town.served.base.tokens, town.served.people["root"]
    secret = new_secret()
    first = await tokens.add_given(root, "central", secret, CONSOLE)
    assert (await tokens.add_given(root, "central", secret, CONSOLE)).id == first.id
    assert list(first.words) == [ScopeWord.STATUS_READ]
    assert first.expires_ms - town.served.clock.wall_ms() == LONGEST_STATUS_DAYS * 86_400_000
    usual = town.root["Authorization"].removeprefix("Bearer ")
    for weak in (
        "",
        "x" * 50,
        "vmsd_" + "a" * 43,
        "vmsd_" + "ab" * 30,
        "vmsd_changeme",
        secret[5:],
        f"{secret}\n",
        usual,
    ):
        with pytest.raises(Invalid):
            await tokens.add_given(root, "central", weak, CONSOLE)
    with pytest.raises(Invalid):
        await tokens.add_given(town.served.people["gestora"], "central", new_secret(), CONSOLE)
    await town.served.base.database.checkpoint()
    kept = b"".join(file.read_bytes() for file in town.served.base.settings.data_dir.glob("vmsd.db*"))
    assert secret.encode() not in kept


def test_the_words_of_a_scope_are_the_verbs_and_one_more():
    assert {str(word) for word in ScopeWord} == {*map(str, Verb), "status:read"}
