"""`/api/v1/webhooks/lpr`: who may report a plate, what becomes of it, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.plates import (
    HIKVISION,
    event_text,
    hikvision,
    itsapi,
    jpeg,
    multipart,
    plain_header,
    png,
    reading,
    signed_body,
    standard_headers,
)
from tests.unit.api.served import serve
from vmsd.clock import rfc3339

if TYPE_CHECKING:
    from tests.unit.api.conftest import Town

LPR, KEYS, WANTED = "/api/v1/webhooks/lpr", "/api/v1/webhooks/keys", "/api/v1/wanted-plates"
DETECTIONS = "/api/v1/detections"


@pytest.fixture
async def secret(town: Town) -> str:
    """Of the first city's key; the clock is trusted."""
    town.served.base.keeper.begin(None)
    assert town.served.base.keeper.trusted_ms() is not None
    made = await town.ask("POST", KEYS, {"name": "Leitor"}, who=town.gestor)
    assert made.status == 201, made.raw
    return made.body["secret"]


@pytest.fixture
async def camera(town: Town) -> str:
    place = {"lat": -23.5, "lon": -46.6}
    return (await town.served.camera(town.root, town.here, name="Entrada", location=place))["id"]


def now(town: Town, *, ahead_s: float = 0) -> str:
    return rfc3339(town.served.clock.wall_ms() + round(ahead_s * 1000))


async def send(town: Town, secret: str, body: dict[str, Any]) -> Any:
    return await town.ask("POST", LPR, raw=signed_body(secret, body))


async def post_large(town: Town, path: str, raw: bytes, kind: str) -> int:
    async with town.served.http.post(
        town.served.url + path, data=io.BytesIO(raw), headers={"Content-Type": kind}
    ) as answer:
        return answer.status


async def rows(town: Town, **who: Any) -> list[dict[str, Any]]:
    answer = await town.ask("GET", DETECTIONS, who=town.gestor)
    assert answer.status == 200, answer.raw
    return answer.body["items"]


async def test_a_plate_is_reported_in_each_of_the_three_ways_of_signing(town: Town, secret: str, camera: str):
    at_s = town.served.clock.wall_ms() // 1000
    raw = json.dumps(reading(camera, at_s, "AAA1111")).encode()
    first = await town.ask("POST", LPR, raw=raw, **standard_headers(secret, raw, "msg_1", at_s))
    raw = json.dumps(reading(camera, now(town), "BBB2222"), indent=1).encode()
    second = await town.ask("POST", LPR, raw=raw, **plain_header(secret, raw))
    third = await send(town, secret, reading(camera, now(town), "CCC3333", confianca=88))
    loose = signed_body(secret, reading(camera, now(town), "DDD4444"), (", ", ": "))
    fourth = await town.ask("POST", LPR, raw=loose)
    for answer in (first, second, third, fourth):
        assert answer.status == 202, answer.raw
        assert answer.body["duplicate"] is False
        assert answer.body["alert_id"] is None
    found = {one["plate"]: one for one in await rows(town)}
    assert set(found) == {"AAA1111", "BBB2222", "CCC3333", "DDD4444"}
    assert found["CCC3333"]["confidence"] == 0.88
    assert found["AAA1111"]["id"] == first.body["id"]
    assert found["AAA1111"]["place"] == "Entrada"
    assert found["AAA1111"]["location"] == {"lat": -23.5, "lon": -46.6}
    assert found["AAA1111"]["vendor"] == "webhook"


async def test_a_crop_is_kept_served_and_nothing_but_a_picture(town: Town, secret: str, camera: str):
    dirty = jpeg()[:2] + b"\xff\xfe\x00\x08<b>hi\x00" + jpeg()[2:] + b"<script>alert(1)</script>"
    for plate, picture, kind in (("AAA1111", dirty, "image/jpeg"), ("BBB2222", png(), "image/png")):
        encoded = base64.b64encode(picture).decode()
        encoded = encoded if plate == "AAA1111" else f"data:image/png;base64,{encoded}"
        answer = await send(town, secret, reading(camera, now(town), plate, imagem_base64=encoded))
        assert answer.status == 202, answer.raw
        url = f"{DETECTIONS}/{answer.body['id']}/image.jpg"
        image = await town.ask("GET", url, who=town.gestor)
        assert (image.status, image.content_type) == (200, kind)
        assert b"script" not in image.raw
        assert (await town.ask("GET", url, who=town.other)).status == 404
    for wrong in ("bm90IGEgcGljdHVyZQ==", "%%%", base64.b64encode(jpeg()[:-40]).decode()):
        answer = await send(town, secret, reading(camera, now(town), imagem_base64=wrong))
        assert (answer.status, answer.pointers) == (422, {"/imagem_base64"}), wrong


