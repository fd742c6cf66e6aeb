"""Every route times everybody who may knock: what each hears is written down here, and reviewed."""

from __future__ import annotations

import pytest

from tests.unit.api.callers import CALLERS, knocker
from vmsd.api.policy import Route, Tenant
from vmsd.api.routes import ROUTES

# Each route is asked with an empty object where it takes a body, and about a camera, session and city of `here`.
# 401, 403 and 400 (no city named) come from the door, 404 is said of everything of another city; whatever else
# stands here was let in: 422 for the empty body, 409 for a city in use, 503 for a MediaMTX that is away.
COLUMNS = """
nobody expired viewer viewer_of_another_camera viewer_of_another_city guard other other_naming_here gestor root
root_naming_here
"""
DOORS = """
GET /health                                           200 200 200 200 200 200 200 200 200 200 200
POST /api/v1/auth/login                               422 422 422 422 422 422 422 422 422 422 422
POST /api/v1/auth/logout                              401 401 401 401 401 204 204 204 204 204 204
GET /api/v1/auth/me                                   401 401 401 401 401 200 200 200 200 200 200
POST /api/v1/auth/password                            401 401 401 401 401 422 422 422 422 422 422
POST /api/v1/auth/city                                401 401 401 401 401 403 403 403 403 422 422
GET /api/v1/cities                                    401 401 401 401 401 200 200 200 200 200 200
POST /api/v1/cities                                   401 401 401 401 401 403 403 403 403 422 422
GET /api/v1/cities/{city_id}                          401 401 401 401 401 200 404 404 200 200 200
PATCH /api/v1/cities/{city_id}                        401 401 401 401 401 403 403 403 403 200 200
DELETE /api/v1/cities/{city_id}                       401 401 401 401 401 403 403 403 403 409 409
GET /api/v1/cameras                                   401 401 401 401 401 200 200 403 200 400 200
POST /api/v1/cameras                                  401 401 401 401 401 403 422 403 422 400 422
POST /api/v1/cameras/probe                            401 401 401 401 401 403 422 403 422 400 422
POST /api/v1/cameras/import                           401 401 401 401 401 403 422 403 422 400 422
GET /api/v1/cameras/{camera_id}                       401 401 401 401 401 200 404 403 200 400 200
PATCH /api/v1/cameras/{camera_id}                     401 401 401 401 401 403 404 403 200 400 200
DELETE /api/v1/cameras/{camera_id}                    401 401 401 401 401 403 404 403 204 400 404
GET /api/v1/cameras/{camera_id}/status                401 401 401 401 401 200 404 403 200 400 200
GET /api/v1/cameras/{camera_id}/states                401 401 401 401 401 422 422 403 422 400 422
GET /api/v1/cameras/{camera_id}/recording             401 401 401 401 401 200 404 403 200 400 200
PUT /api/v1/cameras/{camera_id}/recording             401 401 401 401 401 403 404 403 200 400 200
DELETE /api/v1/cameras/{camera_id}/recording          401 401 401 401 401 403 404 403 200 400 200
GET /api/v1/cameras/{camera_id}/snapshot.jpg          401 401 404 404 404 404 404 403 404 400 404
POST /api/v1/streams                                  401 401 401 401 401 201 404 403 201 400 201
GET /api/v1/streams                                   401 401 401 401 401 200 200 403 200 400 200
GET /api/v1/streams/{session_id}                      401 401 401 401 401 404 404 403 200 400 200
DELETE /api/v1/streams/{session_id}                   401 401 401 401 401 404 404 403 204 400 404
GET /api/v1/streams/{session_id}/urls                 401 401 401 401 401 404 404 403 200 400 403
GET /api/v1/streams/{session_id}/metrics              401 401 401 401 401 404 404 403 200 400 200
GET /hls/stream_{camera_id}{main}/{file}              401 401 503 404 404 503 404 403 503 400 503
GET /api/v1/recordings                                401 401 401 401 401 422 422 403 422 400 422
GET /api/v1/recordings/{recording_id}                 401 401 401 401 401 404 404 403 404 400 404
GET /api/v1/states                                    401 401 401 401 401 200 200 403 200 400 200
GET /api/v1/storage                                   401 401 401 401 401 200 200 403 200 400 200
GET /api/v1/system                                    401 401 401 401 401 200 200 200 200 200 200
POST /api/v1/system/clock/confirm                     401 401 401 401 401 403 403 403 403 200 200
POST /api/v1/system/volume/adopt                      401 401 401 401 401 403 403 403 403 200 200
GET /login                                            200 200 200 200 200 200 200 200 200 200 200
GET /static/{version}/{name}                          200 200 200 200 200 200 200 200 200 200 200
GET /                                                 401 401 401 401 401 200 200 403 200 400 200
GET /camera/{id}                                      401 401 401 401 401 200 200 403 200 400 200
GET /camera/{id}/edit                                 401 401 401 401 401 403 200 403 200 400 200
GET /cameras                                          401 401 401 401 401 200 200 403 200 400 200
GET /cameras/new                                      401 401 401 401 401 403 200 403 200 400 200
GET /health-board                                     401 401 401 401 401 200 200 403 200 400 200
"""


def doors() -> dict[str, list[int]]:
    lines = [line.rsplit(maxsplit=len(CALLERS)) for line in DOORS.strip().splitlines()]
    return {" ".join(line[0].split()): [int(one) for one in line[1:]] for line in lines}


def name_of(route: Route) -> str:
    path = route.path.replace(":[^/_]+", "").replace(":(?:_main)?", "").replace(":.+", "")
    return f"{route.method} {path}"


def test_every_route_is_reviewed_and_nothing_else():
    assert tuple(COLUMNS.split()) == CALLERS
    assert sorted(doors()) == sorted(name_of(route) for route in ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
async def test_the_door_opens_to_whom_it_should(town, route):
    knock = await knocker(town)
    statuses = [(await knock.knock(route, caller)).status for caller in CALLERS]
    assert dict(zip(CALLERS, statuses, strict=True)) == dict(zip(CALLERS, doors()[name_of(route)], strict=True))


def test_what_is_open_to_everybody_is_a_short_list():
    open_ = {name_of(route) for route in ROUTES if route.tenant is Tenant.PUBLIC}
    assert open_ == {"GET /health", "POST /api/v1/auth/login", "GET /login", "GET /static/{version}/{name}"}


def test_viewing_tokens_open_only_reading_routes_of_one_camera():
    media = [route for route in ROUTES if route.media]
    assert media
    assert all(route.method == "GET" and "{camera_id" in route.path for route in media)


def test_what_changes_cameras_or_cities_needs_a_verb_or_a_superadmin():
    for route in ROUTES:
        if route.method != "GET" and route.tenant is Tenant.CITY and "streams" not in route.path:
            assert route.verb == "configure", name_of(route)
        if route.tenant is Tenant.CITY and not route.page:
            assert route.verb is not None, name_of(route)


async def test_a_route_nobody_wrote_into_the_table_is_not_there(town):
    routes = {resource.canonical for resource in town.served.site_app.router.resources()}
    assert routes == {name_of(route).partition(" ")[2] for route in ROUTES}
