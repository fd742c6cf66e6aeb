"""Every address of the box in one table, each with whose it is and the verb it needs."""

from __future__ import annotations

from aiohttp import web

from vmsd.api import auth, camera_import, cameras, cities, live, overview, recordings, stills, streams
from vmsd.api.bodies import Page, Period
from vmsd.api.door import door
from vmsd.api.headers import before_answer
from vmsd.api.policy import Route, Tenant
from vmsd.api.problems import answer_problems
from vmsd.api.site import SITE, Site
from vmsd.model.person import Verb
from vmsd.pages.pages import PAGES
from vmsd.pages.render import RENDERER

PUBLIC, PERSON, CITY, SITE_WIDE = Tenant.PUBLIC, Tenant.PERSON, Tenant.CITY, Tenant.SITE
VIEW, REPLAY, CONFIGURE = Verb.VIEW, Verb.REPLAY, Verb.CONFIGURE
API = "/api/v1"
CAMERA = f"{API}/cameras/{{camera_id}}"
STREAM = f"{API}/streams/{{session_id}}"
HLS = "/hls/stream_{camera_id:[^/_]+}{main:(?:_main)?}/{file}"
SWITCH = f"{CAMERA}/recording"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/health", overview.health, PUBLIC),
    Route("POST", f"{API}/auth/login", auth.log_in, PUBLIC),
    Route("POST", f"{API}/auth/logout", auth.log_out, PERSON, leaving=True),
    Route("GET", f"{API}/auth/me", auth.me, PERSON),
    Route("POST", f"{API}/auth/password", auth.change_password, PERSON),
    Route("POST", f"{API}/auth/city", auth.show_city, SITE_WIDE),
    Route("GET", f"{API}/cities", cities.list_cities, PERSON, query=Page),
    Route("POST", f"{API}/cities", cities.add_city, SITE_WIDE),
    Route("GET", f"{API}/cities/{{city_id}}", cities.get_city, PERSON),
    Route("PATCH", f"{API}/cities/{{city_id}}", cities.change_city, SITE_WIDE),
    Route("DELETE", f"{API}/cities/{{city_id}}", cities.remove_city, SITE_WIDE),
    Route("GET", f"{API}/cameras", cameras.list_cameras, CITY, VIEW, query=Page),
    Route("POST", f"{API}/cameras", cameras.add_camera, CITY, CONFIGURE),
    Route("POST", f"{API}/cameras/probe", cameras.probe, CITY, CONFIGURE),
    Route("POST", f"{API}/cameras/import", camera_import.import_cameras, CITY, CONFIGURE, query=camera_import.Import),
    Route("GET", CAMERA, cameras.get_camera, CITY, VIEW),
    Route("PATCH", CAMERA, cameras.change_camera, CITY, CONFIGURE),
    Route("DELETE", CAMERA, cameras.remove_camera, CITY, CONFIGURE),
    Route("GET", f"{CAMERA}/status", cameras.status, CITY, VIEW),
    Route("GET", f"{CAMERA}/states", cameras.history, CITY, VIEW, query=Period),
    Route("GET", SWITCH, cameras.get_recording, CITY, VIEW),
    Route("PUT", SWITCH, cameras.start_recording, CITY, CONFIGURE),
    Route("DELETE", SWITCH, cameras.stop_recording, CITY, CONFIGURE),
    Route("GET", f"{CAMERA}/snapshot.jpg", stills.snapshot, CITY, VIEW, media=True, query=stills.Snapshot),
    Route("POST", f"{API}/streams", streams.open_stream, CITY, VIEW, query=streams.NewStream),
    Route("GET", f"{API}/streams", streams.list_streams, CITY, VIEW, query=Page),
    Route("GET", STREAM, streams.get_stream, CITY, VIEW),
    Route("DELETE", STREAM, streams.close_stream, CITY, VIEW),
    Route("GET", f"{STREAM}/urls", streams.urls, CITY, VIEW),
    Route("GET", f"{STREAM}/metrics", streams.metrics, CITY, VIEW),
    Route("GET", HLS, live.hls, CITY, VIEW, media=True, live=True, query=None),
    Route("GET", f"{API}/recordings", recordings.list_recordings, CITY, REPLAY, query=recordings.Search),
    Route("GET", f"{API}/recordings/{{recording_id}}", recordings.get_recording, CITY, REPLAY),
    Route("GET", f"{API}/states", overview.states, CITY, VIEW),
    Route("GET", f"{API}/storage", overview.storage, CITY, VIEW),
    Route("GET", f"{API}/system", overview.system, PERSON),
    Route("POST", f"{API}/system/clock/confirm", overview.confirm_clock, SITE_WIDE),
    Route("POST", f"{API}/system/volume/adopt", overview.adopt_volume, SITE_WIDE),
    *(
        Route(method, path, handler, CITY if inside else PUBLIC, page=True, query=None)
        for method, path, handler, inside in PAGES
    ),
)


def build_app(site: Site) -> web.Application:
    """The aiohttp application of the whole table."""
    policies: dict[web.AbstractRoute, Route] = {}
    app = web.Application(
        middlewares=[answer_problems, door(policies)],
        client_max_size=site.settings.http.body_bytes,
    )
    app.on_response_prepare.append(before_answer)
    app[SITE] = site
    app[RENDERER] = site.renderer
    for route in ROUTES:
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            policies[app.router.add_route(method, route.path, route.handler)] = route
    return app
