"""Every route asked by everybody about everything: `python -m tests.unit.api.authz` makes `authz.csv` anew.

A change of `authz.csv` is a change of who may do what: read every line of it before it is committed.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from tests.unit.api.served import Served, serve, viewing_token
from vmsd.api.policy import Route
from vmsd.api.routes import ROUTES
from vmsd.model.city import City
from vmsd.model.person import ALL_VERBS, Role, Verb
from vmsd.model.segment import Segment, SegmentFlag, SegmentState
from vmsd.services.accounts import TOKEN_PREFIX, hash_token
from vmsd.store.groups import Groups
from vmsd.store.people import People
from vmsd.store.scope import Scope
from vmsd.store.tokens import ApiToken, Tokens

TABLE = Path(__file__).with_name("authz.csv")
HOUR_MS = 3_600_000
NO_ID = str(UUID(int=0))
START_US = 1_795_200_000_000_000
PERIOD = "start=2026-11-20T00:00:00Z&end=2026-11-22T00:00:00Z"
SQUARE, SCHOOL = 1, 2
"""The groups of the city by their numbers; the other city has groups of the same numbers."""

CALLERS: dict[str, str] = {
    "nobody": "without a login",
    "expired": "a gestor's session, too long unused",
    "disabled": "a token of an account that was disabled",
    "unready": "a gestor who must choose a password first",
    "suspended": "a gestor of a city that is suspended",
    "viewer": "the viewing token of a camera in the square",
    "user": "a user with view and replay on every camera",
    "user_session": "the same, in a browser",
    "user_square": "a user with view on the square",
    "user_square_all": "a user with every verb on the square",
    "user_plates": "a user with view and plates on the square",
    "user_both": "a user with view on the square; view, replay and configure on the school",
    "user_nothing": "a user without any right",
    "gestor": "a token of the city's gestor",
    "gestor_session": "the same, in a browser, just logged in",
    "gestor_stale": "the same, logged in an hour ago",
    "gestor_view": "a token of the gestor's that is for viewing only",
    "gestor_none": "a token of the gestor's that is for nothing but figures",
    "other": "a gestor of the other city",
    "other_here": "the same, naming this city",
    "root": "a superadmin who names no city",
    "root_here": "a superadmin naming this city",
    "root_there": "a superadmin naming the other city",
    "root_session": "a superadmin in a browser",
    "root_view": "a superadmin's token that is for viewing only, naming this city",
    "wall": "a screen on a wall that shows the square",
    "office": "the token of a central office, for the status of the box alone",
}


@dataclass(frozen=True)
class Case:
    """One line of the table: a route, and what of the two cities it is asked about."""

    route: Route
    target: str

    @property
    def key(self) -> tuple[str, str, str]:
        path = re.sub(r"\{(\w+):[^{}]+\}", r"{\1}", self.route.path)
        return self.route.method, path, self.target


def targets_of(route: Route) -> Sequence[str]:
    path = route.path
    by_camera = "/camera/{id}" in path or any(f"{{{name}" in path for name in OF_A_CAMERA)
    if by_camera or (route.method, path) in QUERIES:
        return ("square", "school", "alone", "other")
    return ("here", "other") if "{" in path and "/auth/" not in path and "/static/" not in path else ("-",)


OF_A_CAMERA = (
    "camera_id",
    "recording_id",
    "preservation_id",
    "incident_id",
    "hold_id",
    "export_id",
    "detection_id",
    "alert_id",
)
"""What is about one camera of a city, so that the rights on that camera count."""
ABOUT_CAMERA = f"camera_id={{camera_id}}&{PERIOD}"
QUERIES = {
    ("POST", "/api/v1/streams"): "camera_id={camera_id}",
    ("GET", "/api/v1/recordings"): ABOUT_CAMERA,
    ("GET", "/api/v1/recordings/expiring"): "camera_id={camera_id}",
    ("GET", "/api/v1/preservations/cost"): ABOUT_CAMERA,
    ("GET", "/api/v1/continuity"): ABOUT_CAMERA,
}
MORE = {
    "/states": PERIOD,
    "/timeline": PERIOD,
    "/marks": PERIOD,
    "/calendar": "month=2026-11",
    "/thumbnails": f"{PERIOD}&step=60",
    "/index.m3u8": PERIOD,
}
"""What the addresses of a camera that end so want to be asked with."""


def cases() -> Iterator[Case]:
    for route in ROUTES:
        for target in targets_of(route):
            yield Case(route, target)


@dataclass
class Things:
    """What of one city can be asked about."""

    cameras: dict[str, str] = field(default_factory=dict)
    recordings: dict[str, str] = field(default_factory=dict)
    streams: dict[str, str] = field(default_factory=dict)
    kept: dict[str, dict[str, str]] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    report: str = ""
    group: str = ""
    user: str = ""
    token: str = ""


@dataclass
class Scene:
    """Two cities and one that is suspended, with everybody in `CALLERS`."""

    served: Served
    here: City
    there: City
    things: dict[str, Things]
    known: dict[str, dict[str, str]] = field(default_factory=dict)
    wall_key: str = ""

    async def headers(self, caller: str, *, anew: bool) -> dict[str, str]:
        """A new login when the request may end it."""
        if anew:
            return await self._headers(caller)
        if caller not in self.known:
            self.known[caller] = await self._headers(caller)
        return self.known[caller]

    async def _headers(self, caller: str) -> dict[str, str]:
        named = {"X-City-ID": self.here.public_id}
        if caller == "nobody":
            return {}
        if caller == "wall":
            return {"Authorization": f"Bearer {self.wall_key}"}
        if caller == "viewer":
            opened = await self._watch("here", "square")
            return {"Authorization": f"Bearer {viewing_token(opened)}"}
        if caller in ("expired", "unready", "user_session", "gestor_session", "gestor_stale", "root_session"):
            return await self._session(caller)
        token = await self._token(NAMES[caller], SCOPES.get(caller, ALL_VERBS), status_only=caller == "office")
        if caller in ("other_here", "root_here", "root_view"):
            return token | named
        return token | {"X-City-ID": self.there.public_id} if caller == "root_there" else token

    async def _token(
        self, name: str, scope: frozenset[Verb] = ALL_VERBS, *, status_only: bool = False
    ) -> dict[str, str]:
        return {"Authorization": f"Bearer {(await self._add_token(name, scope, status_only=status_only))[1]}"}

    async def _add_token(
        self, name: str, scope: frozenset[Verb] = ALL_VERBS, *, status_only: bool = False
    ) -> tuple[str, str]:
        """Public id and secret."""
        secret, now_ms = TOKEN_PREFIX + uuid4().hex, self.served.clock.wall_ms()
        token = ApiToken(
            id=0,
            public_id=str(uuid4()),
            person=self.served.people[name],
            name="test",
            scope=scope,
            prefix=secret[:8],
            token_hash=hash_token(secret),
            previous_until_ms=None,
            created_ms=now_ms,
            expires_ms=now_ms + 86_400_000,
            last_used_ms=None,
            status_only=status_only,
        )
        async with self.served.base.database.write() as transaction:
            await Tokens(self.served.base.database).add(transaction, token)
        return token.public_id, secret

    async def _session(self, caller: str) -> dict[str, str]:
        session = await self.served.session(NAMES[caller])
        token_hash = hash_token(session["Cookie"].partition("=")[2])
        age_ms = {"expired": 25 * HOUR_MS, "gestor_stale": HOUR_MS}.get(caller, 0)
        async with self.served.base.database.write() as transaction:
            await transaction.execute(
                "UPDATE session SET proved_ms = proved_ms - :age, seen_ms = seen_ms - :idle WHERE token_hash = :hash",
                {"age": age_ms, "idle": age_ms if caller == "expired" else 0, "hash": token_hash},
            )
        return session

    def path(self, case: Case) -> str:
        things = self.things["there" if case.target == "other" else "here"]
        place = "square" if case.target in ("-", "here", "other") else case.target
        ids = {
            "camera_id": things.cameras[place],
            "id": things.cameras[place],
            "recording_id": things.recordings[place],
            "session_id": NO_ID if "/auth/" in case.route.path else things.streams[place],
            "city_id": (self.there if case.target == "other" else self.here).public_id,
            "group_id": things.group,
            "user_id": things.user,
            "token_id": things.token,
            "report_id": things.report,
            "call_id": NO_ID,
            "subscription_id": NO_ID,
            **things.kept[place],
            **things.made,
            "key": "x",
            "z": "1",
            "x": "1",
            "y": "1",
            "file": "index.m3u8",
            "version": "x",
            "name": "js/api.js",
        }
        _, path, _ = case.key
        path = path.replace("{main}", "")
        query = QUERIES.get((case.route.method, case.route.path))
        if "{camera_id}" in path:
            query = next((more for end, more in MORE.items() if path.endswith(end)), query)
        return (path + (f"?{query}" if query else "")).format_map(ids)

    async def ask(self, case: Case, caller: str) -> int:
        """What would change or remove something is said so that it goes no further than past the door."""
        route = case.route
        spends = route.path.startswith("/api/v1/auth/") and route.method != "GET"
        if "{token_id}" in route.path or "/streams/" in route.path:
            await self.refill(case.target)
        if any(f"{{{name}" in route.path for name in KINDS) and route.method != "GET":
            await self.keep_again(case.target)
        if any(f"{{{name}" in route.path for name in MADE) and route.method != "GET":
            await self.make_again("there" if case.target == "other" else "here")
        headers = dict(await self.headers(caller, anew=spends))
        if route.method in ("PATCH", "PUT", "DELETE"):
            headers["If-Match"] = '"never"'
        raw = b"{}" if route.method in ("POST", "PATCH", "PUT", "DELETE") else None
        return (await self.served.ask(route.method, self.path(case), raw=raw, who=headers)).status

    async def refill(self, target: str) -> None:
        """What the last one to ask may have taken away."""
        side = "there" if target == "other" else "here"
        place = target if target in ("school", "alone") else "square"
        self.things[side].token, _ = await self._add_token(OWNERS[side])
        self.things[side].streams[place] = (await self._watch(side, place))["session_id"]

    async def keep_again(self, target: str) -> None:
        """The same for what may be released, closed or removed."""
        side = "there" if target == "other" else "here"
        place = target if target in ("school", "alone") else "square"
        await self._keep(side, place)

    async def _keep(self, side: str, place: str) -> None:
        """A preserved period, an incident, a hold and an export of one camera, each made anew."""
        city = self.here if side == "here" else self.there
        number = 1 + list(self.things[side].cameras).index(place)
        row = {"city": city.id, "camera": number, "now": self.served.clock.wall_ms(), "start": START_US // 1000}
        ids = {name: str(uuid4()) for name in KINDS}
        async with self.served.base.database.write() as transaction:
            for name, statements in KINDS.items():
                for statement in statements:
                    await transaction.execute(statement, row | {"public_id": ids[name], "own_id": str(uuid4())})
        self.things[side].kept[place] = ids

    async def make_again(self, side: str) -> None:
        """What managers set up by the API itself, each in the place of the one before."""
        city, who = (self.here if side == "here" else self.there), await self._token(GESTORES[side])
        made = self.things[side].made
        for name, (table, path, body) in MADE.items():
            async with self.served.base.database.write() as transaction:
                await transaction.execute(
                    f"DELETE FROM {table} WHERE city_id = :city AND public_id = :made",  # noqa: S608 - tables of ours
                    {"city": city.id, "made": made.get(name)},
                )
            asked = body | ({"mosaic_id": made["mosaic_id"]} if name == "wall_id" else {})
            answer = await self.served.ask("POST", path, asked, who=who)
            assert answer.status in (201, 202), answer.raw
            made[name] = answer.body["id"]

    async def hang_wall(self) -> None:
        """Of a mosaic of its own, which nobody else changes."""
        who, cameras = await self._token(GESTORES["here"]), self.things["here"].cameras
        body = {"name": "parede", "layout": "1x1", "cameras": [cameras["square"]], "shared": True}
        mosaic = await self.served.ask("POST", "/api/v1/mosaics", body, who=who)
        wall = await self.served.ask(
            "POST", "/api/v1/walls", {"name": "parede", "mosaic_id": mosaic.body["id"]}, who=who
        )
        self.wall_key = wall.body["key"]

    async def _watch(self, side: str, place: str) -> dict[str, Any]:
        who = await self._token(GESTORES[side])
        opened = await self.served.ask("POST", f"/api/v1/streams?camera_id={self.things[side].cameras[place]}", who=who)
        assert opened.status == 201, opened.raw
        body: dict[str, Any] = opened.body
        return body

    async def furnish(self) -> None:
        for side, city in (("here", self.here), ("there", self.there)):
            self.things[side] = things = Things()
            who = await self._token(GESTORES[side])
            for place, group in (("square", "Praça"), ("school", "Escola"), ("alone", "")):
                camera = await self.served.camera(who, city, name=place, group=group)
                things.cameras[place] = camera["id"]
            segments = [
                Segment(city.id, number, START_US, 60_000, 1000, 1000, SegmentState.CLOSED, SegmentFlag(0))
                for number in (1, 2, 3)
            ]
            await self.served.daemon._volume.system.put(segments)
            for place, camera_id in things.cameras.items():
                path = f"/api/v1/recordings?camera_id={camera_id}&{PERIOD}"
                things.recordings[place] = (await self.served.ask("GET", path, who=who)).body["items"][0]["id"]
                things.streams[place] = (await self._watch(side, place))["session_id"]
                await self._keep(side, place)
            async with self.served.base.database.write() as transaction:
                await transaction.execute(DEVICES, {"city": city.id})
            await self.make_again(side)
            asked = {"start": "2026-11-20T00:00:00Z", "end": "2026-11-20T12:00:00Z"}
            things.report = (await self.served.ask("POST", "/api/v1/purges", asked, who=who)).body["id"]
            groups = Groups(Scope(self.served.base.database, city.id))
            things.group = (await groups.list())[0].public_id
            things.user = self.served.people[OWNERS[side]].public_id
            things.token, _ = await self._add_token(OWNERS[side])


PRESERVED = """INSERT INTO kept_period
    (city_id, id, public_id, camera_id, start_ms, end_ms, incident_id, hold_id, reason, created_ms)
    SELECT :city, (SELECT coalesce(max(id), 0) + 1 FROM kept_period WHERE city_id = :city), :public_id, :camera,
    :start, :start + 60000, NULL, NULL, 'x', :now"""
INCIDENT = """INSERT INTO incident (city_id, id, public_id, name, note, created_ms, changed_ms)
    SELECT :city, (SELECT coalesce(max(id), 0) + 1 FROM incident WHERE city_id = :city), :public_id, 'x', '', :now,
    :now"""
OF_INCIDENT = """INSERT INTO kept_period
    (city_id, id, public_id, camera_id, start_ms, end_ms, incident_id, hold_id, reason, created_ms)
    SELECT :city, (SELECT coalesce(max(id), 0) + 1 FROM kept_period WHERE city_id = :city), :own_id, :camera,
    :start, :start + 60000, (SELECT max(id) FROM incident WHERE city_id = :city), NULL, '', :now"""
HOLD = """INSERT INTO hold
    (city_id, id, public_id, number, authority, purpose, deadline_ms, created_ms, changed_ms)
    SELECT :city, (SELECT coalesce(max(id), 0) + 1 FROM hold WHERE city_id = :city), :public_id, '1', 'x', 'x',
    :now + 86400000, :now, :now"""
OF_HOLD = """INSERT INTO kept_period
    (city_id, id, public_id, camera_id, start_ms, end_ms, incident_id, hold_id, reason, created_ms)
    SELECT :city, (SELECT coalesce(max(id), 0) + 1 FROM kept_period WHERE city_id = :city), :own_id, :camera,
    :start, :start + 60000, NULL, (SELECT max(id) FROM hold WHERE city_id = :city), '', :now"""
EXPORT = """INSERT INTO export (city_id, id, public_id, format, start_ms, end_ms, reason, request_number, state,
    attempts, done_bytes, total_bytes, created_ms, changed_ms, ended_ms)
    SELECT :city, (SELECT coalesce(max(id), 0) + 1 FROM export WHERE city_id = :city), :public_id, 'mp4', :start,
    :start + 60000, 'x', '', 'cancelled', 1, 0, 1000, :now, :now, :now"""
OF_EXPORT = """INSERT INTO export_camera (city_id, export_id, camera_id)
    SELECT :city, (SELECT max(id) FROM export WHERE city_id = :city), :camera"""
DETECTION = """INSERT INTO detection (city_id, id, public_id, camera_id, at_ms, received_ms, last_ms, times, plate,
    folded, vendor, place, facts, wanted)
    SELECT :city, (SELECT coalesce(max(id), 0) + 1 FROM detection WHERE city_id = :city), :public_id, :camera, :start,
    :start, :start, 1, 'ABC1D23', 'ABC1D23', 'webhook', '', '{}', 0"""
ALERT = """INSERT INTO alert (city_id, id, public_id, kind, level, state, subject, audience, camera_id, at_ms,
    raised_ms, last_ms, times, note, facts)
    SELECT :city, (SELECT coalesce(max(id), 0) + 1 FROM alert WHERE city_id = :city), :public_id, 'event', 'warning',
    'new', :public_id, 'USER', :camera, :start, :start, :start, 1, '', '{}'"""
DEVICES = """INSERT INTO device (city_id, camera_id, serial, seen_ms)
    SELECT city_id, id, 'x', 0 FROM camera WHERE city_id = :city"""
KINDS: dict[str, tuple[str, ...]] = {
    "preservation_id": (PRESERVED,),
    "incident_id": (INCIDENT, OF_INCIDENT),
    "hold_id": (HOLD, OF_HOLD),
    "export_id": (EXPORT, OF_EXPORT),
    "detection_id": (DETECTION,),
    "alert_id": (ALERT,),
}
"""How each of the things that are about one camera comes to be."""
MADE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "mosaic_id": ("mosaic", "/api/v1/mosaics", {"name": "x", "layout": "1x1", "cameras": [], "shared": True}),
    "wall_id": ("wall", "/api/v1/walls", {"name": "x"}),
    "wanted_id": ("wanted_plate", "/api/v1/wanted-plates", {"plate": "ABC1D23", "reason": "x", "level": "warning"}),
    "key_id": ("webhook_key", "/api/v1/webhooks/keys", {"name": "x"}),
    "destination_id": (
        "destination",
        "/api/v1/destinations",
        {"kind": "webhook", "name": "x", "url": "https://192.0.2.10/news", "topics": ["alertas.novo"]},
    ),
    "acceptance_id": ("acceptance", "/api/v1/acceptances", {"installer": "x", "note": "", "minutes": 1}),
}
"""What managers set up: its table, and how it is asked for."""
GESTORES = {"here": "gestora", "there": "outra"}
OWNERS = {"here": "alguém", "there": "alguém de lá"}
SCOPES: dict[str, frozenset[Verb]] = {
    "gestor_view": frozenset({Verb.VIEW}),
    "root_view": frozenset({Verb.VIEW}),
    "gestor_none": frozenset(),
    "office": frozenset(),
}
NAMES = {
    "expired": "gestora",
    "disabled": "desligada",
    "unready": "novata",
    "suspended": "fechada",
    "user": "guarda",
    "user_session": "guarda",
    "user_square": "praça",
    "user_square_all": "praça toda",
    "user_plates": "placas da praça",
    "user_both": "praça e escola",
    "user_nothing": "nada",
    "gestor": "gestora",
    "gestor_session": "gestora",
    "gestor_stale": "gestora",
    "gestor_view": "gestora",
    "gestor_none": "gestora",
    "other": "outra",
    "other_here": "outra",
    "root": "root",
    "root_here": "root",
    "root_there": "root",
    "root_session": "root",
    "root_view": "root",
    "office": "root",
}


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Scene]:
    async with serve(folder) as served:
        here, there = await served.city("Aqui"), await served.city("Lá")
        shut = await served.city("Fechada", status="suspended")
        guard = frozenset({Verb.VIEW, Verb.REPLAY})
        await served.person("root", Role.SUPERADMIN)
        for name, city in (("gestora", here), ("novata", here), ("outra", there), ("fechada", shut)):
            await served.person(name, Role.GESTOR, city)
        rights = {
            "guarda": {0: guard},
            "desligada": {0: guard},
            "praça": {SQUARE: frozenset({Verb.VIEW})},
            "praça toda": {SQUARE: ALL_VERBS},
            "placas da praça": {SQUARE: frozenset({Verb.VIEW, Verb.PLATES})},
            "praça e escola": {SQUARE: frozenset({Verb.VIEW}), SCHOOL: guard | {Verb.CONFIGURE}},
            "nada": {},
            "alguém": {0: guard},
        }
        for name, held in rights.items():
            await served.person(name, Role.USER, here, held)
        await served.person("alguém de lá", Role.USER, there)
        scene = Scene(served, here, there, {})
        await scene.furnish()
        await scene.hang_wall()
        async with served.base.database.write() as transaction:
            people, now_ms = People(served.base.database), served.clock.wall_ms()
            await people.change(transaction, replace(served.people["desligada"], status="disabled"), now_ms)
            new = served.people["novata"]
            await people.set_password(transaction, new, new.password_hash, now_ms, must_change=True)
        yield scene


async def ask_everybody(folder: Path) -> list[list[str]]:
    """The whole table, a header line first."""
    lines = [["method", "path", "about", *CALLERS]]
    async with stage(folder) as scene:
        for case in cases():
            answers = [str(await scene.ask(case, caller)) for caller in CALLERS]
            lines.append([*case.key, *answers])
    return lines


def text_of(lines: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        made = text_of(asyncio.run(ask_everybody(Path(folder))))
    TABLE.write_text(made, "utf-8")
    sys.stdout.write(f"{made.count(chr(10)) - 1} lines\n")
