"""What a browser is told and what it may do, for every line of the table of routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.api.authz import Scene, cases, stage
from vmsd.api.door import SAFE_METHODS
from vmsd.api.headers import EVERYWHERE
from vmsd.api.policy import Tenant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.unit.api.authz import Case
    from tests.unit.api.served import Answer

KEPT = {"/api/v1/openapi.json"}
"""What a browser may keep: nothing of it is about anybody. Static files too, under the version they belong to."""
ELSEWHERE = (
    {"Origin": "https://elsewhere.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)
UNSAFE = [case for case in cases() if case.route.method not in SAFE_METHODS]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with stage(tmp_path) as scene:
        yield scene


async def knock(scene: Scene, case: Case, caller: str, raw: bytes | None = b"{}", **headers: str) -> Answer:
    who = await scene.headers(caller, anew=False)
    return await scene.served.ask(case.route.method, scene.path(case), raw=raw, who={**who, **headers})


async def test_every_answer_tells_the_browser_to_be_careful(scene):
    for case in cases():
        if case.route.method == "GET":
            for caller in ("nobody", "gestor_session"):
                answer = await knock(scene, case, caller, raw=None, Accept="text/html")
                assert {name: answer.headers.get(name) for name in EVERYWHERE} == EVERYWHERE, case.key
                kept = case.key[1] in KEPT and answer.status == 200
                assert ("no-store" in answer.headers["Cache-Control"]) != kept, case.key


async def test_no_other_site_does_anything_with_the_cookie_of_this_one(scene):
    for case in UNSAFE:
        for said in ELSEWHERE:
            answer = await knock(scene, case, "gestor_session", **said)
            assert answer.status == 403, (case.key, said)
    still_there = await scene.served.ask(
        "GET", "/api/v1/auth/me", who=await scene.headers("gestor_session", anew=False)
    )
    assert still_there.status == 200


async def test_what_a_form_of_another_site_can_send_is_no_body(scene):
    """A form cannot say that it sends JSON; what reads a body takes nothing else."""
    for case in UNSAFE:
        if case.route.method in ("POST", "PATCH") and "/auth/logout" not in case.route.path:
            for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
                answer = await knock(scene, case, "root_here", b'{"name": "x"}', **{"Content-Type": kind})
                assert answer.status >= 400 or case.route.path in READ_NOTHING, (case.key, kind, answer.status)


READ_NOTHING = {
    "/api/v1/streams",
    "/api/v1/cameras/find-moved",
    "/api/v1/discovery",
    "/api/v1/system/clock/confirm",
    "/api/v1/system/volume/adopt",
    "/api/v1/auth/totp",
    "/api/v1/system/integrity",
    "/api/v1/mosaics/{mosaic_id}/streams/{session_id}",
    "/api/v1/destinations/{destination_id}/secret",
    "/api/v1/destinations/{destination_id}/test",
}
"""Take no body; another site's page is kept out by where it comes from."""


async def test_no_page_of_another_site_is_told_anything(scene):
    for case in cases():
        if case.route.tenant is not Tenant.PUBLIC and case.route.method == "GET":
            answer = await knock(scene, case, "gestor_session", raw=None, Origin="https://elsewhere.example")
            assert not [name for name in answer.headers if name.lower().startswith("access-control-")], case.key
