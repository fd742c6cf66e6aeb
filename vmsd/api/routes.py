"""Every address of the box in one table, each with whose it is and the verb it needs."""

from __future__ import annotations

from vmsd.api import (
    audit,
    auth,
    camera_import,
    cameras,
    cities,
    docs,
    groups,
    live,
    metrics,
    overview,
    recordings,
    stills,
    stream_events,
    streams,
    tokens,
    users,
)
from vmsd.api.bodies import Page, Period
from vmsd.api.policy import Route, Tenant
from vmsd.model.person import Role, Verb
from vmsd.pages.pages import PAGES

PUBLIC, PERSON, CITY, CITIES, SITE_WIDE = Tenant.PUBLIC, Tenant.PERSON, Tenant.CITY, Tenant.CITIES, Tenant.SITE
VIEW, REPLAY, MANAGE, CONFIGURE = Verb.VIEW, Verb.REPLAY, Verb.MANAGE, Verb.CONFIGURE
GESTOR = Role.GESTOR
API = "/api/v1"
CAMERA = f"{API}/cameras/{{camera_id}}"
STREAM = f"{API}/streams/{{session_id}}"
HLS = "/hls/stream_{camera_id:[^/_]+}{main:(?:_main)?}/{file}"
SWITCH = f"{CAMERA}/recording"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/health", overview.health, PUBLIC),
    Route("POST", f"{API}/auth/login", auth.log_in, PUBLIC, cost="login"),
    Route("POST", f"{API}/auth/logout", auth.log_out, PERSON, leaving=True, unready=True),
    Route("GET", f"{API}/auth/me", auth.me, PERSON, unready=True),
    Route("POST", f"{API}/auth/password", auth.change_password, PERSON, unready=True, cost="login"),
    Route("POST", f"{API}/auth/reauthenticate", auth.reauthenticate, PERSON, cost="login"),
    Route("GET", f"{API}/auth/sessions", auth.list_sessions, PERSON, query=Page),
    Route("DELETE", f"{API}/auth/sessions/{{session_id}}", auth.end_session, PERSON),
    Route("POST", f"{API}/auth/totp", auth.begin_second_factor, PERSON, fresh=True),
    Route("PUT", f"{API}/auth/totp", auth.confirm_second_factor, PERSON, fresh=True, cost="login"),
    Route("DELETE", f"{API}/auth/totp", auth.drop_second_factor, PERSON, fresh=True, cost="login"),
    Route("POST", f"{API}/auth/city", auth.show_city, SITE_WIDE),
    Route("GET", f"{API}/cities", cities.list_cities, PERSON, query=Page),
    Route("POST", f"{API}/cities", cities.add_city, SITE_WIDE, MANAGE, fresh=True, creates=True),
    Route("GET", f"{API}/cities/{{city_id}}", cities.get_city, PERSON),
    Route("PATCH", f"{API}/cities/{{city_id}}", cities.change_city, SITE_WIDE, MANAGE, fresh=True),
    Route("DELETE", f"{API}/cities/{{city_id}}", cities.remove_city, SITE_WIDE, MANAGE, fresh=True),
    Route("GET", f"{API}/cameras", cameras.list_cameras, CITY, VIEW, query=Page),
    Route("POST", f"{API}/cameras", cameras.add_camera, CITY, CONFIGURE, creates=True),
    Route("POST", f"{API}/cameras/probe", cameras.probe, CITY, CONFIGURE, cost="heavy"),
    Route(
        "POST",
        f"{API}/cameras/import",
        camera_import.import_cameras,
        CITY,
        CONFIGURE,
        query=camera_import.Import,
        creates=True,
        cost="heavy",
    ),
    Route("GET", CAMERA, cameras.get_camera, CITY, VIEW),
    Route("PATCH", CAMERA, cameras.change_camera, CITY, CONFIGURE),
    Route("DELETE", CAMERA, cameras.remove_camera, CITY, CONFIGURE),
    Route("GET", f"{CAMERA}/status", cameras.status, CITY, VIEW),
    Route("GET", f"{CAMERA}/states", cameras.history, CITY, VIEW, query=Period),
    Route("GET", SWITCH, cameras.get_recording, CITY, VIEW),
    Route("PUT", SWITCH, cameras.start_recording, CITY, MANAGE),
    Route("DELETE", SWITCH, cameras.stop_recording, CITY, MANAGE),
    Route("GET", f"{CAMERA}/snapshot.jpg", stills.snapshot, CITY, VIEW, media=True, query=stills.Snapshot),
    Route("POST", f"{API}/streams", streams.open_stream, CITY, VIEW, query=streams.NewStream),
    Route("GET", f"{API}/streams", streams.list_streams, CITY, VIEW, query=Page),
    Route("GET", STREAM, streams.get_stream, CITY, VIEW),
    Route("DELETE", STREAM, streams.close_stream, CITY, VIEW),
    Route("GET", f"{STREAM}/urls", streams.urls, CITY, VIEW),
    Route("GET", f"{STREAM}/metrics", streams.metrics, CITY, VIEW),
    Route("GET", f"{STREAM}/events", stream_events.stream_events, CITY, VIEW, media=True, query=stream_events.Token),
    Route("GET", HLS, live.hls, CITY, VIEW, media=True, live=True, query=None),
    Route("GET", f"{API}/recordings", recordings.list_recordings, CITY, REPLAY, query=recordings.Search),
    Route("GET", f"{API}/recordings/{{recording_id}}", recordings.get_recording, CITY, REPLAY),
    Route("GET", f"{API}/audit", audit.list_entries, CITIES, MANAGE, GESTOR, query=audit.FilterPage),
    Route("GET", f"{API}/audit.csv", audit.export_csv, CITIES, MANAGE, GESTOR, query=audit.Filter, cost="heavy"),
    Route("GET", f"{API}/audit/verify", audit.verify, SITE_WIDE, cost="heavy"),
    Route("GET", f"{API}/users", users.list_users, CITIES, MANAGE, GESTOR, query=Page),
    Route("POST", f"{API}/users", users.add_user, CITIES, MANAGE, GESTOR, fresh=True, creates=True),
    Route("GET", f"{API}/users/{{user_id}}", users.get_user, CITIES, MANAGE, GESTOR),
    Route("PATCH", f"{API}/users/{{user_id}}", users.change_user, CITIES, MANAGE, GESTOR, fresh=True),
    Route("DELETE", f"{API}/users/{{user_id}}", users.remove_user, CITIES, MANAGE, GESTOR, fresh=True),
    Route("GET", f"{API}/tokens", tokens.list_tokens, PERSON, query=Page),
    Route("POST", f"{API}/tokens", tokens.add_token, PERSON, fresh=True, creates=True),
    Route("GET", f"{API}/tokens/{{token_id}}", tokens.get_token, PERSON),
    Route("POST", f"{API}/tokens/{{token_id}}/rotate", tokens.rotate_token, PERSON, fresh=True),
    Route("DELETE", f"{API}/tokens/{{token_id}}", tokens.revoke_token, PERSON, fresh=True),
    Route("GET", f"{API}/groups", groups.list_groups, CITY, VIEW, query=Page),
    Route("POST", f"{API}/groups", groups.add_group, CITY, MANAGE, GESTOR, creates=True),
    Route("GET", f"{API}/groups/{{group_id}}", groups.get_group, CITY, VIEW),
    Route("PATCH", f"{API}/groups/{{group_id}}", groups.change_group, CITY, MANAGE, GESTOR),
    Route("DELETE", f"{API}/groups/{{group_id}}", groups.remove_group, CITY, MANAGE, GESTOR),
    Route("GET", f"{API}/openapi.json", docs.openapi, PERSON),
    Route("GET", "/docs", docs.page, PERSON, page=True, query=None),
    Route("GET", f"{API}/states", overview.states, CITY, VIEW),
    Route("GET", f"{API}/storage", overview.storage, CITY, VIEW),
    Route("GET", "/metrics", metrics.metrics, SITE_WIDE),
    Route("GET", f"{API}/system", overview.system, PERSON),
    Route("POST", f"{API}/system/clock/confirm", overview.confirm_clock, SITE_WIDE, MANAGE, fresh=True),
    Route("POST", f"{API}/system/volume/adopt", overview.adopt_volume, SITE_WIDE, MANAGE, fresh=True),
    *(
        Route(
            "GET",
            page.path,
            page.handler,
            Tenant(page.whose),
            page.verb,
            page.role,
            page=True,
            query=None,
            unready=page.unready,
            leaving=page.leaving,
        )
        for page in PAGES
    ),
)
