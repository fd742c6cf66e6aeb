"""Whoever changes anything through the API is written down: what, by whom, to what, in which city, and no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.unit.api import evidence_chapters as evidence
from tests.unit.api import guards_chapters as guards
from tests.unit.api import installer_chapters as installer
from tests.unit.api.audit_book import Book, Row
from tests.unit.api.logins import code_at, cookie_of
from tests.unit.api.served import PASSWORD
from vmsd.api.routes import API, CAMERA, DESTINATION, LPR, ROUTES, STREAM, SWITCH, WHEP
from vmsd.errors import StorageFull
from vmsd.model.audit import Action
from vmsd.model.person import Role
from vmsd.store.audit import Audit

if TYPE_CHECKING:
    from tests.unit.api.conftest import Town
    from tests.unit.api.served import Served

NO_ROW = {
    ("POST", f"{API}/auth/totp"): "nothing counts before it is confirmed with PUT",
    ("POST", f"{API}/auth/city"): "which city a superadmin's pages show: who looks at what there has its own rows",
    ("POST", f"{API}/cameras/probe"): "saves nothing",
    ("POST", f"{API}/discovery"): "who answers on the network is no secret of a city's, and nothing is saved",
    ("POST", f"{API}/discovery/inspect"): "saves nothing",
    ("POST", f"{API}/discovery/picture"): "saves nothing",
    ("POST", f"{API}/cameras/find-moved"): "changes nothing: following one is the row",
    ("POST", f"{CAMERA}/device"): "when another device answers there is a row: tested in test_discovery, with devices",
    ("POST", f"{CAMERA}/clock"): "as above: its row is camera.clock_set",
    ("POST", f"{CAMERA}/move"): "as above: its row is camera.moved",
    ("POST", STREAM.rpartition("/")[0]): "nothing is seen yet: the first file or picture is the row",
    ("DELETE", STREAM): "the viewing is over by itself",
    ("POST", WHEP): "leaves the row of a viewing, as video does: tested with it",
    ("PATCH", f"{WHEP}/{{call_id}}"): "how the viewing that has its row reaches the browser",
    ("DELETE", f"{WHEP}/{{call_id}}"): "the viewing is over by itself",
    ("OPTIONS", WHEP): "says what the address takes",
    ("POST", LPR): "what was read is a row of its own, with the name of the key that signed it",
    ("POST", f"{LPR}/hikvision/{{key}}"): "as above, of the camera whose secret address it is",
    ("POST", f"{LPR}/intelbras/{{key}}"): "as above",
    ("POST", f"{DESTINATION}/test"): "the delivery log tells of it",
    ("POST", f"{API}/push/subscriptions"): "off unless the box is set to it: its rows are tested with destinations",
    ("DELETE", f"{API}/push/subscriptions/{{subscription_id}}"): "as above",
}
"""Routes that change nothing worth a row, each with the reason; whoever adds one here is to be asked why."""
NEW_PASSWORD = "Outra frase longa 7"
CAMERA_SECRET = "segredo-da-camera"


async def cameras(book: Book) -> None:
    gestor, mine = book.town.gestor, ("gestora", "camera")
    address = f"rtsp://admin:{CAMERA_SECRET}@198.51.100.10/live"
    made = await book.does(
        "POST", f"{API}/cameras", gestor,
        Row("group.added", "gestora", "group", facts={"name": "Praça"}),
        Row("camera.added", *mine, facts={"name": "Portaria", "group": "Praça", "recording": True}),
        body={"name": "Portaria", "source_url": address, "group": "Praça"}, status=201,
    )  # fmt: skip
    camera = {"camera_id": made.body["id"]}
    several = [{"name": name, "source_url": "rtsp://198.51.100.11/live"} for name in ("Um", "Dois")]
    await book.does(
        "POST", f"{API}/cameras/import", gestor,
        Row("camera.added", *mine, facts={"name": "Um"}), Row("camera.added", *mine, facts={"name": "Dois"}),
        body={"cameras": several}, status=201,
    )  # fmt: skip
    await book.does("POST", f"{API}/cameras/import", gestor, body={"cameras": several}, query="?dry_run=true")
    changes: list[tuple[dict[str, Any], list[Row]]] = [
        ({"name": "Entrada", "password": CAMERA_SECRET + "2", "username": "outro"},
         [Row("camera.changed", *mine, facts={"name": "Entrada", "fields": ["name", "username", "password"]})]),
        ({"source_url": f"rtsp://u:{CAMERA_SECRET}3@198.51.100.12/x"},
         [Row("camera.changed", *mine, facts={"fields": ["source_url", "username", "password"]})]),
        ({"retention_days": 3}, [Row("retention.changed", *mine, facts={"from": None, "to": 3})]),
        ({"group": ""}, [Row("camera.regrouped", *mine, facts={"from": "Praça", "to": ""})]),
        ({"recording_enabled": False}, [Row("recording.disabled", *mine)]),
        ({"recording_enabled": False, "group": ""}, []),
    ]  # fmt: skip
    for body, rows in changes:
        await book.does("PATCH", CAMERA, gestor, *rows, body=body, **camera)
    book.town.served.close_breaker()
    for method, word in (("PUT", "recording.enabled"), ("DELETE", "recording.disabled")):
        await book.does(method, SWITCH, gestor, Row(word, *mine, subject=camera["camera_id"]), **camera)
        await book.does(method, SWITCH, gestor, **camera)
    removed = Row("camera.removed", *mine, facts={"name": "Entrada"}, subject=camera["camera_id"])
    await book.does("DELETE", CAMERA, gestor, removed, status=204, **camera)


async def cities(book: Book) -> None:
    root = book.town.root
    made = await book.town.ask("POST", f"{API}/cities", {"name": "Terceira", "plan": "basic"}, who=root)
    one, path = made.body["id"], f"{API}/cities/{{city_id}}"
    rows = [row for row in await book.new_rows() if row.action == "city.added"]
    book.compare(rows[-1], Row("city.added", "root", "city", one, {"name": "Terceira", "plan": "basic"}))
    book.covered.add(("POST", f"{API}/cities"))
    await book.does(
        "PATCH", path, root,
        Row("city.changed", "root", "city", one, {"plan_from": "basic", "plan_to": "pro", "status_to": "suspended"}),
        Row("retention.changed", "root", "city", one, {"from": 7, "to": 15}),
        body={"plan": "pro", "status": "suspended"}, city_id=one,
    )  # fmt: skip
    await book.does("PATCH", path, root, body={"plan": "pro"}, city_id=one)
    await book.does(
        "DELETE", path, root, Row("city.removed", "root", "city", one, {"name": "Terceira"}), status=204, city_id=one
    )


async def people(book: Book) -> None:
    gestor, mine = book.town.gestor, ("gestora", "person")
    made = await book.does(
        "POST", f"{API}/users", gestor,
        Row("group.added", "gestora", "group", facts={"name": "Escola"}),
        Row("person.added", *mine, facts={"name": "novo", "role": "USER", "rights": ["Escola: plates replay view"]}),
        body={"name": "novo", "password": PASSWORD, "groups": ["Escola"]}, status=201,
    )  # fmt: skip
    user, path = {"user_id": made.body["id"]}, f"{API}/users/{{user_id}}"
    wider = [{"group": "*", "verbs": ["view"]}, {"group": "Escola", "verbs": ["view", "export"]}]
    changes: list[tuple[dict[str, Any], list[Row]]] = [
        ({"name": "nova"}, [Row("person.changed", *mine, facts={"name_from": "novo", "name_to": "nova"})]),
        ({"groups": wider}, [Row("rights.changed", *mine, facts={"from": ["Escola: plates replay view"],
                                                                 "to": ["*: view", "Escola: export view"]})]),
        ({"role": "GESTOR"}, [Row("rights.changed", *mine, facts={"role_from": "USER", "role_to": "GESTOR"})]),
        ({"password": NEW_PASSWORD}, [Row("password.reset", *mine, facts={"must_change": False})]),
        ({"status": "disabled"}, [Row("person.changed", *mine, facts={"status_to": "disabled"})]),
        ({"status": "disabled"}, []),
    ]  # fmt: skip
    for body, rows in changes:
        await book.does("PATCH", path, gestor, *rows, body=body, **user)
    moved = [Row("person.changed", "root", "person", city, {"city_changed": True}) for city in ("there", "here")]
    await book.does("PATCH", path, book.town.root, *moved, body={"city_id": book.town.there.public_id}, **user)
    removed = Row("person.removed", "outra", "person", "there", {"name": "nova"}, user["user_id"])
    await book.does("DELETE", path, book.town.other, removed, status=204, **user)


async def tokens(book: Book) -> None:
    guard, path = book.town.guard, f"{API}/tokens/{{token_id}}"
    facts = {"name": "painel", "scope": ["view"], "owner": "guarda"}
    session = await book.town.served.session("guarda")
    made = await book.does(
        "POST", f"{API}/tokens", session, Row("token.added", "guarda", "token", facts=facts),
        body={"name": "painel", "scope": ["view"]}, status=201,
    )  # fmt: skip
    token = {"token_id": made.body["id"]}
    rotated = await book.does("POST", f"{path}/rotate", session, Row("token.rotated", "guarda", "token"), **token)
    book.secrets += [made.body["token"], rotated.body["token"], guard["Authorization"]]
    revoked = Row("token.revoked", "guarda", "token", facts={"name": "painel"}, subject=token["token_id"])
    await book.does("DELETE", path, session, revoked, status=204, **token)


async def groups(book: Book) -> None:
    gestor, mine, path = book.town.gestor, ("gestora", "group"), f"{API}/groups/{{group_id}}"
    made = await book.does(
        "POST", f"{API}/groups", gestor, Row("group.added", *mine, facts={"name": "Rua"}),
        body={"name": "Rua"}, status=201,
    )  # fmt: skip
    group = {"group_id": made.body["id"]}
    renamed = Row("group.changed", *mine, facts={"from": "Rua", "to": "Avenida"})
    await book.does("PATCH", path, gestor, renamed, body={"name": "Avenida"}, **group)
    added = {"name": "vigia", "password": PASSWORD, "groups": ["Avenida"]}
    assert (await book.town.ask("POST", f"{API}/users", added, who=gestor)).status == 201
    removed = Row("group.removed", *mine, facts={"name": "Avenida", "rights": ["vigia: plates replay view"]})
    await book.does("DELETE", path, gestor, removed, status=204, **group)


async def own_account(book: Book) -> None:
    mine, auth, clock = ("gestora", "person"), f"{API}/auth", book.town.served.clock

    async def log_in(password: str, **facts: Any) -> dict[str, str]:
        done = Row("login.done", *mine, facts=facts)
        body = {"name": "gestora", "password": password}
        answer = await book.does("POST", f"{auth}/login", {}, done, body=body)
        cookie = cookie_of(answer).partition(";")[0]
        book.secrets.append(cookie.partition("=")[2])
        return {"Cookie": cookie}

    session = await log_in(PASSWORD, second_factor=False)
    proof = {"password": PASSWORD}
    await book.does(
        "POST", f"{auth}/reauthenticate", session, Row("session.reauthenticated", *mine), body=proof, status=204
    )
    listed = (await book.town.ask("GET", f"{auth}/sessions", who=await log_in(PASSWORD))).body["items"]
    other = next(one["id"] for one in listed if one["current"])
    ended = Row("session.ended", *mine, facts={"session": other})
    await book.does("DELETE", f"{auth}/sessions/{{session_id}}", session, ended, status=204, session_id=other)
    secret = (await book.does("POST", f"{auth}/totp", session)).body["secret"]
    enabled = Row("totp.enabled", *mine)
    code = {"code": code_at(secret, clock)}
    codes = (await book.does("PUT", f"{auth}/totp", session, enabled, body=code)).body["recovery_codes"]
    book.secrets += [secret, *codes]
    disabled = Row("totp.disabled", *mine)
    proof |= {"code": codes[0]}
    await book.does("DELETE", f"{auth}/totp", session, disabled, body=proof, status=204)
    new = {"password": PASSWORD, "new_password": NEW_PASSWORD}
    await book.does("POST", f"{auth}/password", session, Row("password.changed", *mine), body=new, status=204)
    session = await log_in(NEW_PASSWORD)
    await book.does("POST", f"{auth}/logout", session, Row("logout.done", *mine), status=204)


async def the_box(book: Book) -> None:
    clock = Row("clock.confirmed", "root", city=None)
    await book.does("POST", f"{API}/system/clock/confirm", book.town.root, clock)
    volume = Row("volume.adopted", "root", "volume", None, {"from": None})
    await book.does("POST", f"{API}/system/volume/adopt", book.town.root, volume)
    integrity = Row("integrity.asked", "root", city=None)
    await book.does("POST", f"{API}/system/integrity", book.town.root, integrity, status=202)
    path, planned = f"{API}/system/maintenance", {"minutes": 30, "reason": "troca do disco"}
    begun, ended = (Row(f"maintenance.{word}", "root", city=None) for word in ("begun", "ended"))
    await book.does("POST", path, book.town.root, begun, body=planned)
    await book.does("DELETE", path, book.town.root, ended, status=204)


async def test_every_changing_route_leaves_its_row_and_no_secret_is_in_any(town: Town):
    book = Book(town, secrets=[PASSWORD, NEW_PASSWORD, CAMERA_SECRET])
    own = (cameras, cities, people, tokens, groups, own_account, the_box)
    room = (guards.mosaics, guards.plates, guards.alerts, guards.news_out, guards.motion_and_map)
    proofs = (evidence.kept, evidence.exports, evidence.purges)
    for chapter in (*own, *proofs, *room, installer.cameras, installer.acceptance):
        await chapter(book)
    changing = {(route.method, route.path) for route in ROUTES if route.method != "GET"}
    assert NO_ROW.keys() <= changing, "an exception for a route that is not there"
    assert not book.covered & NO_ROW.keys()
    assert changing - NO_ROW.keys() == book.covered, "a route that changes something needs a row, tested here"
    text = "\n".join(map(repr, await Audit(town.served.base.database).chunk(0, 10**9, 10**6)))
    for secret in book.secrets:
        assert secret not in text
    verdict = (await town.ask("GET", f"{API}/audit/verify", who=town.root)).body
    assert (verdict["valid"], verdict["length"]) == (True, book.read)


async def test_a_change_that_cannot_be_written_down_does_not_happen(town: Town, monkeypatch):
    """The row and the change are one transaction: a disk that is full for one is full for both."""
    served = town.served
    camera = await served.camera(town.gestor, town.here)
    before = {path: (await town.ask("GET", path, who=town.gestor)).raw for path in (f"{API}/cameras", f"{API}/users")}
    monkeypatch.setattr("vmsd.services.audit.append", full)
    source = {"name": "Outra", "source_url": "rtsp://198.51.100.10/live"}
    for method, path, body in (
        ("POST", f"{API}/cameras", source),
        ("PATCH", f"{API}/cameras/{camera['id']}", {"name": "x"}),
        ("DELETE", f"{API}/cameras/{camera['id']}", None),
        ("DELETE", f"{API}/cameras/{camera['id']}/recording", None),
        ("POST", f"{API}/users", {"name": "novo", "password": PASSWORD}),
        ("POST", f"{API}/groups", {"name": "Rua"}),
    ):
        assert (await town.ask(method, path, body, who=town.gestor)).status == 507, (method, path)
    for path, raw in before.items():
        assert (await town.ask("GET", path, who=town.gestor)).raw == raw


async def full(*_: object, **__: object) -> None:
    raise StorageFull("the database's volume is full")


async def test_a_viewing_is_one_row_however_it_is_watched(town: Town, monkeypatch):
    served = town.served
    camera = (await served.camera(town.gestor, town.here))["id"]
    opened = (await town.ask("POST", f"{API}/streams?camera_id={camera}", who=town.guard)).body
    book = Book(town)
    await book.new_rows()
    for url in (opened["hls_url"], opened["hls_url"], opened["snapshot_url"], opened["hls_url"]):
        await town.ask("GET", url)
    (row,) = await book.new_rows()
    facts = {"session": opened["session_id"]}
    book.compare(row, Row("view.live", "guarda", "camera", facts=facts, subject=camera))
    await town.ask("GET", f"{API}/cameras/{camera}/snapshot.jpg", who=town.guard)
    await town.ask("GET", f"/hls/stream_{camera.upper()}/index.m3u8", who=town.guard)
    assert await book.new_rows() == []
    assert (await town.ask("GET", f"/hls/stream_{camera}/index.m3u8", who=town.other)).status == 404
    assert await book.new_rows() == []
    served.clock.pass_s(121)
    with monkeypatch.context() as patched:
        patched.setattr("vmsd.services.audit.append", full)
        answer = await town.ask("GET", f"/hls/stream_{camera}/index.m3u8", who=town.guard)
        assert "MediaMTX" in answer.body["title"], "a full disk keeps nobody from watching"
    await town.ask("GET", f"/hls/stream_{camera}/index.m3u8", who=town.guard)
    assert [one.action for one in await book.new_rows()] == [Action.VIEW_LIVE]


async def refuse(town: Town, name: str, password: str, times: int = 1) -> set[int]:
    body = {"name": name, "password": password}
    return {(await town.ask("POST", f"{API}/auth/login", body)).status for _ in range(times)}


async def test_who_is_not_let_in_is_told_by_the_account_and_never_by_what_was_typed(town: Town):
    book = Book(town)
    await book.new_rows()
    typed = "minhaSenhaNoCampoErrado"
    assert await refuse(town, "gestora", "errada-de-verdade") == {401}
    assert await refuse(town, typed, "gestora") == {401}
    known, unknown = await book.new_rows()
    book.compare(known, Row("login.refused", None, "person", subject=town.served.people["gestora"].public_id))
    book.compare(unknown, Row("login.refused", None, None, None, {"unknown_name": True}))
    assert typed not in repr(unknown)
    data = town.served.base.settings.data_dir
    assert not [file for file in data.glob("vmsd.db*") if typed.encode() in file.read_bytes()]
    seen = (await town.ask("GET", f"{API}/audit?action=login.refused", who=town.gestor)).body["items"]
    assert len(seen) == 1, "a gestor is told of their own people alone"


async def test_a_flood_of_wrong_passwords_does_not_grow_the_log_without_end(town: Town):
    book = Book(town)
    await book.new_rows()
    assert await refuse(town, "gestora", "errada-de-verdade", times=60) == {401, 429}
    rows = await book.new_rows()
    assert len(rows) == 10
    assert {row.action for row in rows} == {"login.refused", "login.locked"}
    assert await refuse(town, "guarda", "errada-de-verdade", times=40) == {429}
    town.served.clock.pass_s(61)
    counting = town.served.daemon._runner("refusals")
    for _ in range(2):
        await counting.run_once()
    (row,) = await book.new_rows()
    book.compare(row, Row("login.refused", None, None, None, {"more": 90}))


async def test_a_log_that_cannot_be_written_keeps_nobody_from_trying_again(town: Town, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("vmsd.services.audit.append", full)
        assert await refuse(town, "gestora", "errada-de-verdade") == {401}
    assert await refuse(town, "gestora", PASSWORD) == {200}


async def test_a_wrong_code_and_a_suspended_city_have_words_of_their_own(town: Town):
    book, served = Book(town), town.served
    session = await served.session("gestora")
    secret = (await town.ask("POST", f"{API}/auth/totp", who=session)).body["secret"]
    code = code_at(secret, served.clock)
    assert (await town.ask("PUT", f"{API}/auth/totp", {"code": code}, who=session)).status == 200
    await book.new_rows()
    body = {"name": "gestora", "password": PASSWORD}
    assert (await town.ask("POST", f"{API}/auth/login", body)).status == 401
    assert await book.new_rows() == [], "a right password whose code is still to come is no failure"
    assert (await town.ask("POST", f"{API}/auth/login", body | {"code": "000000"})).status == 401
    (row,) = await book.new_rows()
    book.compare(row, Row("login.second_factor_refused", None, "person"))
    change = {"status": "suspended"}
    await town.ask("PATCH", f"{API}/cities/{town.here.public_id}", change, who=town.root)
    await book.new_rows()
    assert (await town.ask("POST", f"{API}/auth/login", {"name": "guarda", "password": PASSWORD})).status == 403
    (row,) = await book.new_rows()
    book.compare(row, Row("login.refused", None, "person", facts={"cause": "suspended"}))
    assert served.people["guarda"].role is Role.USER


async def test_the_first_account_is_the_boxs_own_doing(served: Served):
    first = await served.base.first_login.prepare()
    served.clock.pass_s(73 * 3600)
    again = await served.base.first_login.prepare()
    assert first is not None
    assert again is not None
    rows = await Audit(served.base.database).chunk(0, 10**9, 10**6)
    assert [(row.action, row.person_name, row.subject_kind) for row in rows] == [
        ("person.added", None, "person"),
        ("password.reset", None, "person"),
    ]
    assert first.secret not in repr(rows)
    assert again.secret not in repr(rows)
