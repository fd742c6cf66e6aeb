"""What is taken away from somebody counts no more: at once for what they ask, within 5 s for what they watch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.unit.api.served import viewing_token
from vmsd.model.person import Role

SECONDS = 5
AWAY = 503
"""What a player hears here as long as it may watch: nobody is at MediaMTX's address."""


@dataclass
class Watcher:
    """Logged in and with a token of theirs, watching the same camera with both."""

    town: Any
    name: str
    camera: str = ""
    ways: list[dict[str, str]] = field(default_factory=list)
    players: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"/api/v1/users/{self.town.served.people[self.name].public_id}"

    async def settle(self) -> Watcher:
        served = self.town.served
        self.camera = (await served.camera(self.town.gestor, self.town.here, group="Praça"))["id"]
        self.ways = [await served.session(self.name), await served.token(self.name)]
        for who in self.ways:
            opened = await self.town.ask("POST", f"/api/v1/streams?camera_id={self.camera}", who=who)
            assert opened.status == 201, opened.raw
            self.players.append(viewing_token(opened.body))
        assert await self.asks() == [200, 200]
        assert await self.watches() == {AWAY}
        return self

    async def asks(self) -> list[int]:
        """With the session, and with the token."""
        path = f"/api/v1/cameras/{self.camera}"
        return [(await self.town.ask("GET", path, who=who)).status for who in self.ways]

    async def watches(self) -> set[int]:
        """What both players hear of the playlist and of a segment."""
        paths = [f"/hls/stream_{self.camera}/{name}" for name in ("index.m3u8", "abcdef_video1_seg7.mp4")]
        return {
            (await self.town.ask("GET", f"{path}?token={token}")).status for path in paths for token in self.players
        }

    async def watches_on_for(self, seconds: int) -> set[int]:
        """A player asks all the time; what it hears in the end."""
        for _ in range(seconds):
            self.town.served.clock.pass_s(1)
            heard = await self.watches()
        return heard


CHANGES: list[tuple[str, dict[str, Any] | None, list[int], set[int]]] = [
    # of whom, what is changed, what they hear: session and token at once, both players within 5 s
    ("guarda", {"status": "disabled"}, [401, 401], {401}),
    ("guarda", None, [401, 401], {401}),
    ("guarda", {"password": "outra senha boa"}, [401, 401], {401}),
    ("guarda", {"groups": []}, [403, 403], {403}),
    ("guarda", {"groups": ["Escola"]}, [404, 404], {404}),
    ("guarda", {"groups": [{"group": "*", "verbs": ["replay"]}]}, [200, 200], {403}),
    ("guarda", {"groups": [{"group": "Escola", "verbs": ["view"]}, "Praça"]}, [200, 200], {AWAY}),
    ("colega", {"role": "USER", "groups": []}, [401, 403], {401, 403}),
    ("colega", {"role": "USER"}, [401, 200], {401, AWAY}),
    ("colega", {"status": "disabled"}, [401, 401], {401}),
    ("colega", None, [401, 401], {401}),
]


@pytest.mark.parametrize(("name", "change", "asks", "watches"), CHANGES, ids=lambda value: str(value)[:40])
async def test_what_is_taken_away_ends(town, name, change, asks, watches):
    await town.served.person("colega", Role.GESTOR, town.here)
    watcher = await Watcher(town, name).settle()
    answer = await town.ask("PATCH" if change else "DELETE", watcher.address, change, who=town.gestor)
    assert answer.status in (200, 204), answer.raw
    assert await watcher.asks() == asks
    assert await watcher.watches_on_for(SECONDS) == watches
    assert await watcher.watches_on_for(SECONDS) == watches


async def test_what_is_moved_to_another_city_ends(town):
    watcher = await Watcher(town, "guarda").settle()
    fields = {"city_id": town.there.public_id, "groups": ["*"]}
    assert (await town.ask("PATCH", watcher.address, fields, who=town.root)).status == 200
    assert await watcher.asks() == [401, 401]
    assert await watcher.watches_on_for(SECONDS) == {401}


async def test_who_is_enabled_again_logs_in_anew_and_keeps_their_tokens(town):
    watcher = await Watcher(town, "guarda").settle()
    for status, asks in (("disabled", [401, 401]), ("active", [401, 200])):
        assert (await town.ask("PATCH", watcher.address, {"status": status}, who=town.gestor)).status == 200
        assert await watcher.asks() == asks


async def test_a_token_that_is_revoked_takes_its_players_along(town):
    watcher = await Watcher(town, "guarda").settle()
    for token in (await town.ask("GET", "/api/v1/tokens", who=watcher.ways[0])).body["items"]:
        assert (await town.ask("DELETE", f"/api/v1/tokens/{token['id']}", who=watcher.ways[0])).status == 204
    assert await watcher.asks() == [200, 401]
    assert await watcher.watches_on_for(SECONDS) == {AWAY, 401}


async def test_a_camera_that_changes_its_group_is_out_of_sight(town):
    watcher = Watcher(town, "guarda")
    assert (await town.ask("PATCH", watcher.address, {"groups": ["Praça"]}, who=town.gestor)).status == 200
    await watcher.settle()
    path = f"/api/v1/cameras/{watcher.camera}"
    assert (await town.ask("PATCH", path, {"group": "Escola"}, who=town.gestor)).status == 200
    assert await watcher.asks() == [404, 404]
    assert await watcher.watches_on_for(SECONDS) == {404}
