"""Everybody who may knock, in the order of what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.unit.api.served import viewing_token

if TYPE_CHECKING:
    from tests.unit.api.conftest import Town
    from vmsd.api.policy import Route

CALLERS = (
    "nobody",
    "expired",
    "viewer",
    "viewer_of_another_camera",
    "viewer_of_another_city",
    "guard",
    "other",
    "other_naming_here",
    "gestor",
    "root",
    "root_naming_here",
)
NO_ID = str(UUID(int=0))


@dataclass
class Knocker:
    """Headers for each caller, and what stands in the addresses of a route."""

    town: Town
    callers: dict[str, dict[str, str]]
    camera: str
    session: str

    def path(self, route: Route) -> str:
        path = route.path.replace("{camera_id:[^/_]+}{main:(?:_main)?}", self.camera)
        known = {"camera_id": self.camera, "id": self.camera, "session_id": self.session, "file": "index.m3u8"}
        known |= {"city_id": self.town.here.public_id, "recording_id": NO_ID, "version": "x", "name:.+": "js/api.js"}
        for name, value in known.items():
            path = path.replace(f"{{{name}}}", value)
        if route.path == "/api/v1/streams" and route.method == "POST":
            path += f"?camera_id={self.camera}"
        return path

    async def knock(self, route: Route, caller: str) -> Any:
        raw = b"{}" if route.method in ("POST", "PATCH") else None
        headers = dict(self.callers[caller])
        bearer = headers.pop("viewing", None)
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        return await self.town.ask(route.method, self.path(route), raw=raw, who=headers)


async def knocker(town: Town) -> Knocker:
    """With a camera and a viewing session of its own, so that what one route deletes another still has."""
    served, named = town.served, {"X-City-ID": town.here.public_id}
    camera = (await served.camera(town.gestor, town.here))["id"]
    second = (await served.camera(town.gestor, town.here, name="Segunda"))["id"]
    foreign = (await served.camera(town.other, town.there))["id"]
    opened = {}
    for name, who, of in (
        ("own", town.gestor, camera),
        ("second", town.gestor, second),
        ("foreign", town.other, foreign),
    ):
        answer = await served.ask("POST", f"/api/v1/streams?camera_id={of}", who=who)
        assert answer.status == 201, answer.raw
        opened[name] = answer.body
    expired = await served.session("guarda")
    async with served.base.database.write() as transaction:
        await transaction.execute("UPDATE session SET seen_ms = 0")
    callers = {
        "nobody": {},
        "expired": expired,
        "viewer": {"viewing": viewing_token(opened["own"])},
        "viewer_of_another_camera": {"viewing": viewing_token(opened["second"])},
        "viewer_of_another_city": {"viewing": viewing_token(opened["foreign"])},
        "guard": town.guard,
        "other": town.other,
        "other_naming_here": town.other | named,
        "gestor": town.gestor,
        "root": town.root,
        "root_naming_here": town.root | named,
    }
    return Knocker(town, callers, camera, opened["own"]["session_id"])