async def test_what_nobody_here_has_signed_is_refused(town: Town, secret: str, camera: str):
    at_s, body = town.served.clock.wall_ms() // 1000, reading(camera, now(town))
    raw = json.dumps(body).encode()
    good = standard_headers(secret, raw, "msg_1", at_s)
    other = "whsec_" + base64.b64encode(b"another key").decode()
    wrong: list[tuple[bytes, dict[str, str]]] = [
        (raw, {}),
        (raw, {"X_Signature": "sha256=" + "0" * 64}),
        (raw, {"X_Signature": ""}),
        (raw, plain_header(other, raw)),
        (raw + b" ", plain_header(secret, raw)),
        (raw, standard_headers(other, raw, "msg_1", at_s)),
        (raw, good | {"webhook_id": "msg_2"}),
        (raw, good | {"webhook_timestamp": str(at_s + 1)}),
        (raw, good | {"webhook_timestamp": "soon"}),
        (raw, good | {"webhook_signature": good["webhook_signature"].replace("v1,", "v2,")}),
        (raw, good | {"webhook_signature": ""}),
        (json.dumps(body | {"signature": "0" * 64}).encode(), {}),
        (json.dumps(body | {"signature": 7}).encode(), {}),
        (signed_body(other, body), {}),
    ]
    for sent, headers in wrong:
        answer = await town.ask("POST", LPR, raw=sent, **headers)
        assert answer.status == 401, (sent, headers, answer.raw)
    several = good | {"webhook_signature": "v1,AAAA " + good["webhook_signature"]}
    assert (await town.ask("POST", LPR, raw=raw, **several)).status == 202


async def test_a_report_counts_once_also_after_a_restart_and_not_when_it_is_old(tmp_path, town: Town, secret, camera):
    raw = signed_body(secret, reading(camera, now(town)))
    assert (await town.ask("POST", LPR, raw=raw)).status == 202
    assert (await town.ask("POST", LPR, raw=raw)).status == 409
    respelled = json.dumps(json.loads(raw), indent=2).encode()
    assert (await town.ask("POST", LPR, raw=respelled)).status == 409
    town.served.clock.pass_s(301)
    assert (await town.ask("POST", LPR, raw=raw)).status == 401
    for ahead_s in (-3600, 3600, -301, 301):
        answer = await send(town, secret, reading(camera, now(town, ahead_s=ahead_s)))
        assert answer.status == 401, ahead_s
    with closing(sqlite3.connect(town.served.site.settings.database)) as database:
        assert database.execute("SELECT count(*) FROM webhook_nonce").fetchone() == (1,)


async def test_nonces_go_once_nobody_could_use_them(town: Town, secret: str, camera: str):
    for number in range(5):
        await send(town, secret, reading(camera, now(town), f"AAA111{number}"))
    town.served.clock.pass_s(3600)
    for number in range(5):
        await send(town, secret, reading(camera, now(town), f"AAA222{number}"))
    with closing(sqlite3.connect(town.served.site.settings.database)) as database:
        assert database.execute("SELECT count(*) FROM webhook_nonce").fetchone() == (5,)


async def test_without_a_trusted_clock_the_nonce_alone_decides(town: Town, secret: str, camera: str):
    served = town.served
    served.clock.wall -= 400 * 86_400_000
    assert served.base.keeper.trusted_ms() is None
    raw = signed_body(secret, reading(camera, rfc3339(served.clock.wall + 400 * 86_400_000)))
    taken = await town.ask("POST", LPR, raw=raw)
    assert taken.status == 202, taken.raw
    (row,) = await rows(town)
    assert row["time"] == now(town), "the time of the box, which its recordings have"
    assert row["facts"]["clock_off_s"] == 400 * 86_400
    assert (await town.ask("POST", LPR, raw=raw)).status == 409
    served.clock.wall += 400 * 86_400_000
    served.base.keeper.confirm()
    assert (await town.ask("POST", LPR, raw=raw)).status == 409, "it is still known when the clock is right again"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"placa": ""}, "/placa"),
        ({"placa": "---"}, "/placa"),
        ({"placa": 7}, "/placa"),
        ({"camera_id": "7"}, "/camera_id"),
        ({"timestamp": "ontem"}, "/timestamp"),
        ({"timestamp": True}, "/timestamp"),
        ({"timestamp": -5}, "/timestamp"),
        ({"confianca": 101}, "/confianca"),
        ({"confianca": "0.9"}, "/confianca"),
        ({"imagem_url": "file:///etc/passwd"}, "/imagem_url"),
        ({"imagem_url": "http://user:pw@10.0.0.1/x.jpg"}, "/imagem_url"),
        ({"imagem_base64": 5}, "/imagem_base64"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_a_wrong_field_is_named(town: Town, secret: str, camera: str, change: dict[str, Any], pointer: str):
    answer = await send(town, secret, reading(camera, now(town)) | change)
    assert answer.status == 422, answer.raw
    assert answer.pointers == {pointer}


async def test_what_cannot_be_read_is_400_and_what_is_too_much_413(town: Town, secret: str, camera: str):
    for raw in (b"", b"{", b"\xff", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 5000):
        assert (await town.ask("POST", LPR, raw=raw)).status == 400, raw
        assert (await town.ask("POST", LPR, raw=raw, **plain_header(secret, raw))).status == 400, raw
    for raw in (b"[]", b"7", b"null"):
        assert (await town.ask("POST", LPR, raw=raw)).status == 422, raw
    assert (await town.ask("POST", LPR, raw=b"{}", Content_Type="text/plain")).status == 415
    for size in (20 * 1024**2, 5 * 1024**2):
        picture = base64.b64encode(b"\xff\xd8\xff" + bytes(size)).decode()
        raw = signed_body(secret, reading(camera, now(town), imagem_base64=picture))
        assert await post_large(town, LPR, raw, "application/json") == 413, size
    missing = await send(town, secret, reading("00000000-0000-4000-8000-000000000000", now(town)))
    assert missing.status == 404


async def test_a_key_opens_its_own_city_alone_and_nothing_once_it_is_gone(town: Town, secret: str, camera: str):
    theirs = (await town.served.camera(town.root, town.there, name="Lá"))["id"]
    unknown = await send(town, secret, reading("00000000-0000-4000-8000-000000000000", now(town)))
    foreign = await send(town, secret, reading(theirs, now(town)))
    assert (
        (foreign.status, foreign.body["detail"])
        == (unknown.status, unknown.body["detail"])
        == (404, foreign.body["detail"])
    )
    second = (await town.ask("POST", KEYS, {"name": "Novo"}, who=town.gestor)).body
    (first,) = [
        one for one in (await town.ask("GET", KEYS, who=town.gestor)).body["items"] if one["id"] != second["id"]
    ]
    assert (await send(town, second["secret"], reading(camera, now(town), "AAA1111"))).status == 202
    assert (await send(town, secret, reading(camera, now(town), "BBB1111"))).status == 202, "two count at once"
    assert (await town.ask("DELETE", f"{KEYS}/{first['id']}", who=town.other)).status == 404
    assert (await town.ask("DELETE", f"{KEYS}/{first['id']}", who=town.gestor)).status == 204
    assert (await send(town, secret, reading(camera, now(town)))).status == 401
    (left,) = (await town.ask("GET", KEYS, who=town.gestor)).body["items"]
    assert left["last_used_at"] is not None
    assert "secret" not in left
    for who in (town.guard,):
        assert (await town.ask("GET", KEYS, who=who)).status == 403


async def test_the_same_car_a_moment_later_is_counted_not_told_again(town: Town, secret: str, camera: str):
    await town.ask("POST", WANTED, {"plate": "ABC-1D23", "reason": "Furtado"}, who=town.gestor)
    first = await send(town, secret, reading(camera, now(town), "ABC1D23", confianca=0.5))
    assert first.body["alert_id"]
    town.served.clock.pass_s(4)
    again = await send(town, secret, reading(camera, now(town), "ABC1323", confianca=0.9))
    assert again.body == {"id": first.body["id"], "duplicate": True, "alert_id": None}
    (row,) = await rows(town)
    assert (row["times"], row["confidence"], row["wanted"], row["last_at"]) == (2, 0.9, True, now(town))
    town.served.clock.pass_s(11)
    later = await send(town, secret, reading(camera, now(town), "ABC1D23"))
    assert later.body["duplicate"] is False
    assert later.body["alert_id"] == first.body["alert_id"], "the alert that is not closed counts on"


async def test_a_wanted_plate_is_found_however_it_was_read(town: Town, secret: str, camera: str):
    body = {"plate": "abc 1o23", "reason": "Roubo, BO 55/2026", "level": "warning"}
    wanted = await town.ask("POST", WANTED, body, who=town.gestor)
    assert wanted.status == 201, wanted.raw
    assert wanted.body["plate"] == "ABC1O23"
    assert (await town.ask("POST", WANTED, body | {"plate": "ABC1O23"}, who=town.gestor)).status == 409
    for plate, match in (("ABC1O23", "exact"), ("A8C1O23", "alike"), ("ABC1O2E", None), ("ABC1023", "one_off")):
        town.served.clock.pass_s(20)
        answer = await send(town, secret, reading(camera, now(town), plate))
        if match is None:
            continue
        assert answer.body["alert_id"], plate
        alert = (await town.ask("GET", f"/api/v1/alerts/{answer.body['alert_id']}", who=town.gestor)).body
        assert (alert["kind"], alert["level"], alert["camera_id"]) == ("wanted_plate", "warning", camera)
        assert (alert["facts"]["match"], alert["facts"]["plate"]) == (match, plate)
        assert alert["facts"]["reason"] == body["reason"]
    town.served.clock.pass_s(20)
    assert (await send(town, secret, reading(camera, now(town), "XYZ1O23"))).body["alert_id"] is None
    assert (await town.ask("DELETE", f"{WANTED}/{wanted.body['id']}", who=town.gestor)).status == 204
    assert (await send(town, secret, reading(camera, now(town), "ABC1O23"))).body["alert_id"] is None


async def put_reader(town: Town, camera: str, vendor: str, networks: list[str]) -> str:
    body = {"vendor": vendor, "networks": networks}
    answer = await town.ask("PUT", f"/api/v1/cameras/{camera}/plate-reader", body, who=town.gestor)
    assert answer.status == 200, answer.raw
    return answer.body["url"]


async def test_a_hikvision_camera_reports_by_its_secret_address(town: Town, secret: str, camera: str):
    url = await put_reader(town, camera, "hikvision", ["127.0.0.0/8"])
    kind, body = hikvision("ABC1D23", now(town, ahead_s=-1).replace("Z", "+00:00"))
    answer = await town.ask("POST", url, raw=body, Content_Type=kind)
    assert answer.status == 202, answer.raw
    bare = HIKVISION.format(plate="BRA2E19", at=now(town), event="ANPR", confidence=80).encode()
    assert (await town.ask("POST", url, raw=bare, Content_Type="application/xml")).status == 202
    prefixed = bare.replace(b"<E", b"<i:E").replace(b"</E", b"</i:E").replace(b'xmlns="', b'xmlns:i="')
    assert (await town.ask("POST", url, raw=prefixed.replace(b"BRA2E19", b"BRA2E20"), Content_Type="")).status == 202
    for quiet in (hikvision("ABC1D23", now(town), event="heartBeat"), hikvision("unknown", now(town))):
        heard = await town.ask("POST", url, raw=quiet[1], Content_Type=quiet[0])
        assert (heard.status, heard.body["id"]) == (200, None)
    found = {one["plate"]: one for one in await rows(town)}
    assert set(found) == {"ABC1D23", "BRA2E19", "BRA2E20"}
    one = found["ABC1D23"]
    assert (one["vendor"], one["confidence"], one["camera_id"]) == ("hikvision", 0.97, camera)
    assert one["facts"]["vehicle_color"] == "silver"
    image = await town.ask("GET", one["image_url"], who=town.gestor)
    assert len(image.raw) < len(jpeg(640, 360)), "the crop, not the whole scene"


async def test_an_intelbras_camera_reports_as_json_and_as_text(town: Town, secret: str, camera: str):
    url = await put_reader(town, camera, "intelbras", ["127.0.0.1/32"])
    local = rfc3339(town.served.clock.wall_ms() - 3 * 3600 * 1000)[:19].replace("T", " ")
    answer = await town.ask("POST", url, raw=itsapi("ABC1D23", local))
    assert answer.status == 202, answer.raw
    kind, body = event_text("BRA2E19", town.served.clock.wall_ms() // 1000)
    assert (await town.ask("POST", url, raw=body, Content_Type=kind)).status == 202
    event = {"Code": "TrafficJunction", "Action": "Pulse", "Data": {"TrafficCar": {"PlateNumber": "RIO2A18"}}}
    kind, body = multipart(
        [("info", "application/json", json.dumps(event).encode()), ("pic.jpg", "image/jpeg", jpeg())]
    )
    assert (await town.ask("POST", url, raw=body, Content_Type=kind)).status == 202
    for quiet in (b'{"Active": "keepAlive", "DeviceID": "x"}', b'{"Code": "VideoMotion", "Data": {}}'):
        assert (await town.ask("POST", url, raw=quiet)).status == 200
    found = {one["plate"]: one for one in await rows(town)}
    assert set(found) == {"ABC1D23", "BRA2E19", "RIO2A18"}
    assert found["ABC1D23"]["time"] == rfc3339(town.served.clock.wall_ms() // 1000 * 1000), "the site's zone"
    assert found["ABC1D23"]["facts"]["brand"] == "Fiat"
    assert found["BRA2E19"]["facts"]["speed"] == "42"
    for one in found.values():
        assert (await town.ask("GET", one["image_url"], who=town.gestor)).status == 200


async def test_a_camera_whose_clock_is_off_is_believed_but_for_its_time(town: Town, secret: str, camera: str):
    url = await put_reader(town, camera, "hikvision", ["127.0.0.0/8"])
    kind, body = hikvision("ABC1D23", now(town, ahead_s=3600))
    assert (await town.ask("POST", url, raw=body, Content_Type=kind)).status == 202
    (row,) = await rows(town)
    assert row["time"] == now(town)
    assert row["facts"]["clock_off_s"] == 3600


async def test_a_secret_address_is_nobody_elses(town: Town, secret: str, camera: str):
    url = await put_reader(town, camera, "hikvision", ["127.0.0.0/8"])
    kind, body = hikvision("ABC1D23", now(town))
    nothing = await town.ask("POST", f"{LPR}/hikvision/x", raw=body, Content_Type=kind)
    assert nothing.status == 404
    elsewhere = await town.ask("POST", url.replace("hikvision", "intelbras"), raw=body, Content_Type=kind)
    assert (elsewhere.status, elsewhere.body["detail"]) == (404, nothing.body["detail"])
    before = url
    url = await put_reader(town, camera, "hikvision", ["10.1.2.0/24"])
    assert (await town.ask("POST", before, raw=body, Content_Type=kind)).status == 404, "the one before counts no more"
    strange = await town.ask("POST", url, raw=body, Content_Type=kind)
    assert (strange.status, strange.body["detail"]) == (404, nothing.body["detail"])
    place = f"/api/v1/cameras/{camera}/plate-reader"
    seen = await town.ask("GET", place, who=town.gestor)
    assert (seen.body["networks"], "url" in seen.body) == (["10.1.2.0/24"], False)
    own = await town.ask("PUT", place, {"vendor": "hikvision"}, who=town.gestor)
    assert own.body["networks"] == ["198.51.100.10/32"], "its own address, when nothing is said"
    assert (await town.ask("DELETE", place, who=town.gestor)).status == 204
    assert (await town.ask("GET", place, who=town.gestor)).status == 404
    assert await rows(town) == []


BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;&x;">]>
<EventNotificationAlert><eventType>ANPR</eventType><ANPR><licensePlate>&y;</licensePlate></ANPR></EventNotificationAlert>"""
OUTSIDE = BOMB.replace(b'"xxxxxxxxxx"', b'SYSTEM "file:///etc/passwd"')


async def test_xml_with_a_document_type_or_without_end_is_refused(town: Town, secret: str, camera: str):
    url = await put_reader(town, camera, "hikvision", ["127.0.0.0/8"])
    deep = b"<EventNotificationAlert>" + b"<a>" * 5000
    wide = b"<EventNotificationAlert>" + b"<a/>" * 100_000 + b"</EventNotificationAlert>"
    utf16 = BOMB.decode().replace('<?xml version="1.0"?>', "").encode("utf-16")
    for raw in (BOMB, OUTSIDE, deep, wide, utf16, b"<html/>", b"\x00" * 300, b"--x\r\n", b"<a"):
        answer = await town.ask("POST", url, raw=raw, Content_Type="application/xml")
        assert answer.status == 400, (raw[:60], answer.raw)
    no_plate = b"<EventNotificationAlert><eventType>ANPR</eventType></EventNotificationAlert>"
    assert (await town.ask("POST", url, raw=no_plate, Content_Type="application/xml")).status == 422
    assert await post_large(town, url, bytes(20 * 1024**2), "application/xml") == 413
    assert await rows(town) == []


def broken(whole: bytes) -> st.SearchStrategy[bytes]:
    """Cut short, with a piece taken out, with bytes overwritten."""
    places = st.integers(0, len(whole) - 1)
    return st.one_of(
        st.binary(max_size=200),
        places.map(lambda end: whole[:end]),
        st.tuples(places, places).map(lambda cut: whole[: min(cut)] + whole[max(cut) :]),
        st.tuples(places, st.binary(min_size=1, max_size=8)).map(
            lambda at: whole[: at[0]] + at[1] + whole[at[0] + len(at[1]) :]
        ),
    )


HIK = hikvision("ABC1D23", "2026-11-20T22:10:05Z")
ITS = itsapi("ABC1D23", "2026-11-20 22:10:05")
TEXT = event_text("ABC1D23", 1_800_000_000)
SENT = st.one_of(
    broken(HIK[1]).map(lambda raw: ("hikvision", HIK[0], raw)),
    broken(ITS).map(lambda raw: ("intelbras", "application/json", raw)),
    broken(TEXT[1]).map(lambda raw: ("intelbras", TEXT[0], raw)),
    broken(b'{"camera_id": "x", "placa": "ABC1D23", "timestamp": 5}').map(lambda raw: ("", "application/json", raw)),
)


def test_no_garbage_is_ever_an_error_of_the_box(tmp_path):
    """One site for all of them, on a loop of its own: each piece of garbage takes a millisecond or two."""

    async def run() -> None:
        async with serve(tmp_path, rates={"webhook": {"per_s": 10_000, "burst": 100_000}}) as served:
            from tests.unit.api.conftest import make_town

            town = await make_town(served)
            camera = (await served.camera(town.root, town.here, name="Entrada"))["id"]
            urls = {"": LPR}
            other = (await served.camera(town.root, town.here, name="Saída"))["id"]
            urls["hikvision"] = await put_reader(town, camera, "hikvision", ["127.0.0.0/8"])
            urls["intelbras"] = await put_reader(town, other, "intelbras", ["127.0.0.0/8"])
            loop = asyncio.get_running_loop()

            @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
            @given(SENT)
            def throw(sent: tuple[str, str, bytes]) -> None:
                vendor, kind, raw = sent
                asked = town.ask("POST", urls[vendor], raw=raw, Content_Type=kind)
                answer = asyncio.run_coroutine_threadsafe(asked, loop).result(20)
                assert answer.status in (200, 202, 400, 401, 422), answer.raw

            await asyncio.to_thread(throw)

    asyncio.run(run())


async def test_many_at_once_are_all_stored_and_each_once(town: Town, secret: str, camera: str):
    bodies = [signed_body(secret, reading(camera, now(town), f"AAA{number:04}")) for number in range(120)]
    sent = [body for body in bodies for _ in range(2)]
    answers = await asyncio.gather(*(town.ask("POST", LPR, raw=raw) for raw in sent))
    statuses = [answer.status for answer in answers]
    assert (statuses.count(202), statuses.count(409)) == (120, 120)
    assert len({answer.body["id"] for answer in answers if answer.status == 202}) == 120
    with closing(sqlite3.connect(town.served.site.settings.database)) as database:
        assert database.execute("SELECT count(*) FROM detection").fetchone() == (120,)


async def test_more_than_can_wait_is_sent_back_later(tmp_path):
    async with serve(tmp_path, plates={"queued": 3}) as served:
        from tests.unit.api.conftest import make_town

        town = await make_town(served)
        camera = (await served.camera(town.root, town.here, name="Entrada"))["id"]
        secret = (await town.ask("POST", KEYS, {"name": "Leitor"}, who=town.gestor)).body["secret"]
        bodies = [signed_body(secret, reading(camera, now(town), f"AAA{number:04}")) for number in range(40)]
        async with served.base.database.write():
            asked = [asyncio.ensure_future(town.ask("POST", LPR, raw=raw)) for raw in bodies]
            refused, _ = await asyncio.wait(asked, timeout=10, return_when=asyncio.FIRST_COMPLETED)
            while len(refused) < 37:
                refused, _ = await asyncio.wait(asked, timeout=0.2)
        answers = await asyncio.gather(*asked)
        assert sorted(answer.status for answer in answers) == [202] * 3 + [429] * 37
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers if answer.status == 429)
